//! What a text names, whatever its kind: the first of each.

use keyward_domain::permission::{
    ReadApplications, ReadCustomers, ReadLicenses, ReadOrganization, ReadProducts, ReadRegistries, ReadTokens,
};
use keyward_domain::registry::{Artifact, Registry, RegistryKey};
use keyward_domain::text::Needle;
use keyward_domain::{
    Access, Application, Customer, License, LicenseFilter, LicenseKey, ManagementToken, PageRequest, Product,
};

use super::beside;
use crate::{Engine, Result};

/// What a text names. Of what the caller may not see, there is nothing.
#[derive(Debug, Clone, Default)]
pub struct SearchView {
    /// By name or address.
    pub customers: Vec<Customer>,
    /// By name, or by how their license key begins.
    pub licenses: Vec<License>,
    /// By name, or by how their API key begins.
    pub products: Vec<Product>,
    /// By name.
    pub applications: Vec<Application>,
    /// By repository.
    pub artifacts: Vec<Artifact>,
    /// By name or host.
    pub registries: Vec<Registry>,
    /// By name, or by how they begin.
    pub registry_keys: Vec<RegistryKey>,
    /// By how they begin.
    pub tokens: Vec<ManagementToken>,
}

/// A text of fewer characters names too much.
const LEAST: usize = 2;

impl Engine {
    /// What a text names, at most `most` of each kind.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn search_view(
        &self,
        access: &Access<ReadOrganization>,
        text: &str,
        most: u32,
    ) -> Result<SearchView> {
        let (tx, text, mut found) = (self.store.read().await?, text.trim(), SearchView::default());
        let Some(needle) = Needle::new(text).filter(|_| text.chars().count() >= LEAST) else {
            return Ok(found);
        };
        let page = PageRequest { limit: most, after: None };
        if let Some(scope) = beside::<ReadCustomers, _>(access) {
            found.customers = tx.customers(scope).list(Some(text), page).await?.newest();
        }
        if let Some(scope) = beside::<ReadLicenses, _>(access) {
            if let Some(prefix) = LicenseKey::prefix(text) {
                found.licenses = tx.beginnings(scope).licenses(&prefix, most.into()).await?;
            }
            let named = LicenseFilter { name_contains: Some(text.to_owned()), ..LicenseFilter::default() };
            let named = tx.licenses(scope).list(&named, self.now(), page).await?.newest();
            for license in named {
                if !found.licenses.iter().any(|one| one.id == license.id) {
                    found.licenses.push(license);
                }
            }
            found.licenses.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        }
        if let Some(scope) = beside::<ReadProducts, _>(access) {
            found.products = tx.products(scope).list(Some(text), page).await?.newest();
            if found.products.is_empty() {
                found.products = tx.beginnings(scope).products(text, most.into()).await?;
            }
        }
        if let Some(scope) = beside::<ReadApplications, _>(access) {
            found.applications = tx.applications(scope).list(Some(text), page).await?.newest();
        }
        if let Some(scope) = beside::<ReadRegistries, _>(access) {
            found.artifacts = tx.artifacts(scope).list(None, Some(text), page).await?.newest();
            found.registry_keys = tx.beginnings(scope).registry_keys(text, most.into()).await?;
            let is_meant = |registry: &Registry| {
                needle.is_in(registry.name.as_str()) || needle.is_in(&registry.host.to_string())
            };
            let registries = tx.registries(scope).all_of_them().await?.into_iter().filter(is_meant);
            found.registries = registries.take(usize::try_from(most).unwrap_or(usize::MAX)).collect();
        }
        if let Some(scope) = beside::<ReadTokens, _>(access) {
            found.tokens = tx.beginnings(scope).tokens(text, most.into()).await?;
        }
        Ok(found)
    }
}
