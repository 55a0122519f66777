//! Lists in pages by keyset: newest first, after a cursor.

use keyward_domain::{Cursor, Page, PageRequest};
use sea_orm::sea_query::{Expr, ExprTrait, Func, LikeExpr, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use crate::Result;

/// Restricts a query to one page and one row more, which tells whether there is a next page.
pub(crate) fn paged<E: EntityTrait>(query: Select<E>, id: E::Column, page: PageRequest) -> Select<E> {
    let query = match page.after {
        Some(cursor) => query.filter(id.lt(cursor.id())),
        None => query,
    };
    query.order_by_desc(id).limit(u64::from(page.limit) + 1)
}

/// Makes the page of what [`paged`] found.
pub(crate) fn page<R, T>(
    mut rows: Vec<R>,
    page: PageRequest,
    id: impl Fn(&R) -> Uuid,
    read: impl FnMut(R) -> Result<T>,
) -> Result<Page<T>> {
    let limit = page.limit as usize;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| Cursor::after(id(row)));
    Ok(Page { items: rows.into_iter().map(read).collect::<Result<_>>()?, next })
}

/// Whether `column` contains `text`; letter case of ASCII does not count, and `%` and `_` are plain.
pub(crate) fn contains<C: ColumnTrait>(column: C, text: &str) -> SimpleExpr {
    let mut pattern = String::from("%");
    for c in text.to_ascii_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    Expr::expr(Func::lower(Expr::col(column.as_column_ref()))).like(LikeExpr::new(pattern).escape('\\'))
}
