//! Artifact entitlements: what customers may pull.

mod policy;
mod preview;

use actix_web::{HttpResponse, delete, get, patch, post, web};
use keyward_domain::permission::{ReadEntitlements, WriteEntitlements};
use keyward_domain::registry::{ArtifactEntitlement, ArtifactGrant};
use keyward_domain::{ArtifactEntitlementId, ArtifactId, CustomerId, Notes, PageRequest, Timestamp};
use keyward_engine::{Engine, EntitlementChange, NewEntitlement};
use keyward_web::{Answer, Caller, Command, Id, IfMatch, Once, Problem, Query, request};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create_artifact_entitlement)
        .body::<NewEntitlement>()
        .service(preview::preview_artifact_entitlement)
        .body::<NewEntitlement>()
        .service(policy::show_artifact_policy)
        .service(policy::set_artifact_policy)
        .body::<policy::PolicyView>()
        .service(list_artifact_entitlements)
        .query::<EntitlementQuery>()
        .service(show_artifact_entitlement)
        .service(update_artifact_entitlement)
        .body::<EntitlementChange>()
        .service(delete_artifact_entitlement);
}

/// What a customer may pull.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ArtifactEntitlement)]
pub(crate) struct EntitlementView {
    id: ArtifactEntitlementId,
    customer_id: CustomerId,
    /// For your own reference.
    description: Option<Notes>,
    grants: Vec<GrantView>,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

/// The tags of one artifact that are granted.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ArtifactGrant)]
pub(crate) struct GrantView {
    artifact_id: ArtifactId,
    /// `named`: these tags. `current`: those there were when it was granted. `all`: those there are and will be.
    #[schema(example = "named")]
    mode: &'static str,
    /// `null` for all.
    #[schema(example = json!(["1.4.2", "1.4.3"]))]
    tags: Option<Vec<String>>,
}

impl From<ArtifactGrant> for GrantView {
    fn from(grant: ArtifactGrant) -> Self {
        Self {
            artifact_id: grant.artifact,
            mode: grant.tags.mode(),
            tags: grant.tags.tags().map(|tags| tags.iter().map(ToString::to_string).collect()),
        }
    }
}

impl From<ArtifactEntitlement> for EntitlementView {
    fn from(entitlement: ArtifactEntitlement) -> Self {
        Self {
            id: entitlement.id,
            customer_id: entitlement.customer,
            description: entitlement.description,
            grants: entitlement.grants.into_iter().map(GrantView::from).collect(),
            created_at: entitlement.created_at,
            updated_at: entitlement.updated_at,
            version: entitlement.version,
        }
    }
}

/// Entitle a customer to artifacts
///
/// From the next pull on. The organization's first entitlement ends the open policy: until then every customer can pull
/// everything. It is refused with `would_close_registries` unless `close` is true.
#[utoipa::path(params(Once), responses((status = 201, body = EntitlementView)))]
#[post("/api/v1/artifact-entitlements")]
pub(crate) async fn create_artifact_entitlement(
    command: Command<WriteEntitlements, NewEntitlement>,
    engine: web::Data<Engine>,
) -> Result<Answer<EntitlementView>, Problem> {
    let Command { access, body, once } = command;
    let done = engine.create_artifact_entitlement(&access, body, once.as_ref()).await?;
    Ok(Answer::made(format!("/api/v1/artifact-entitlements/{}", done.value.id), done))
}

/// Which entitlements are wanted.
#[derive(Debug)]
pub(crate) struct EntitlementQuery {
    customer_id: Option<CustomerId>,
    page: PageRequest,
}

request! {
    for EntitlementQuery {
        /// Of this customer only.
        customer_id: optional,
        ..page: PageRequest,
    }
}

/// List artifact entitlements
#[utoipa::path(responses((status = 200, body = PageView<EntitlementView>)))]
#[get("/api/v1/artifact-entitlements")]
pub(crate) async fn list_artifact_entitlements(
    caller: Caller<ReadEntitlements>,
    query: Query<EntitlementQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<EntitlementView>>, Problem> {
    let EntitlementQuery { customer_id, page } = query.0;
    let entitlements = engine.artifact_entitlements(&caller, customer_id, page).await?;
    Ok(Answer::ok(PageView::of(entitlements, EntitlementView::from)))
}

/// Show an artifact entitlement
#[utoipa::path(responses((status = 200, body = EntitlementView)))]
#[get("/api/v1/artifact-entitlements/{id}")]
pub(crate) async fn show_artifact_entitlement(
    caller: Caller<ReadEntitlements>,
    id: Id<ArtifactEntitlementId>,
    engine: web::Data<Engine>,
) -> Result<Answer<EntitlementView>, Problem> {
    Ok(Answer::of(engine.artifact_entitlement(&caller, id.0).await?))
}

/// Change an artifact entitlement
///
/// From the next request on.
#[utoipa::path(params(IfMatch), responses((status = 200, body = EntitlementView)))]
#[patch("/api/v1/artifact-entitlements/{id}")]
pub(crate) async fn update_artifact_entitlement(
    command: Command<WriteEntitlements, EntitlementChange>,
    id: Id<ArtifactEntitlementId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<EntitlementView>, Problem> {
    let Command { access, body, .. } = command;
    Ok(Answer::of(engine.update_artifact_entitlement(&access, id.0, body, seen.0).await?))
}

/// End an artifact entitlement
///
/// From the next request on. The last one to end leaves the registries closed to customers without one.
#[utoipa::path(params(IfMatch), responses((status = 204, description = "Ended")))]
#[delete("/api/v1/artifact-entitlements/{id}")]
pub(crate) async fn delete_artifact_entitlement(
    caller: Caller<WriteEntitlements>,
    id: Id<ArtifactEntitlementId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.delete_artifact_entitlement(&caller, id.0, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
