use actix_web::{post, web};
use keyward_domain::RegistryKeyId;
use keyward_domain::permission::WriteRegistries;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, Problem, Request};

use super::SecretView;
use crate::v1::overlap::Overlap;

/// How the rotation of a registry key goes.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct KeyRotation {
    /// For how long the old secret lives on beside the new one, in seconds: up to 30 days. Absent or 0: not at all, so
    /// whoever uses it must have the new one at once.
    #[schema(value_type = Option<u32>, maximum = 2592000)]
    overlap_seconds: Overlap,
    /// Whether the key is given the same lifetime anew, from now on. Absent or `false`: it ends when it would have.
    renew: Option<bool>,
}

impl Request for KeyRotation {
    fn read(fields: &mut Fields) -> Option<Self> {
        let renew = fields.optional("renew");
        Some(Self { overlap_seconds: Overlap::read(fields)?, renew })
    }
}

/// Give a registry key a new secret
///
/// The old secret is refused from the very next request on, unless an overlap is asked for.
#[utoipa::path(
    tag = "registry-keys",
    operation_id = "rotate_registry_key",
    params(("id" = String, Path, format = Uuid), ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$")),
    request_body = KeyRotation,
    security(("management_token" = ["registries:write"])),
    responses((status = 200, body = SecretView), Refused),
)]
#[post("/api/v1/registry-keys/{id}/rotate")]
pub(crate) async fn rotate(
    command: Command<WriteRegistries, KeyRotation>,
    id: Id<RegistryKeyId>,
    engine: web::Data<Engine>,
) -> Result<Answer<SecretView>, Problem> {
    let Command { access, body, once } = command;
    let (overlap, renew) = (body.overlap_seconds.seconds(), body.renew.unwrap_or(false));
    let made = engine.rotate_registry_key(&access, id.0, overlap, renew, once.as_ref()).await?;
    Ok(Answer::ok(made.into()))
}
