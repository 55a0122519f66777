//! What pages show: each page is one method, one read transaction and a fixed number of statements, so that all of it is one
//! state. What a page is about is in the method's signature. What stands beside it, such as a license's product, is `None`
//! where the caller may not see such things.

mod customer;
mod customers;
mod dashboard;
mod license;
mod licenses;
mod product;
mod registry;
mod search;

pub use customer::{CustomerEntitlements, CustomerPages, CustomerView, HeldLicenses, PullableArtifact};
pub use customers::{CustomerKeys, CustomerListView};
pub use dashboard::{DashboardView, Overview};
pub use license::LicenseView;
pub use licenses::{EntitlementCounts, Holding, LicenseListView, LicensesByHolderView};
pub use product::{ProductKeys, ProductView};
pub use registry::{RegistryRow, RegistryView};
pub use search::SearchView;

use keyward_domain::permission::{ReadAuditEvents, ReadProducts};
use keyward_domain::{
    Access, AuditFilter, Feature, Grant, OrganizationScope, PageRequest, Product, ProductId, RecordedEvent,
    Timestamp,
};
use keyward_storage::Tx;
use uuid::Uuid;

use crate::{Result, organization};

/// Where things that need `Q` are found to be shown beside others; `None` for a caller who may not see them.
fn beside<Q: Grant, P>(access: &Access<P>) -> Option<OrganizationScope> {
    access.also::<Q>().ok().map(|access| access.scope())
}

/// A product that stands beside something else.
async fn product<P>(tx: &Tx, access: &Access<P>, id: Option<ProductId>) -> Result<Option<Product>> {
    match (beside::<ReadProducts, P>(access), id) {
        (Some(scope), Some(id)) => Ok(tx.products(scope).find(id).await?),
        (None, _) | (_, None) => Ok(None),
    }
}

/// What was done to a thing last, where the plan includes the audit log and the caller may see it.
async fn done_to<P>(
    tx: &Tx,
    access: &Access<P>,
    target: Uuid,
    now: Timestamp,
    most: u32,
) -> Result<Option<Vec<RecordedEvent>>> {
    let Some(scope) = beside::<ReadAuditEvents, P>(access) else { return Ok(None) };
    if !organization::find(tx, scope).await?.limits(now).includes(Feature::AuditLog) {
        return Ok(None);
    }
    let filter = AuditFilter { target: Some(target), ..AuditFilter::default() };
    let first = PageRequest { limit: most, after: None };
    Ok(Some(tx.audit(scope).list(&filter, first).await?.newest()))
}
