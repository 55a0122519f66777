//! The customers, each with their keys.

use std::collections::BTreeMap;

use keyward_domain::license_use::DAYS_BEFORE;
use keyward_domain::permission::{ReadCustomers, ReadLicenses};
use keyward_domain::{
    Access, Customer, CustomerId, CustomerOrder, License, LicenseFilter, Ordered, OrderedRequest,
};

use keyward_storage::CustomerValidations;

use super::beside;
use crate::{Engine, Result};

/// A part of the list of customers.
#[derive(Debug, Clone)]
pub struct CustomerListView {
    /// The customers.
    pub customers: Ordered<Customer>,
    /// What those of them hold who hold something; `None` for who may not see licenses.
    pub keys: Option<BTreeMap<CustomerId, CustomerKeys>>,
}

/// The licenses of a customer.
#[derive(Debug, Clone, Default)]
pub struct CustomerKeys {
    /// How many there are.
    pub count: u64,
    /// The newest.
    pub newest: Vec<License>,
    /// How they were validated in the last 30 days.
    pub used: CustomerValidations,
}

impl Engine {
    /// A part of the customers whose name or address contains a text, or of all, in an order; each with the `most` newest
    /// of their licenses.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn customer_list_view(
        &self,
        access: &Access<ReadCustomers>,
        contains: Option<&str>,
        page: &OrderedRequest<CustomerOrder>,
        most: u32,
    ) -> Result<CustomerListView> {
        let (tx, now) = (self.store.read().await?, self.now());
        let found = tx.customers(access.scope()).list_in_order(contains, page).await?;
        let (customers, next) = found.into_parts();
        let keys = match beside::<ReadLicenses, _>(access) {
            Some(scope) => {
                let ids: Vec<_> = customers.iter().map(|customer| customer.id).collect();
                let held = tx.license_holders(scope).held_by(&ids, now, most).await?;
                let first = now.day() - i64::from(DAYS_BEFORE);
                let mut used = tx.license_use(scope).of_customers(&ids, first).await?;
                let keys = |(id, (count, newest))| {
                    (id, CustomerKeys { count, newest, used: used.remove(&id).unwrap_or_default() })
                };
                Some(held.into_iter().map(keys).collect())
            }
            None => None,
        };
        Ok(CustomerListView { customers: Ordered::new(customers, next), keys })
    }

    /// How many licenses a filter lets through now.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn count_licenses(&self, access: &Access<ReadLicenses>, filter: &LicenseFilter) -> Result<u64> {
        Ok(self.store.read().await?.licenses(access.scope()).count(filter, self.now()).await?)
    }
}
