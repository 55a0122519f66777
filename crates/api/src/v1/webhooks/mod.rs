//! Webhook endpoints.

mod deliveries;

use actix_web::{HttpResponse, delete, get, patch, post, web};
use keyward_domain::event::EventPatterns;
use keyward_domain::permission::{ReadWebhooks, WriteWebhooks};
use keyward_domain::webhook::DisabledReason;
use keyward_domain::{HttpUrl, Notes, PageRequest, ProductId, Timestamp, Webhook, WebhookId, WebhookState};
use keyward_engine::Engine;
use keyward_engine::webhook::{KeyedWebhook, NewWebhook, Replay, WebhookChange};

use keyward_web::fields::Nothing;
use keyward_web::{Answer, Caller, Command, Id, IfMatch, Once, Overlap, Problem, Query};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create_webhook)
        .body::<NewWebhook>()
        .service(list_webhooks)
        .query::<PageRequest>()
        .service(show_webhook)
        .service(update_webhook)
        .body::<WebhookChange>()
        .service(delete_webhook)
        .service(pause_webhook)
        .service(resume_webhook)
        .service(rotate_webhook_secret)
        .body::<Overlap>()
        .service(test_webhook)
        .service(deliveries::list_deliveries)
        .query::<deliveries::DeliveryQuery>()
        .service(deliveries::show_delivery)
        .service(deliveries::retry_delivery)
        .service(deliveries::replay_deliveries)
        .body::<Replay>();
}

/// Where events are delivered to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Webhook)]
pub(crate) struct WebhookView {
    id: WebhookId,
    /// Example: "https://hooks.example.com/keyward"
    url: HttpUrl,
    description: Option<Notes>,
    /// Which events it is told: kinds, groups (`license.*`), or `*`.
    events: EventPatterns,
    /// Of which products; empty for all.
    products: Vec<ProductId>,
    /// `enabled`; `paused`: messages are kept for it; `disabled`: the server has given it up.
    #[schema(example = "enabled")]
    state: &'static str,
    /// Since when it is paused or disabled.
    state_since: Option<Timestamp>,
    /// Why it is disabled: `gone` (it answered 410) or `failing` (nothing was delivered for five days).
    disabled_reason: Option<DisabledReason>,
    /// How many attempts have failed in a row.
    failures: u32,
    /// Since when all have failed.
    failing_since: Option<Timestamp>,
    /// When one last succeeded.
    succeeded_at: Option<Timestamp>,
    /// Until when the secret before the present one signs too.
    previous_secret_until: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> Self {
        let (state_since, disabled_reason) = match webhook.state {
            WebhookState::Enabled => (None, None),
            WebhookState::Paused { since } => (Some(since), None),
            WebhookState::Disabled { since, reason } => (Some(since), Some(reason)),
        };
        Self {
            id: webhook.id,
            url: webhook.url,
            description: webhook.description,
            events: webhook.events,
            products: webhook.products,
            state: webhook.state.as_str(),
            state_since,
            disabled_reason,
            failures: webhook.health.failures,
            failing_since: webhook.health.failing_since,
            succeeded_at: webhook.health.succeeded_at,
            previous_secret_until: webhook.previous_secret_until,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
            version: webhook.version,
        }
    }
}

/// A webhook endpoint whose secret was just made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = WebhookWithSecret)]
pub(crate) struct KeyedWebhookView {
    #[serde(flatten)]
    webhook: WebhookView,
    /// Shown this once: the receiver checks `v1` signatures with it.
    #[schema(example = "whsec_…")]
    secret: String,
}

impl From<KeyedWebhook> for KeyedWebhookView {
    fn from(made: KeyedWebhook) -> Self {
        Self { webhook: made.webhook.into(), secret: made.secret.expose().to_string() }
    }
}

/// Create a webhook endpoint
///
/// Up to 100 of an organization. The secret is in this answer and in no other.
#[utoipa::path(params(Once), responses((status = 201, body = KeyedWebhookView)))]
#[post("/api/v1/webhooks")]
pub(crate) async fn create_webhook(
    command: Command<WriteWebhooks, NewWebhook>,
    engine: web::Data<Engine>,
) -> Result<Answer<KeyedWebhookView>, Problem> {
    let Command { access, body, once } = command;
    let made = engine.create_webhook(&access, body, once.as_ref()).await?;
    let location = format!("/api/v1/webhooks/{}", made.webhook.id);
    Ok(Answer::created(location, made.into()))
}

/// List webhook endpoints
#[utoipa::path(responses((status = 200, body = PageView<WebhookView>)))]
#[get("/api/v1/webhooks")]
pub(crate) async fn list_webhooks(
    caller: Caller<ReadWebhooks>,
    page: Query<PageRequest>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<WebhookView>>, Problem> {
    Ok(Answer::ok(PageView::of(engine.webhooks(&caller, page.0).await?, WebhookView::from)))
}

/// Show a webhook endpoint
#[utoipa::path(responses((status = 200, body = WebhookView)))]
#[get("/api/v1/webhooks/{id}")]
pub(crate) async fn show_webhook(
    caller: Caller<ReadWebhooks>,
    id: Id<WebhookId>,
    engine: web::Data<Engine>,
) -> Result<Answer<WebhookView>, Problem> {
    Ok(Answer::of(engine.webhook(&caller, id.0).await?))
}

/// Change a webhook endpoint
#[utoipa::path(params(IfMatch), responses((status = 200, body = WebhookView)))]
#[patch("/api/v1/webhooks/{id}")]
pub(crate) async fn update_webhook(
    command: Command<WriteWebhooks, WebhookChange>,
    id: Id<WebhookId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<WebhookView>, Problem> {
    let Command { access, body, .. } = command;
    Ok(Answer::of(engine.update_webhook(&access, id.0, body, seen.0).await?))
}

/// Delete a webhook endpoint
///
/// What waits for it is not sent any more.
#[utoipa::path(params(IfMatch), responses((status = 204, description = "Deleted")))]
#[delete("/api/v1/webhooks/{id}")]
pub(crate) async fn delete_webhook(
    caller: Caller<WriteWebhooks>,
    id: Id<WebhookId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.delete_webhook(&caller, id.0, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Pause a webhook endpoint
///
/// Messages are kept for it until it is resumed, for as long as the operator of the server keeps messages.
#[utoipa::path(responses((status = 200, body = WebhookView)))]
#[post("/api/v1/webhooks/{id}/pause")]
pub(crate) async fn pause_webhook(
    command: Command<WriteWebhooks, Nothing>,
    id: Id<WebhookId>,
    engine: web::Data<Engine>,
) -> Result<Answer<WebhookView>, Problem> {
    Ok(Answer::of(engine.pause_webhook(&command.access, id.0).await?))
}

/// Resume a webhook endpoint
///
/// One that is paused or disabled gets messages again, those that waited first. What has failed meanwhile is sent by a replay.
#[utoipa::path(responses((status = 200, body = WebhookView)))]
#[post("/api/v1/webhooks/{id}/resume")]
pub(crate) async fn resume_webhook(
    command: Command<WriteWebhooks, Nothing>,
    id: Id<WebhookId>,
    engine: web::Data<Engine>,
) -> Result<Answer<WebhookView>, Problem> {
    Ok(Answer::of(engine.resume_webhook(&command.access, id.0).await?))
}

/// Rotate the secret of a webhook endpoint
///
/// As long as both live, messages are signed with both, so that the receiver may have either.
#[utoipa::path(params(Once), responses((status = 200, body = KeyedWebhookView)))]
#[post("/api/v1/webhooks/{id}/rotate-secret")]
pub(crate) async fn rotate_webhook_secret(
    command: Command<WriteWebhooks, Overlap>,
    id: Id<WebhookId>,
    engine: web::Data<Engine>,
) -> Result<Answer<KeyedWebhookView>, Problem> {
    let Command { access, body, once } = command;
    let made = engine.rotate_webhook_secret(&access, id.0, body.seconds, once.as_ref()).await?;
    Ok(Answer::ok(made.into()))
}

/// Send a test to a webhook endpoint
///
/// A message of the kind `webhook.test`, whatever events it is told.
#[utoipa::path(responses((status = 202, body = deliveries::DeliveryView, description = "It is on its way")))]
#[post("/api/v1/webhooks/{id}/test")]
pub(crate) async fn test_webhook(
    command: Command<WriteWebhooks, Nothing>,
    id: Id<WebhookId>,
    engine: web::Data<Engine>,
) -> Result<Answer<deliveries::DeliveryView>, Problem> {
    Ok(Answer::accepted(engine.test_webhook(&command.access, id.0).await?.into()))
}
