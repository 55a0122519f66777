//! One product.

use keyward_domain::permission::ReadProducts;
use keyward_domain::{Access, Product, ProductId};

use crate::{Engine, Result, organization, product};

/// A product with its use.
#[derive(Debug, Clone)]
pub struct ProductView {
    /// The product.
    pub product: Product,
    /// How many validations were let in today (UTC).
    pub used: u64,
    /// How many the plan lets in on a day; `None` without limit.
    pub limit: Option<u32>,
}

impl Engine {
    /// One product.
    pub async fn product_view(&self, access: &Access<ReadProducts>, id: ProductId) -> Result<ProductView> {
        let (tx, scope, now) = (self.store.read().await?, access.scope(), self.now());
        let product = product::find(&tx, scope, id).await?;
        let organization = organization::find(&tx, scope).await?;
        let days = tx.usage(id).list(now.day(), now.day()).await?;
        Ok(ProductView {
            product,
            used: days.first().map_or(0, |day| day.used),
            limit: organization.limits(now).validations_per_day,
        })
    }
}
