use actix_web::{post, web};
use keyward_domain::RegistryKeyId;
use keyward_domain::permission::WriteRegistries;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Id, Problem};

use super::SecretView;
use crate::v1::overlap::Overlap;

/// Give a registry key a new secret
///
/// The old secret is refused from the very next request on, unless an overlap is asked for.
#[utoipa::path(
    tag = "registry-keys",
    operation_id = "rotate_registry_key",
    params(("id" = String, Path, format = Uuid), ("Idempotency-Key" = Option<String>, Header)),
    request_body = Overlap,
    security(("management_token" = ["registries:write"])),
    responses((status = 200, body = SecretView), Refused),
)]
#[post("/api/v1/registry-keys/{id}/rotate")]
pub(crate) async fn rotate(
    command: Command<WriteRegistries, Overlap>,
    id: Id<RegistryKeyId>,
    engine: web::Data<Engine>,
) -> Result<Answer<SecretView>, Problem> {
    let Command { access, body, once } = command;
    let made = engine.rotate_registry_key(&access, id.0, body.seconds(), once.as_ref()).await?;
    Ok(Answer::ok(made.into()))
}
