use actix_web::{post, web};
use keyward_domain::RegistryId;
use keyward_domain::permission::WriteRegistries;
use keyward_engine::Engine;
use keyward_web::fields::Nothing;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Id, Problem};
use serde::Serialize;

use super::NotificationsView;

/// What the upstream of a registry needs to send notifications.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RegistryNotificationsWithSecret)]
pub(crate) struct SecretView {
    #[serde(flatten)]
    notifications: NotificationsView,
    /// Shown this once and kept nowhere.
    #[schema(example = "kw_hook_…")]
    secret: String,
    /// What the configuration of a CNCF distribution registry must say, YAML. The secret is in it.
    configuration: String,
}

/// Have the upstream of a registry send notifications
///
/// Makes the secret with which the upstream tells of what is pushed and deleted past the gateway, at
/// `POST /registry/events`. The secret before is refused from the very next request on.
#[utoipa::path(
    tag = "registries",
    operation_id = "create_registry_notifications",
    params(("id" = String, Path, format = Uuid), ("Idempotency-Key" = Option<String>, Header)),
    security(("management_token" = ["registries:write"])),
    responses((status = 200, body = SecretView), Refused),
)]
#[post("/api/v1/registries/{id}/notifications")]
pub(crate) async fn create(
    command: Command<WriteRegistries, Nothing>,
    id: Id<RegistryId>,
    engine: web::Data<Engine>,
) -> Result<Answer<SecretView>, Problem> {
    let made = engine.set_notifications(&command.access, id.0, command.once.as_ref()).await?;
    Ok(Answer::ok(SecretView {
        notifications: Some(made.notifications).into(),
        secret: made.secret.expose().to_owned(),
        configuration: made.configuration,
    }))
}
