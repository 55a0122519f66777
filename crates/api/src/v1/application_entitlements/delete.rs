use actix_web::{HttpResponse, delete, web};
use keyward_domain::ApplicationEntitlementId;
use keyward_domain::permission::WriteEntitlements;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Caller, Id, IfMatch, Problem};

/// Delete an application entitlement that grants nothing
///
/// One that grants a version ends with its customer alone (`granted_version`).
#[utoipa::path(
    tag = "application-entitlements",
    operation_id = "delete_application_entitlement",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    security(("management_token" = ["entitlements:write"])),
    responses((status = 204, description = "Deleted"), Refused),
)]
#[delete("/api/v1/application-entitlements/{id}")]
pub(crate) async fn delete(
    caller: Caller<WriteEntitlements>,
    id: Id<ApplicationEntitlementId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.delete_application_entitlement(&caller, id.0, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
