use actix_web::{HttpResponse, delete, web};
use keyward_domain::ArtifactEntitlementId;
use keyward_domain::permission::WriteEntitlements;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Caller, Id, IfMatch, Problem};

/// End an artifact entitlement
///
/// From the next request on. The last one to end leaves the registries closed to customers without one.
#[utoipa::path(
    tag = "artifact-entitlements",
    operation_id = "delete_artifact_entitlement",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    security(("management_token" = ["entitlements:write"])),
    responses((status = 204, description = "Ended"), Refused),
)]
#[delete("/api/v1/artifact-entitlements/{id}")]
pub(crate) async fn delete(
    caller: Caller<WriteEntitlements>,
    id: Id<ArtifactEntitlementId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.delete_artifact_entitlement(&caller, id.0, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
