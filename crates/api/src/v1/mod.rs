//! Version 1 of the API.

mod alerts;
mod application_entitlements;
mod applications;
mod artifact_entitlements;
mod artifacts;
mod audit_events;
mod customer;
mod customers;
mod export;
mod licenses;
mod members;
mod onboarding_links;
mod organizations;
mod overlap;
mod page;
mod products;
mod registries;
mod registry_keys;
mod signing_keys;
mod tokens;
mod usage;
mod version;

use utoipa_actix_web::service_config::ServiceConfig;

pub use export::Export;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    organizations::routes(config);
    usage::routes(config);
    version::routes(config);
    members::routes(config);
    tokens::routes(config);
    customers::routes(config);
    products::routes(config);
    licenses::routes(config);
    applications::routes(config);
    application_entitlements::routes(config);
    customer::routes(config);
    onboarding_links::routes(config);
    registries::routes(config);
    registry_keys::routes(config);
    alerts::routes(config);
    artifacts::routes(config);
    artifact_entitlements::routes(config);
    signing_keys::routes(config);
    audit_events::routes(config);
}
