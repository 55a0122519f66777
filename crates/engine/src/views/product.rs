//! One product.

use std::collections::BTreeMap;

use keyward_domain::permission::{ReadLicenses, ReadProducts};
use keyward_domain::share::Partition;
use keyward_domain::{
    Access, License, LicenseFilter, LicenseId, LicenseStatus, OrganizationScope, PageRequest, Product,
    ProductId, RecordedEvent, Timestamp,
};
use keyward_storage::{Named, Tx};

use super::{Overview, beside, done_to};
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
    /// How often it was asked on each of the last [`Overview::DAYS`] days, today's last.
    pub days: Vec<(i64, u64)>,
    /// Its keys; `None` for who may not see licenses.
    pub keys: Option<ProductKeys>,
    /// What was done to it last. `None` also where the plan does not include the audit log.
    pub events: Option<Vec<RecordedEvent>>,
}

/// The keys of a product.
#[derive(Debug, Clone)]
pub struct ProductKeys {
    /// How many there are.
    pub count: u64,
    /// How many of them are active.
    pub active: u64,
    /// The newest.
    pub newest: Vec<License>,
}

impl Engine {
    /// One product, with its `most` newest keys and events.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn product_view(
        &self,
        access: &Access<ReadProducts>,
        id: ProductId,
        most: u32,
    ) -> Result<ProductView> {
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
        let used = tx.usage(id).list(now.day() - Overview::DAYS + 1, now.day()).await?;
        let used_on = |day| used.iter().find(|one| one.day == day).map_or(0, |one| one.used);
        let days = (now.day() - Overview::DAYS + 1..=now.day()).map(|day| (day, used_on(day))).collect();
        let keys = match beside::<ReadLicenses, _>(access) {
            Some(scope) => Some(keys(&tx, scope, id, now, most).await?),
            None => None,
        };
        let events = done_to(&tx, access, id.uuid(), now, most).await?;
        Ok(ProductView { product, bucket, licenses, days, keys, events })
    }

    /// How many keys of a product are active: what is told before it goes out of service.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn active_keys(&self, access: &Access<ReadProducts>, id: ProductId) -> Result<Option<u64>> {
        let tx = self.store.read().await?;
        product::find(&tx, access.scope(), id).await?;
        match beside::<ReadLicenses, _>(access) {
            Some(scope) => Ok(Some(tx.licenses(scope).count(&active(id), self.now()).await?)),
            None => Ok(None),
        }
    }
}

fn active(product: ProductId) -> LicenseFilter {
    let (product, status) = (Some(product), Some(LicenseStatus::Active));
    LicenseFilter { product, status, ..LicenseFilter::default() }
}

async fn keys(
    tx: &Tx,
    scope: OrganizationScope,
    product: ProductId,
    now: Timestamp,
    most: u32,
) -> Result<ProductKeys> {
    let (licenses, all) =
        (tx.licenses(scope), LicenseFilter { product: Some(product), ..LicenseFilter::default() });
    Ok(ProductKeys {
        count: licenses.count(&all, now).await?,
        active: licenses.count(&active(product), now).await?,
        newest: licenses.list(&all, now, PageRequest { limit: most, after: None }).await?.newest(),
    })
}
