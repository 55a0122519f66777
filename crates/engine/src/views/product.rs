//! One product.

use std::collections::BTreeMap;

use keyward_domain::permission::{ReadLicenses, ReadProducts};
use keyward_domain::share::Partition;
use keyward_domain::{Access, LicenseId, Product, ProductId};
use keyward_storage::Named;

use super::beside;
use crate::bucket_alert::BucketView;
use crate::{Engine, Result, product};

/// A product with its use.
#[derive(Debug, Clone)]
pub struct ProductView {
    /// The product.
    pub product: Product,
    /// Its bucket of today (UTC).
    pub bucket: BucketView,
    /// The names of the licenses that took from it; `None` for who may not see them.
    pub licenses: Option<BTreeMap<LicenseId, Named>>,
}

impl Engine {
    /// One product.
    pub async fn product_view(&self, access: &Access<ReadProducts>, id: ProductId) -> Result<ProductView> {
        let (tx, scope, now) = (self.store.read().await?, access.scope(), self.now());
        let product = product::find(&tx, scope, id).await?;
        let bucket = BucketView::of(&tx, &product, now).await?;
        let licenses = match beside::<ReadLicenses, _>(access) {
            Some(scope) => {
                let license = |partition| match partition {
                    Partition::License(id) => Some(id),
                    Partition::Address(_) | Partition::UnknownKey => None,
                };
                let taking = bucket.partitions.iter().map(|usage| usage.partition);
                let told = bucket.alerts.iter().filter_map(|alert| alert.finding.partition());
                let ids: Vec<_> = taking.chain(told).filter_map(license).collect();
                Some(tx.names(scope).licenses(&ids).await?)
            }
            None => None,
        };
        Ok(ProductView { product, bucket, licenses })
    }
}
