//! The vendor's pages, one noun a file.

mod alerts;
mod application_entitlements;
mod application_versions;
mod applications;
mod artifact_entitlements;
pub(crate) mod artifacts;
mod audit;
mod audit_sinks;
mod choose;
mod columns;
mod confirm;
mod customer;
mod customers;
mod dashboard;
mod deletion;
mod deployments;
mod keys;
mod license;
mod license_list;
mod license_new;
mod members;
mod notices;
mod product;
mod products;
mod provider;
mod reach;
mod registries;
mod registry_activity;
mod registry_key_rotation;
mod registry_keys;
mod registry_notifications;
mod scopes;
mod search;
mod settings;
mod template;
mod tokens;
mod webhook_deliveries;
mod webhooks;

use actix_web::web;
use keyward_domain::permission::ReadOrganization;

use crate::account;
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    dashboard::routes(config);
    products::routes(config);
    keys::routes(config);
    product::routes(config);
    applications::routes(config);
    application_versions::routes(config);
    application_entitlements::routes(config);
    customers::routes(config);
    customer::routes(config);
    license_list::routes(config);
    license_new::routes(config);
    license::routes(config);
    registries::routes(config);
    registry_keys::routes(config);
    registry_key_rotation::routes(config);
    registry_notifications::routes(config);
    registry_activity::routes(config);
    alerts::routes(config);
    artifacts::routes(config);
    artifact_entitlements::routes(config);
    members::routes(config);
    tokens::routes(config);
    search::routes(config);
    settings::routes(config);
    account::routes::<Signed<ReadOrganization>>(config);
    confirm::routes(config);
    provider::routes(config);
    deletion::routes(config);
    deployments::routes(config);
    notices::routes(config);
    webhooks::routes(config);
    audit_sinks::routes(config);
    webhook_deliveries::routes(config);
    audit::routes(config);
}

/// What a list is asked for in its address.
#[derive(Debug, Clone, Default, serde::Deserialize)]
pub(crate) struct Listing {
    /// A text to look for.
    #[serde(default)]
    pub q: String,
    /// Where the page begins.
    #[serde(default)]
    pub cursor: String,
    /// Only with this status.
    #[serde(default)]
    pub status: String,
    /// Only of this product.
    #[serde(default)]
    pub product: String,
    /// Only of this customer.
    #[serde(default)]
    pub customer: String,
    /// Only those that no customer holds, if it is `true`.
    #[serde(default)]
    pub unscoped: String,
    /// In which order.
    #[serde(default)]
    pub sort: String,
}

impl Listing {
    /// The text to look for, if there is one.
    pub(crate) fn text(&self) -> Option<&str> {
        Some(self.q.trim()).filter(|text| !text.is_empty() && !text.contains('\0'))
    }
}
