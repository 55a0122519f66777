//! Lists in an order that someone chose.

use keyward_domain::permission::{ReadCustomers, ReadLicenses, ReadProducts};
use keyward_domain::{
    Access, Customer, CustomerOrder, License, LicenseFilter, LicenseOrder, Ordered, OrderedRequest, Product,
    ProductOrder,
};

use crate::{Engine, Result};

impl Engine {
    /// The licenses that a filter lets through.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn licenses_in_order(
        &self,
        access: &Access<ReadLicenses>,
        filter: &LicenseFilter,
        page: &OrderedRequest<LicenseOrder>,
    ) -> Result<Ordered<License>> {
        let tx = self.store.read().await?;
        Ok(tx.licenses(access.scope()).list_in_order(filter, self.now(), page).await?)
    }

    /// The customers whose name or address contains a text, or all.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn customers_in_order(
        &self,
        access: &Access<ReadCustomers>,
        contains: Option<&str>,
        page: &OrderedRequest<CustomerOrder>,
    ) -> Result<Ordered<Customer>> {
        let tx = self.store.read().await?;
        Ok(tx.customers(access.scope()).list_in_order(contains, page).await?)
    }

    /// The products whose name contains a text, or all.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn products_in_order(
        &self,
        access: &Access<ReadProducts>,
        contains: Option<&str>,
        page: &OrderedRequest<ProductOrder>,
    ) -> Result<Ordered<Product>> {
        let tx = self.store.read().await?;
        Ok(tx.products(access.scope()).list_in_order(contains, page).await?)
    }
}
