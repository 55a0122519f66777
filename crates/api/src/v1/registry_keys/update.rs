use actix_web::{patch, web};
use keyward_domain::RegistryKeyId;
use keyward_domain::permission::WriteRegistries;
use keyward_domain::registry::Rotation;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, Problem, Request};

use super::{RegistryKeyView, RotationView};

/// What is to be changed of a registry key; what is absent stays.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct UpdateRegistryKey {
    /// How it gets a new secret by itself; `null` for not at all.
    #[schema(value_type = Option<RotationView>)]
    rotation: Option<Option<Rotation>>,
}

impl Request for UpdateRegistryKey {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { rotation: fields.patch("rotation") })
    }
}

/// Change how a registry key rotates by itself
///
/// Part of Enterprise, but to turn it off. A secret that is older than `every_days` is replaced within a minute. The
/// machine that uses the key collects the new secret by `POST /registry/key`, with the old one as the password of
/// `Authorization: Basic`, as long as that works.
#[utoipa::path(
    tag = "registry-keys",
    operation_id = "update_registry_key",
    params(("id" = String, Path, format = Uuid)),
    request_body = UpdateRegistryKey,
    security(("management_token" = ["registries:write"])),
    responses((status = 200, body = RegistryKeyView), Refused),
)]
#[patch("/api/v1/registry-keys/{id}")]
pub(crate) async fn update(
    command: Command<WriteRegistries, UpdateRegistryKey>,
    id: Id<RegistryKeyId>,
    engine: web::Data<Engine>,
) -> Result<Answer<RegistryKeyView>, Problem> {
    let Command { access, body, .. } = command;
    let key = match body.rotation {
        Some(rotation) => engine.set_registry_key_rotation(&access, id.0, rotation).await?,
        None => engine.unchanged_registry_key(&access, id.0).await?,
    };
    Ok(Answer::ok(key.into()))
}
