//! What the upstream of a registry tells of itself.

use actix_web::{HttpResponse, delete, get, post, web};
use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::registry::Notifications;
use keyward_domain::{RegistryId, Timestamp};
use keyward_engine::Engine;
use keyward_web::fields::Nothing;
use keyward_web::{Answer, Caller, Command, Id, Once, Problem};
use serde::Serialize;

use crate::routes::Routes;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create_registry_notifications)
        .service(show_registry_notifications)
        .service(delete_registry_notifications);
}

/// By what the upstream of a registry may send notifications.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RegistryNotifications)]
pub(crate) struct NotificationsView {
    /// Whether it may at all.
    enabled: bool,
    /// The first characters of the secret.
    #[schema(example = "kw_hook_3f9")]
    hint: Option<String>,
    /// When the secret was made.
    created_at: Option<Timestamp>,
    /// When the upstream last sent something, to the minute; `null` if it never did.
    heard_at: Option<Timestamp>,
}

impl From<Option<Notifications>> for NotificationsView {
    fn from(kept: Option<Notifications>) -> Self {
        let (enabled, kept) = (kept.is_some(), kept.as_ref());
        Self {
            enabled,
            hint: kept.map(|kept| kept.hint.clone()),
            created_at: kept.map(|kept| kept.created_at),
            heard_at: kept.and_then(|kept| kept.heard_at),
        }
    }
}

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
#[utoipa::path(params(Once), responses((status = 200, body = SecretView)))]
#[post("/api/v1/registries/{id}/notifications")]
pub(crate) async fn create_registry_notifications(
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

/// Show whether the upstream of a registry sends notifications
#[utoipa::path(responses((status = 200, body = NotificationsView)))]
#[get("/api/v1/registries/{id}/notifications")]
pub(crate) async fn show_registry_notifications(
    caller: Caller<ReadRegistries>,
    id: Id<RegistryId>,
    engine: web::Data<Engine>,
) -> Result<Answer<NotificationsView>, Problem> {
    Ok(Answer::ok(engine.notifications(&caller, id.0).await?.into()))
}

/// Listen no longer to the upstream of a registry
#[utoipa::path(responses((status = 204, description = "It may send no more")))]
#[delete("/api/v1/registries/{id}/notifications")]
pub(crate) async fn delete_registry_notifications(
    caller: Caller<WriteRegistries>,
    id: Id<RegistryId>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.end_notifications(&caller, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
