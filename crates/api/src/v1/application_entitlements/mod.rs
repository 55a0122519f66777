//! What customers may deploy.

mod create;
mod delete;
mod list;
mod missing_images;
mod show;
mod update;

use keyward_domain::{
    ApplicationEntitlementId, ApplicationId, CustomerId, Invalid, Notes, Timestamp, VersionName,
};
use keyward_engine::{ApplicationGrant, WantedVersions};
use keyward_web::{Answer, Fields};
use serde::Serialize;
use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(create::create)
        .service(list::list)
        .service(show::show)
        .service(update::update)
        .service(delete::delete)
        .service(missing_images::missing_images);
}

/// What a customer may deploy of an application.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ApplicationEntitlement)]
pub(crate) struct EntitlementView {
    #[schema(value_type = String, format = Uuid)]
    id: ApplicationEntitlementId,
    #[schema(value_type = String, format = Uuid)]
    customer_id: CustomerId,
    #[schema(value_type = String, format = Uuid)]
    application_id: ApplicationId,
    /// Whether it grants all versions, now and later.
    all_versions: bool,
    /// The versions that it grants now, the highest first.
    #[schema(value_type = Vec<String>, example = json!(["1.4.2", "1.4.1"]))]
    versions: Vec<VersionName>,
    /// Internal: customers never see it.
    #[schema(value_type = Option<String>)]
    note: Option<Notes>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    version: i64,
}

impl From<ApplicationGrant> for EntitlementView {
    fn from(grant: ApplicationGrant) -> Self {
        let all_versions = grant.is_for_all();
        let entitlement = grant.entitlement;
        Self {
            id: entitlement.id,
            customer_id: entitlement.customer,
            application_id: entitlement.application,
            all_versions,
            versions: grant.versions.into_iter().map(|version| version.name).collect(),
            note: entitlement.note,
            created_at: entitlement.created_at,
            updated_at: entitlement.updated_at,
            version: entitlement.version,
        }
    }
}

impl EntitlementView {
    fn answer(grant: ApplicationGrant) -> Answer<Self> {
        let version = grant.entitlement.version;
        Answer::ok(grant.into()).version(version)
    }
}

/// Reads `all_versions` and `versions`: one of both says which versions are wanted.
fn wanted(fields: &mut Fields) -> Option<WantedVersions> {
    let all = fields.optional::<bool>("all_versions");
    match (all.unwrap_or(false), fields.optional::<Vec<VersionName>>("versions")) {
        (true, None) => Some(WantedVersions::All),
        (true, Some(_)) => {
            fields.fault("versions", Invalid::new("not_allowed", "does not go with all_versions"));
            None
        }
        (false, Some(names)) => Some(WantedVersions::Named(names)),
        (false, None) => None,
    }
}
