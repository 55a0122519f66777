//! What was sent to a webhook endpoint, and sending it again.

use actix_web::{HttpRequest, get, post, web};
use keyward_domain::permission::{ReadWebhooks, WriteWebhooks};
use keyward_domain::webhook::{Attempt, AttemptResult, Fault};
use keyward_domain::{
    Delivery, DeliveryId, DeliveryState, DeliveryStatus, EventKind, PageRequest, Timestamp, WebhookId,
};
use keyward_engine::webhook::{Replay, Replayed, SentDelivery, webhook_id};
use keyward_engine::{DeliveryFilter, Engine};
use keyward_web::fields::Nothing;
use keyward_web::{Answer, Caller, Command, Id, Problem, Query, part, request};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::v1::page::PageView;

/// A message on its way to a webhook endpoint.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryView {
    id: DeliveryId,
    webhook_id: WebhookId,
    /// The header `webhook-id`: the same at each attempt.
    #[schema(example = "msg_0199b2c0a6f07c3e8d0f3c6a1b2c3d4e")]
    message_id: String,
    r#type: EventKind,
    /// `pending`, `delivered` or `failed`.
    state: DeliveryStatus,
    /// When it is tried next, if it is pending.
    due_at: Option<Timestamp>,
    /// When it was delivered or given up.
    finished_at: Option<Timestamp>,
    attempts: u32,
    created_at: Timestamp,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let (due_at, finished_at) = match delivery.state {
            DeliveryState::Pending { due_at } => (Some(due_at), None),
            DeliveryState::Delivered { at } | DeliveryState::Failed { at } => (None, Some(at)),
        };
        Self {
            id: delivery.id,
            webhook_id: delivery.webhook,
            message_id: webhook_id(delivery.message),
            r#type: delivery.kind,
            state: delivery.state.status(),
            due_at,
            finished_at,
            attempts: delivery.attempts,
            created_at: delivery.created_at,
        }
    }
}

/// A message on its way, what is sent, and each attempt.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SentDelivery)]
pub(crate) struct SentDeliveryView {
    #[serde(flatten)]
    delivery: DeliveryView,
    /// What is sent; `null` once it was removed.
    #[schema(value_type = Option<Object>)]
    body: Option<Box<RawValue>>,
    /// The last 100, the latest first.
    attempted: Vec<AttemptView>,
}

/// One attempt.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DeliveryAttempt)]
pub(crate) struct AttemptView {
    number: u32,
    at: Timestamp,
    duration_ms: u32,
    /// The status of the answer; 2xx takes the message, 410 disables the endpoint.
    #[schema(example = 200)]
    status: Option<u16>,
    /// Why there was no answer: `no_address`, `refused`, `reset`, `tls`, `timeout` or `protocol`.
    fault: Option<Fault>,
    /// The first 2 KiB of the answer.
    response: Option<String>,
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        let (status, fault, response) = match attempt.result {
            AttemptResult::Answered { status, response } => (Some(status), None, Some(response)),
            AttemptResult::Unanswered(fault) => (None, Some(fault), None),
        };
        let Attempt { number, at, duration_ms, .. } = attempt;
        Self { number, at, duration_ms, status, fault, response }
    }
}

impl From<SentDelivery> for SentDeliveryView {
    fn from(sent: SentDelivery) -> Self {
        Self {
            delivery: sent.delivery.into(),
            body: sent.body.and_then(|body| RawValue::from_string(body).ok()),
            attempted: sent.attempts.into_iter().map(AttemptView::from).collect(),
        }
    }
}

/// What is being sent again.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Replayed)]
pub(crate) struct ReplayedView {
    /// How many messages.
    count: u64,
    /// Whether there may be more: at most 10,000 are sent again by one request.
    more: bool,
}

impl From<Replayed> for ReplayedView {
    fn from(replayed: Replayed) -> Self {
        Self { count: replayed.count, more: replayed.more }
    }
}

/// Which deliveries are wanted.
#[derive(Debug)]
pub(crate) struct DeliveryQuery {
    state: Option<DeliveryStatus>,
    kind: Option<EventKind>,
    page: PageRequest,
}

request! {
    for DeliveryQuery {
        /// `pending`, `delivered` or `failed`; absent for all.
        state: optional,
        /// Of this kind of event only.
        kind ("type"): optional,
        ..page: PageRequest,
    }
}

/// List what was sent to a webhook endpoint
#[utoipa::path(responses((status = 200, body = PageView<DeliveryView>)))]
#[get("/api/v1/webhooks/{id}/deliveries")]
pub(crate) async fn list_deliveries(
    caller: Caller<ReadWebhooks>,
    id: Id<WebhookId>,
    query: Query<DeliveryQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<DeliveryView>>, Problem> {
    let DeliveryQuery { state, kind, page } = query.0;
    let filter = DeliveryFilter { state, kind, ..DeliveryFilter::default() };
    Ok(Answer::ok(PageView::of(engine.deliveries(&caller, id.0, filter, page).await?, DeliveryView::from)))
}

/// Show a delivery with each attempt
#[utoipa::path(responses((status = 200, body = SentDeliveryView)))]
#[get("/api/v1/webhooks/{id}/deliveries/{delivery_id}")]
pub(crate) async fn show_delivery(
    caller: Caller<ReadWebhooks>,
    id: Id<WebhookId>,
    at: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<Answer<SentDeliveryView>, Problem> {
    Ok(Answer::ok(engine.delivery(&caller, id.0, part(&at, "delivery_id")?).await?.into()))
}

/// Send a message again
///
/// With the same `webhook-id`, and with the schedule of a new message. One that is pending is left as it is.
#[utoipa::path(responses((status = 202, body = DeliveryView, description = "It is on its way")))]
#[post("/api/v1/webhooks/{id}/deliveries/{delivery_id}/retry")]
pub(crate) async fn retry_delivery(
    command: Command<WriteWebhooks, Nothing>,
    id: Id<WebhookId>,
    at: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<Answer<DeliveryView>, Problem> {
    Ok(Answer::accepted(
        engine.retry_delivery(&command.access, id.0, part(&at, "delivery_id")?).await?.into(),
    ))
}

/// Send messages again
///
/// All that have failed, or those of a stretch of time, the delivered ones too if that is said.
#[utoipa::path(responses((status = 202, body = ReplayedView, description = "They are on their way")))]
#[post("/api/v1/webhooks/{id}/replay")]
pub(crate) async fn replay_deliveries(
    command: Command<WriteWebhooks, Replay>,
    id: Id<WebhookId>,
    engine: web::Data<Engine>,
) -> Result<Answer<ReplayedView>, Problem> {
    let Command { access, body, .. } = command;
    Ok(Answer::accepted(engine.replay_deliveries(&access, id.0, body).await?.into()))
}
