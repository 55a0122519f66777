use actix_web::{post, web};
use keyward_domain::permission::WriteRegistries;
use keyward_domain::registry::{KeyAccess, Rotation};
use keyward_domain::{EndTime, Name, RegistryId};
use keyward_engine::{Engine, NewRegistryKey};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Problem, Request};

use super::{RotationView, SecretView};

/// A registry key to be created.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct CreateRegistryKey {
    /// The only registry it opens.
    #[schema(value_type = String, format = Uuid)]
    registry_id: RegistryId,
    /// What it is for: who finds it in a year should know.
    #[schema(value_type = String, example = "CI of the web team")]
    name: Name,
    /// Who answers for it; absent for you.
    #[schema(value_type = Option<String>)]
    owner: Option<Name>,
    /// `read` (pull), `read_write` (pull and push) or `read_write_delete`; absent for `read`.
    #[schema(value_type = Option<String>, example = "read_write")]
    access: Option<KeyAccess>,
    /// How it gets a new secret by itself; absent for not at all. Part of Enterprise.
    #[schema(value_type = Option<RotationView>)]
    rotation: Option<Rotation>,
    /// From when on it no longer works, or the last day in UTC on which it does, such as `2027-06-30`; absent for never, which is worth a second thought.
    #[schema(value_type = Option<String>, example = "2027-06-30T22:00:00Z")]
    expires_at: Option<EndTime>,
}

impl Request for CreateRegistryKey {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (registry_id, name, owner) =
            (fields.required("registry_id"), fields.required("name"), fields.optional("owner"));
        let (access, expires_at) = (fields.optional("access"), fields.optional("expires_at"));
        let rotation = fields.optional("rotation");
        Some(Self { registry_id: registry_id?, name: name?, owner, access, rotation, expires_at })
    }
}

/// Create a registry key
///
/// The secret is in this answer and in no other.
#[utoipa::path(
    tag = "registry-keys",
    operation_id = "create_registry_key",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = CreateRegistryKey,
    security(("management_token" = ["registries:write"])),
    responses((status = 201, body = SecretView), Refused),
)]
#[post("/api/v1/registry-keys")]
pub(crate) async fn create(
    command: Command<WriteRegistries, CreateRegistryKey>,
    engine: web::Data<Engine>,
) -> Result<Answer<SecretView>, Problem> {
    let Command { access, body, once } = command;
    let new = NewRegistryKey {
        registry: body.registry_id,
        name: body.name,
        owner: body.owner,
        access: body.access.unwrap_or(KeyAccess::Read),
        rotation: body.rotation,
        expires_at: body.expires_at.map(Into::into),
    };
    let made = engine.create_registry_key(&access, new, once.as_ref()).await?;
    let location = format!("/api/v1/registry-keys/{}", made.key.id);
    Ok(Answer::created(location, made.into()))
}
