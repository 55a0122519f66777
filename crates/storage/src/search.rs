//! Keys by how they begin: what people read off a screen or a mail, and look for.

use keyward_domain::registry::RegistryKey;
use keyward_domain::text::Needle;
use keyward_domain::{License, LicenseKey, ManagementToken, OrganizationScope, Product};
use sea_orm::sea_query::{Expr, ExprTrait as _, LikeExpr, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, SelectTwo};

use crate::connection::Connection;
use crate::license::{self, row as licenses};
use crate::revision::row as terms;
use crate::{Result, product, registry_key, token};

/// The keys and credentials of one organization, by how they begin.
pub struct Beginnings<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Beginnings<'_> {
    /// The licenses whose key begins so ([`LicenseKey::prefix`]), at most `most`.
    pub async fn licenses(&self, prefix: &str, most: u64) -> Result<Vec<License>> {
        let rows = by_key_prefix(self.scope, prefix, most).all(self.tx).await?;
        rows.into_iter().map(license::read).collect()
    }

    /// The products whose API key begins so, at most `most`.
    pub async fn products(&self, hint: &str, most: u64) -> Result<Vec<Product>> {
        let found = product::row::Entity::find()
            .filter(product::row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(begins(product::row::Column::KeyHint, hint));
        let rows = found.order_by_desc(product::row::Column::Id).limit(most).all(self.tx).await?;
        rows.into_iter().map(product::read).collect()
    }

    /// The registry keys that begin so or have a text in their name, at most `most`.
    pub async fn registry_keys(&self, text: &str, most: u64) -> Result<Vec<RegistryKey>> {
        use registry_key::row::{Column, Entity};
        let named = Needle::new(text).map(|needle| needle.as_str().to_owned()).unwrap_or_default();
        let name = Expr::cust("LOWER(\"registry_keys\".\"name\")").like(pattern(&named, true));
        let found = Entity::find()
            .filter(Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(begins(Column::Hint, text).or(name));
        let rows = found.order_by_desc(Column::Id).limit(most).all(self.tx).await?;
        rows.into_iter().map(registry_key::read).collect()
    }

    /// The management tokens that begin so, at most `most`.
    pub async fn tokens(&self, hint: &str, most: u64) -> Result<Vec<ManagementToken>> {
        use token::row::{Column, Entity};
        let found = Entity::find()
            .filter(Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(begins(Column::Hint, hint))
            .order_by_desc(Column::Id)
            .limit(most);
        token::with_maker(found).all(self.tx).await?.into_iter().map(token::read).collect()
    }
}

/// The licenses whose key begins so, along the index of all keys.
pub(crate) fn by_key_prefix(
    scope: OrganizationScope,
    prefix: &str,
    most: u64,
) -> SelectTwo<licenses::Entity, terms::Entity> {
    let (first, last) = LicenseKey::range(prefix);
    let found = license::live(scope)
        .filter(licenses::Column::LicenseKey.is_not_null())
        .filter(licenses::Column::LicenseKey.between(first, last));
    license::with_terms(found).order_by_asc(licenses::Column::LicenseKey).limit(most)
}

/// Whether a column holds the beginning of a secret that begins with a text, as far as both go.
fn begins<C: ColumnTrait>(column: C, text: &str) -> SimpleExpr {
    let beginning: String = text.chars().take(keyward_domain::Secret::HINT).collect();
    Expr::col(column.as_column_ref()).like(pattern(&beginning, false))
}

fn pattern(text: &str, anywhere: bool) -> LikeExpr {
    let mut pattern = String::from(if anywhere { "%" } else { "" });
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    LikeExpr::new(pattern).escape('\\')
}
