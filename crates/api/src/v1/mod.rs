//! Version 1 of the API.

mod alerts;
mod application_entitlements;
mod applications;
mod artifact_entitlements;
mod artifacts;
mod audit_events;
mod audit_sinks;
mod bucket_alerts;
mod customer;
mod customers;
mod deployment_targets;
mod deployments;
mod event_view;
mod export;
mod license_use;
mod licenses;
mod members;
mod onboarding_links;
mod organizations;
mod own_deployments;
mod page;
mod products;
mod registries;
mod registry_keys;
mod signing_keys;
mod system;
mod tokens;
mod usage;
mod version;
mod webhooks;

use crate::routes::Routes;

pub use event_view::event_view;
pub use export::Export;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    organizations::routes(routes);
    usage::routes(routes);
    version::routes(routes);
    system::routes(routes);
    members::routes(routes);
    tokens::routes(routes);
    customers::routes(routes);
    products::routes(routes);
    bucket_alerts::routes(routes);
    licenses::routes(routes);
    license_use::routes(routes);
    applications::routes(routes);
    application_entitlements::routes(routes);
    customer::routes(routes);
    deployment_targets::routes(routes);
    deployments::routes(routes);
    own_deployments::routes(routes);
    onboarding_links::routes(routes);
    registries::routes(routes);
    registry_keys::routes(routes);
    alerts::routes(routes);
    artifacts::routes(routes);
    artifact_entitlements::routes(routes);
    signing_keys::routes(routes);
    webhooks::routes(routes);
    audit_events::routes(routes);
    audit_sinks::routes(routes);
}
