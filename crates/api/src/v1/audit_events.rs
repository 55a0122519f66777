//! The audit log.

use actix_web::{get, web};
use keyward_domain::permission::ReadAuditEvents;
use keyward_domain::{Actor, AuditEvent, AuditEventId, PageRequest, Timestamp};
use keyward_engine::Engine;
use keyward_web::{Answer, Caller, Problem, Query};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes.service(list_audit_events).query::<PageRequest>();
}

/// One line of the audit log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AuditEvent)]
pub(crate) struct AuditEventView {
    id: AuditEventId,
    at: Timestamp,
    actor: ActorView,
    #[schema(example = "license.revoked")]
    action: &'static str,
    /// Id of the thing that was acted on.
    #[schema(value_type = Option<String>, format = Uuid)]
    target: Option<String>,
    /// What a reader wants to know beyond that.
    #[schema(value_type = Object)]
    detail: Map<String, Value>,
}

/// Who acted.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Actor)]
pub(crate) struct ActorView {
    /// `operator`, `token`, `member`, `customer`, `link`, `registry_key`, or `server` for what it does by itself.
    kind: &'static str,
    #[schema(format = Uuid)]
    id: Option<String>,
}

impl From<Actor> for ActorView {
    fn from(actor: Actor) -> Self {
        let (kind, id) = match actor {
            Actor::Operator => ("operator", None),
            Actor::Token(id) => ("token", Some(id.to_string())),
            Actor::Member(id) => ("member", Some(id.to_string())),
            Actor::Customer(id) => ("customer", Some(id.to_string())),
            Actor::Link(id) => ("link", Some(id.to_string())),
            Actor::RegistryKey(id) => ("registry_key", Some(id.to_string())),
            Actor::Server => ("server", None),
        };
        Self { kind, id }
    }
}

impl From<AuditEvent> for AuditEventView {
    fn from(event: AuditEvent) -> Self {
        Self {
            id: event.id,
            at: event.at,
            actor: event.actor.into(),
            action: event.action.as_str(),
            target: event.target.map(|target| target.to_string()),
            detail: event.detail,
        }
    }
}

/// List what happened
///
/// Part of Enterprise: below it, `plan_required`. What happens is written down all the same.
#[utoipa::path(responses((status = 200, body = PageView<AuditEventView>)))]
#[get("/api/v1/audit-events")]
pub(crate) async fn list_audit_events(
    caller: Caller<ReadAuditEvents>,
    page: Query<PageRequest>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<AuditEventView>>, Problem> {
    let audit_events = engine.audit_events(&caller, page.0).await?;
    Ok(Answer::ok(PageView::of(audit_events, AuditEventView::from)))
}
