use actix_web::{HttpResponse, delete, web};
use keyward_domain::RegistryKeyId;
use keyward_domain::permission::WriteRegistries;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Caller, Id, Problem};

/// Revoke a registry key
///
/// It is dead at the next request, for ever; it stays in the list with `revoked_at`.
#[utoipa::path(
    tag = "registry-keys",
    operation_id = "delete_registry_key",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["registries:write"])),
    responses((status = 204, description = "Revoked"), Refused),
)]
#[delete("/api/v1/registry-keys/{id}")]
pub(crate) async fn delete(
    caller: Caller<WriteRegistries>,
    id: Id<RegistryKeyId>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.revoke_registry_key(&caller, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
