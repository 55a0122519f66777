use actix_web::{get, web};
use keyward_domain::RegistryKeyId;
use keyward_domain::permission::ReadRegistries;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};

use super::RegistryKeyView;

/// Show a registry key
#[utoipa::path(
    tag = "registry-keys",
    operation_id = "show_registry_key",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["registries:read"])),
    responses((status = 200, body = RegistryKeyView), Refused),
)]
#[get("/api/v1/registry-keys/{id}")]
pub(crate) async fn show(
    caller: Caller<ReadRegistries>,
    id: Id<RegistryKeyId>,
    engine: web::Data<Engine>,
) -> Result<Answer<RegistryKeyView>, Problem> {
    Ok(Answer::ok(engine.registry_key(&caller, id.0).await?.into()))
}
