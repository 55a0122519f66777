use actix_web::{HttpResponse, delete, web};
use keyward_domain::RegistryId;
use keyward_domain::permission::WriteRegistries;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Caller, Id, Problem};

/// Listen no longer to the upstream of a registry
#[utoipa::path(
    tag = "registries",
    operation_id = "delete_registry_notifications",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["registries:write"])),
    responses((status = 204, description = "It may send no more"), Refused),
)]
#[delete("/api/v1/registries/{id}/notifications")]
pub(crate) async fn delete(
    caller: Caller<WriteRegistries>,
    id: Id<RegistryId>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.end_notifications(&caller, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
