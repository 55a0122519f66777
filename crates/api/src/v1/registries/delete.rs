use actix_web::{HttpResponse, delete, web};
use keyward_domain::RegistryId;
use keyward_domain::permission::WriteRegistries;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Caller, Id, IfMatch, Problem};

/// Remove a registry
///
/// Its keys are dead from the next request on. What is in the upstream stays there.
#[utoipa::path(
    tag = "registries",
    operation_id = "delete_registry",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    security(("management_token" = ["registries:write"])),
    responses((status = 204, description = "Removed"), Refused),
)]
#[delete("/api/v1/registries/{id}")]
pub(crate) async fn delete(
    caller: Caller<WriteRegistries>,
    id: Id<RegistryId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.delete_registry(&caller, id.0, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
