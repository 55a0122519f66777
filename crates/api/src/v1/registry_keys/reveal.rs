use actix_web::{post, web};
use keyward_domain::RegistryKeyId;
use keyward_domain::permission::WriteRegistries;
use keyward_engine::Engine;
use keyward_web::fields::Nothing;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Id, Problem};

use super::SecretView;

/// Show the new secret of a registry key that was rotated by itself
///
/// Instead of the machine that would collect it. From then on it is kept nowhere.
#[utoipa::path(
    tag = "registry-keys",
    operation_id = "reveal_registry_key",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["registries:write"])),
    responses((status = 200, body = SecretView), Refused),
)]
#[post("/api/v1/registry-keys/{id}/reveal")]
pub(crate) async fn reveal(
    command: Command<WriteRegistries, Nothing>,
    id: Id<RegistryKeyId>,
    engine: web::Data<Engine>,
) -> Result<Answer<SecretView>, Problem> {
    Ok(Answer::ok(engine.reveal_registry_key(&command.access, id.0).await?.into()))
}
