//! Organizations.

mod create;
mod list;
mod show;
mod update;

use keyward_domain::{Name, Organization, OrganizationId, Slug, Timestamp};
use keyward_web::Answer;
use serde::Serialize;
use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(create::create).service(list::list).service(show::show).service(update::update);
}

/// A vendor.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Organization)]
pub(crate) struct OrganizationView {
    #[schema(value_type = String, format = Uuid)]
    id: OrganizationId,
    #[schema(value_type = String, example = "Acme")]
    name: Name,
    /// In public addresses; never changes.
    #[schema(value_type = String, example = "acme")]
    slug: Slug,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    version: i64,
}

impl From<Organization> for OrganizationView {
    fn from(organization: Organization) -> Self {
        Self {
            id: organization.id,
            name: organization.name,
            slug: organization.slug,
            created_at: organization.created_at,
            updated_at: organization.updated_at,
            version: organization.version,
        }
    }
}

impl OrganizationView {
    fn answer(organization: Organization) -> Answer<Self> {
        let version = organization.version;
        Answer::ok(organization.into()).version(version)
    }
}
