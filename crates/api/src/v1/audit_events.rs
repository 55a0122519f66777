//! The audit log.

use actix_web::web::Bytes;
use actix_web::{HttpResponse, get, web};
use futures_util::stream::try_unfold;
use keyward_domain::permission::ReadAuditEvents;
use keyward_domain::{
    ActionFilter, Actor, ActorFilter, AuditEventId, AuditFilter, ChainHash, EndTime, EventNames, MemberId,
    PageRequest, RecordedEvent, StartTime, TargetFilter, Timestamp, Words,
};
use keyward_engine::Engine;
use keyward_web::{Answer, Caller, Problem, Query, request};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes.service(list_audit_events).query::<AuditQuery>().service(export_audit_events);
}

/// One line of the audit log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AuditEvent)]
pub(crate) struct AuditEventView {
    id: AuditEventId,
    at: Timestamp,
    /// Its number in the chain; `null` of what is older than the chain.
    #[schema(example = 41)]
    seq: Option<i64>,
    /// Its hash, in base64url.
    #[schema(value_type = Option<String>, example = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU")]
    hash: Option<ChainHash>,
    /// What happened, for people.
    #[schema(example = "Ada Lovelace revoked the license Hooli Pro")]
    sentence: String,
    actor: EventActorView,
    /// From where, as far as it is known.
    #[schema(example = "192.0.2.7")]
    address: Option<String>,
    #[schema(example = "license.revoked")]
    action: &'static str,
    /// Id of the thing that was acted on.
    #[schema(value_type = Option<String>, format = Uuid)]
    target: Option<String>,
    /// What it was called then.
    #[schema(example = "Hooli Pro")]
    target_name: Option<String>,
    /// What a reader wants to know beyond that. Of a change, `changes` has for each member what it was (`from`) and what it is
    /// (`to`).
    #[schema(value_type = Object)]
    detail: Map<String, Value>,
}

/// Who acted, and what they were called then.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EventActor)]
pub(crate) struct EventActorView {
    /// `operator`, `token`, `member`, `customer`, `customer_user`, `link`, `registry_key`, or `server` for what it does by itself.
    kind: &'static str,
    #[schema(format = Uuid)]
    id: Option<String>,
    /// What the actor was called then; of `server`, the job that did it, such as `key_rotation`, where it was one.
    #[schema(example = "Ada Lovelace")]
    name: Option<String>,
    /// Of a token, the member who had made it.
    maker_id: Option<MemberId>,
    #[schema(example = "Ada Lovelace")]
    maker_name: Option<String>,
}

/// Who acted.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Actor)]
pub(crate) struct ActorView {
    /// `operator`, `token`, `member`, `customer`, `customer_user`, `link`, `registry_key`, or `server` for what it does by itself.
    kind: &'static str,
    #[schema(format = Uuid)]
    id: Option<String>,
}

impl From<Actor> for ActorView {
    fn from(actor: Actor) -> Self {
        let (kind, id) = actor.parts();
        Self { kind, id: id.map(|id| id.to_string()) }
    }
}

impl From<RecordedEvent> for AuditEventView {
    fn from(recorded: RecordedEvent) -> Self {
        let sentence = recorded.sentence().iter().map(Words::as_str).collect();
        let RecordedEvent { event, names: EventNames { actor, maker, target }, maker: maker_id, link } =
            recorded;
        let (seq, hash) = link.map(|link| (link.seq, link.hash)).unzip();
        let (kind, id) = event.actor.parts();
        Self {
            id: event.id,
            at: event.at,
            seq,
            hash,
            sentence,
            actor: EventActorView {
                kind,
                id: id.map(|id| id.to_string()),
                name: actor,
                maker_id,
                maker_name: maker,
            },
            address: event.address.map(|address| address.ip().to_string()),
            action: event.action.as_str(),
            target: event.target.map(|target| target.to_string()),
            target_name: target,
            detail: event.detail,
        }
    }
}

/// Which events are wanted.
#[derive(Debug)]
pub(crate) struct AuditQuery {
    actor: Option<ActorFilter>,
    action: Option<ActionFilter>,
    target: Option<TargetFilter>,
    since: Option<StartTime>,
    until: Option<EndTime>,
    q: Option<String>,
    page: PageRequest,
}

request! {
    for AuditQuery {
        /// Whoever has this id, or all of a kind: `member`, `token`, `customer`, `customer_user`, `link`, `registry_key`, `operator`, `server`.
        actor: optional,
        /// One action, such as `license.revoked`, or all that is done to a kind of things, such as `license`.
        action: optional,
        /// Only what was done to the thing with this id.
        target: optional,
        /// Not before. A day begins at 00:00 UTC.
        since: optional,
        /// Before. A day named here is included.
        until: optional,
        /// Only events with this text in names or details. Looks through up to 100,000 events at a time: a page may hold few or none
        /// and have a `next_cursor` all the same. Finds what is in the chain.
        q: optional,
        ..page: PageRequest,
    }
}

/// List what happened
///
/// Part of Enterprise: below it, `plan_required`. What happens is written down all the same.
#[utoipa::path(responses((status = 200, body = PageView<AuditEventView>)))]
#[get("/api/v1/audit-events")]
pub(crate) async fn list_audit_events(
    caller: Caller<ReadAuditEvents>,
    query: Query<AuditQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<AuditEventView>>, Problem> {
    let AuditQuery { actor, action, target, since, until, q, page } = query.0;
    let filter = AuditFilter {
        actor,
        action,
        target: target.map(|TargetFilter(id)| id),
        since: since.map(Timestamp::from),
        until: until.map(Timestamp::from),
        search: q,
    };
    let audit_events = engine.audit_events(&caller, &filter, page).await?;
    Ok(Answer::ok(PageView::of(audit_events, AuditEventView::from)))
}

/// Export the chain of events
///
/// One JSON object a line (`application/x-ndjson`): the events in the order of the chain, and the signed checkpoints that prove
/// them, the last of which is made for this export. What the members mean and how to check them is in the documentation of the
/// audit log; `keyward audit verify` does it. Part of Enterprise: below it, `plan_required`.
#[utoipa::path(
    responses((status = 200, description = "The export", content_type = "application/x-ndjson", body = String)),
)]
#[get("/api/v1/audit-events/export")]
pub(crate) async fn export_audit_events(
    caller: Caller<ReadAuditEvents>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    let export = engine.begin_audit_export(&caller).await?;
    let lines = try_unfold((engine, export), async |(engine, mut export)| {
        let lines = engine.next_audit_lines(&mut export).await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(lines.map(|lines| (Bytes::from(lines), (engine, export))))
    });
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").streaming(lines))
}
