//! Licenses by who holds them.

use keyward_domain::permission::{ReadCustomers, ReadLicenses};
use keyward_domain::{Access, CustomerId, License, LicenseFilter, Page, PageRequest};
use keyward_storage::Named;

use crate::{Engine, Result};

/// What one customer, or the whole organization, holds.
#[derive(Debug, Clone)]
pub struct Holding {
    /// Who; `None` for the whole organization.
    pub customer: Option<(CustomerId, Named)>,
    /// How many licenses the list's filter lets through.
    pub count: u64,
    /// The newest of them.
    pub licenses: Vec<License>,
}

impl Engine {
    /// A page of the customers, the newest first, each with how many licenses a filter lets through and the newest
    /// `most` of those. With a text in the filter, those whose own name or address has it, with all their licenses,
    /// and those who hold a license whose name has it. Before the first page, what the whole organization holds.
    pub async fn licenses_by_holder(
        &self,
        licenses: &Access<ReadLicenses>,
        customers: &Access<ReadCustomers>,
        filter: &LicenseFilter,
        page: PageRequest,
        most: u32,
    ) -> Result<(Option<Holding>, Page<Holding>)> {
        let (tx, now) = (self.store.read().await?, self.now());
        let whole = match page.after {
            None => {
                let unscoped = LicenseFilter { unscoped: true, ..filter.clone() };
                let licenses = tx.licenses(licenses.scope());
                let first = PageRequest { limit: most, after: None };
                let newest = licenses.list(&unscoped, now, first).await?.newest();
                let count = licenses.count(&unscoped, now).await?;
                (count > 0).then_some(Holding { customer: None, count, licenses: newest })
            }
            Some(_) => None,
        };
        let found = tx.license_holders(customers.scope()).list(filter, now, page).await?;
        let (holders, next) = found.into_parts();
        let mut held = tx.license_holders(licenses.scope()).licenses(&holders, filter, now, most).await?;
        let holding = |holder: keyward_storage::LicenseHolder| {
            let (count, licenses) = held.remove(&holder.id).unwrap_or_default();
            Holding { customer: Some((holder.id, holder.named)), count, licenses }
        };
        Ok((whole, Page::new(holders.into_iter().map(holding).collect(), next)))
    }
}
