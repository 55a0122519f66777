use actix_web::{HttpResponse, delete, web};
use keyward_domain::ApplicationId;
use keyward_domain::permission::WriteApplications;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Caller, Id, IfMatch, Problem};

/// Delete an application
///
/// With all its versions. Refused (`in_use`) while a customer is entitled to it.
#[utoipa::path(
    tag = "applications",
    operation_id = "delete_application",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    security(("management_token" = ["applications:write"])),
    responses((status = 204, description = "Deleted"), Refused),
)]
#[delete("/api/v1/applications/{id}")]
pub(crate) async fn delete(
    caller: Caller<WriteApplications>,
    id: Id<ApplicationId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.delete_application(&caller, id.0, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
