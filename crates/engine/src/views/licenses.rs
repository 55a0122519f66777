//! Licenses: by who holds them, and as one list.

use std::collections::BTreeMap;

use keyward_domain::permission::{ReadCustomers, ReadEntitlements, ReadLicenses};
use keyward_domain::{
    Access, CustomerId, License, LicenseFilter, LicenseOrder, Ordered, OrderedRequest, Page, PageRequest,
    Product,
};
use keyward_storage::{LicenseHolder, Named};

use super::{beside, product};
use crate::{Engine, Result};

/// A page of the customers with what they hold.
#[derive(Debug, Clone)]
pub struct LicensesByHolderView {
    /// The product that the list is of, if it is of one that there is.
    pub product: Option<Product>,
    /// What the whole organization holds; on the first page alone.
    pub whole: Option<Holding>,
    /// The customers, the newest first.
    pub holders: Page<Holding>,
}

/// What one customer, or the whole organization, holds.
#[derive(Debug, Clone)]
pub struct Holding {
    /// Who; `None` for the whole organization.
    pub customer: Option<(CustomerId, Named)>,
    /// How many licenses the list's filter lets through.
    pub count: u64,
    /// The newest of them.
    pub licenses: Vec<License>,
    /// What else the customer holds.
    pub entitlements: Option<EntitlementCounts>,
}

/// How much a customer is entitled to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EntitlementCounts {
    /// How many applications.
    pub applications: u64,
    /// How many artifact entitlements there are.
    pub artifacts: u64,
}

/// A part of one list of licenses.
#[derive(Debug, Clone)]
pub struct LicenseListView {
    /// The product that the list is of, if it is of one that there is.
    pub product: Option<Product>,
    /// The licenses.
    pub licenses: Ordered<License>,
    /// What those who hold them are called, or were before they were deleted.
    pub customers: Option<BTreeMap<CustomerId, Named>>,
}

impl Engine {
    /// A page of the customers, the newest first, each with how many licenses a filter lets through and the newest
    /// `most` of those. With a text in the filter, those whose own name or address has it, with all their licenses,
    /// and those who hold a license whose name has it. Before the first page, what the whole organization holds.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn licenses_by_holder_view(
        &self,
        licenses: &Access<ReadLicenses>,
        customers: &Access<ReadCustomers>,
        filter: &LicenseFilter,
        page: PageRequest,
        most: u32,
    ) -> Result<LicensesByHolderView> {
        let (tx, now) = (self.store.read().await?, self.now());
        let whole = match page.after {
            None => {
                let unscoped = LicenseFilter { unscoped: true, ..filter.clone() };
                let licenses = tx.licenses(licenses.scope());
                let first = PageRequest { limit: most, after: None };
                let newest = licenses.list(&unscoped, now, first).await?.newest();
                let count = licenses.count(&unscoped, now).await?;
                let whole = Holding { customer: None, count, licenses: newest, entitlements: None };
                (count > 0).then_some(whole)
            }
            Some(_) => None,
        };
        let found = tx.license_holders(customers.scope()).list(filter, now, page).await?;
        let (holders, next) = found.into_parts();
        let mut held = tx.license_holders(licenses.scope()).licenses(&holders, filter, now, most).await?;
        let ids: Vec<_> = holders.iter().map(|holder| holder.id).collect();
        let counts = match beside::<ReadEntitlements, _>(licenses) {
            Some(scope) => {
                let applications = tx.application_entitlements(scope).counts(&ids).await?;
                Some((applications, tx.artifact_entitlements(scope).counts(&ids).await?))
            }
            None => None,
        };
        let holding = |holder: LicenseHolder| {
            let (count, licenses) = held.remove(&holder.id).unwrap_or_default();
            let entitlements = counts.as_ref().map(|(applications, artifacts)| EntitlementCounts {
                applications: applications.get(&holder.id).copied().unwrap_or(0),
                artifacts: artifacts.get(&holder.id).copied().unwrap_or(0),
            });
            Holding { customer: Some((holder.id, holder.named)), count, licenses, entitlements }
        };
        Ok(LicensesByHolderView {
            product: product(&tx, licenses, filter.product).await?,
            whole,
            holders: Page::new(holders.into_iter().map(holding).collect(), next),
        })
    }

    /// A part of the licenses that a filter lets through, in an order.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn license_list_view(
        &self,
        access: &Access<ReadLicenses>,
        filter: &LicenseFilter,
        page: &OrderedRequest<LicenseOrder>,
    ) -> Result<LicenseListView> {
        let tx = self.store.read().await?;
        let found = tx.licenses(access.scope()).list_in_order(filter, self.now(), page).await?;
        let (licenses, next) = found.into_parts();
        let customers = match beside::<ReadCustomers, _>(access) {
            Some(scope) => {
                let mut ids: Vec<_> = licenses.iter().filter_map(|license| license.customer).collect();
                ids.sort_unstable();
                ids.dedup();
                Some(tx.names(scope).customers(&ids).await?)
            }
            None => None,
        };
        let product = product(&tx, access, filter.product).await?;
        Ok(LicenseListView { product, licenses: Ordered::new(licenses, next), customers })
    }
}
