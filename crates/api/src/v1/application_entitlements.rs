//! What customers may deploy.

use actix_web::{HttpResponse, delete, get, patch, post, web};
use keyward_domain::permission::{ReadEntitlements, WriteEntitlements};
use keyward_domain::{
    ApplicationEntitlementId, ApplicationId, CustomerId, Notes, PageRequest, Timestamp, VersionName,
};
use keyward_engine::{
    ApplicationGrant, ApplicationGrantChange, Engine, MOST_LOOKED_AT, Missing, MissingImage,
    NewApplicationEntitlement,
};
use keyward_web::{Answer, Caller, Command, Id, IfMatch, Once, Problem, Query, request};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create_application_entitlement)
        .body::<NewApplicationEntitlement>()
        .service(list_application_entitlements)
        .query::<EntitlementQuery>()
        .service(show_application_entitlement)
        .service(update_application_entitlement)
        .body::<ApplicationGrantChange>()
        .service(delete_application_entitlement)
        .service(list_missing_images);
}

/// What a customer may deploy of an application.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ApplicationEntitlement)]
pub(crate) struct EntitlementView {
    id: ApplicationEntitlementId,
    customer_id: CustomerId,
    application_id: ApplicationId,
    /// Whether it grants all versions, now and later.
    all_versions: bool,
    /// The versions that it grants now, the highest first.
    /// Example: ["1.4.2", "1.4.1"]
    versions: Vec<VersionName>,
    /// Internal: customers never see it.
    note: Option<Notes>,
    created_at: Timestamp,
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

/// Entitle a customer to versions of an application
///
/// What is granted stays granted for as long as the customer is there.
#[utoipa::path(params(Once), responses((status = 201, body = EntitlementView)))]
#[post("/api/v1/application-entitlements")]
pub(crate) async fn create_application_entitlement(
    command: Command<WriteEntitlements, NewApplicationEntitlement>,
    engine: web::Data<Engine>,
) -> Result<Answer<EntitlementView>, Problem> {
    let Command { access, body, once } = command;
    let done = engine.create_application_entitlement(&access, body, once.as_ref()).await?;
    let entitlement = &done.value.entitlement;
    let location = format!("/api/v1/application-entitlements/{}", entitlement.id);
    let version = entitlement.version;
    Ok(Answer::created(location, done.value.into()).version(version).replayed(done.replayed))
}

/// Which entitlements are wanted.
#[derive(Debug)]
pub(crate) struct EntitlementQuery {
    customer_id: Option<CustomerId>,
    application_id: Option<ApplicationId>,
    page: PageRequest,
}

request! {
    for EntitlementQuery {
        /// Only of this customer.
        customer_id: optional,
        /// Only to this application.
        application_id: optional,
        ..page: PageRequest,
    }
}

/// List application entitlements
#[utoipa::path(responses((status = 200, body = PageView<EntitlementView>)))]
#[get("/api/v1/application-entitlements")]
pub(crate) async fn list_application_entitlements(
    caller: Caller<ReadEntitlements>,
    query: Query<EntitlementQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<EntitlementView>>, Problem> {
    let Query(EntitlementQuery { customer_id, application_id, page }) = query;
    let found = engine.application_entitlements(&caller, customer_id, application_id, page).await?;
    Ok(Answer::ok(PageView::of(found, EntitlementView::from)))
}

/// Show an application entitlement
#[utoipa::path(responses((status = 200, body = EntitlementView)))]
#[get("/api/v1/application-entitlements/{id}")]
pub(crate) async fn show_application_entitlement(
    caller: Caller<ReadEntitlements>,
    id: Id<ApplicationEntitlementId>,
    engine: web::Data<Engine>,
) -> Result<Answer<EntitlementView>, Problem> {
    Ok(EntitlementView::answer(engine.application_entitlement(&caller, id.0).await?))
}

/// Grant more versions, or change the note
///
/// A version that was granted cannot be taken back (`granted_version`). An entitlement to all versions can become one
/// to named versions if these are all that there are for the customer.
#[utoipa::path(params(IfMatch), responses((status = 200, body = EntitlementView)))]
#[patch("/api/v1/application-entitlements/{id}")]
pub(crate) async fn update_application_entitlement(
    command: Command<WriteEntitlements, ApplicationGrantChange>,
    id: Id<ApplicationEntitlementId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<EntitlementView>, Problem> {
    let Command { access, body, .. } = command;
    Ok(EntitlementView::answer(engine.update_application_entitlement(&access, id.0, body, seen.0).await?))
}

/// Delete an application entitlement that grants nothing
///
/// One that grants a version ends with its customer alone (`granted_version`).
#[utoipa::path(params(IfMatch), responses((status = 204, description = "Deleted")))]
#[delete("/api/v1/application-entitlements/{id}")]
pub(crate) async fn delete_application_entitlement(
    caller: Caller<WriteEntitlements>,
    id: Id<ApplicationEntitlementId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.delete_application_entitlement(&caller, id.0, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// An image of a granted version that the customer can't pull.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = MissingImage)]
pub(crate) struct MissingView {
    /// Example: "2.1.0"
    version: VersionName,
    /// As the version's files name it.
    #[schema(example = "registry.example/acme/app:2.1.0")]
    image: String,
    /// `no_license`: no license of the customer is in force. `not_covered`: neither a pull role nor an artifact entitlement opens the
    /// repository. `other_tags`: the artifact entitlements are to other tags.
    #[schema(example = "not_covered")]
    reason: &'static str,
}

impl From<MissingImage> for MissingView {
    fn from(missing: MissingImage) -> Self {
        Self {
            version: missing.version,
            image: missing.image.to_string(),
            reason: match missing.why {
                Missing::NoLicense => "no_license",
                Missing::Repository => "not_covered",
                Missing::Tag => "other_tags",
            },
        }
    }
}

/// List the images that an entitled customer can't pull
///
/// Of the first 20 granted versions: the images of Compose services and the OCI chart, as far as they are in one of your registries.
#[utoipa::path(responses((status = 200, body = PageView<MissingView>)))]
#[get("/api/v1/application-entitlements/{id}/missing-images")]
pub(crate) async fn list_missing_images(
    caller: Caller<ReadEntitlements>,
    id: Id<ApplicationEntitlementId>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<MissingView>>, Problem> {
    let grant = engine.application_entitlement(&caller, id.0).await?;
    let pulls = engine.customer_pulls(&caller, grant.customer.id).await?;
    let missing = engine.missing_images(&pulls, &grant, MOST_LOOKED_AT).await?;
    Ok(Answer::ok(PageView {
        items: missing.into_iter().map(MissingView::from).collect(),
        next_cursor: None,
    }))
}
