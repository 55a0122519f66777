//! What customers may deploy.

mod create;
mod delete;
mod list;
mod missing_images;
mod show;
mod update;

use crate::routes::Routes;
use keyward_domain::{
    ApplicationEntitlementId, ApplicationId, CustomerId, Invalid, Notes, Timestamp, VersionName,
};
use keyward_engine::{ApplicationGrant, VersionChoice};
use keyward_web::{Answer, Fields};
use serde::Serialize;
use serde_json::json;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create::create)
        .body::<create::CreateApplicationEntitlement>()
        .service(list::list)
        .query::<list::EntitlementQuery>("list_application_entitlements")
        .service(show::show)
        .service(update::update)
        .body::<update::UpdateApplicationEntitlement>()
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
fn wanted(fields: &mut Fields) -> Option<VersionChoice> {
    let (all, names) = (fields.optional("all_versions"), fields.optional("versions"));
    fields.relation(json!({
        "if": {"required": ["all_versions"], "properties": {"all_versions": {"const": true}}},
        "then": {"properties": {"versions": {"type": "null"}}},
    }));
    match (all.unwrap_or(false), names) {
        (true, _) if fields.is_given("versions") => {
            fields.fault("versions", Invalid::new("not_allowed", "does not go with all_versions"));
            None
        }
        (true, _) => Some(VersionChoice::All),
        (false, names) => names.map(VersionChoice::Named),
    }
}
