//! What texts are compared by, kept next to them.

use keyward_domain::Email;
use keyward_domain::text::{Needle, fold};
use sea_orm::ColumnTrait;
use sea_orm::sea_query::{Expr, ExprTrait as _, LikeExpr, SimpleExpr};

/// What is searched of a row: its texts, each on a line of its own. An address is found as it was typed, and as it is mailed to.
pub(crate) fn search_text(texts: &[&str], email: Option<&Email>) -> String {
    let mut lines: Vec<String> = texts.iter().map(|text| fold(text)).collect();
    if let Some(email) = email {
        let key = email.key();
        if !lines.iter().any(|line| line == key.as_str()) {
            lines.push(key.as_str().to_owned());
        }
    }
    lines.join("\n")
}

/// Whether a column of folded text contains a text.
pub(crate) fn contains<C: ColumnTrait>(column: C, text: &str) -> SimpleExpr {
    let Some(needle) = Needle::new(text) else { return Expr::value(1).eq(0) };
    let mut pattern = String::from("%");
    for c in needle.as_str().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    Expr::col(column.as_column_ref()).like(LikeExpr::new(pattern).escape('\\'))
}
