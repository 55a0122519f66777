//! The audit log.

mod list;

use crate::routes::Routes;
use crate::v1::page::PageQuery;
use keyward_domain::{Actor, AuditEvent, AuditEventId, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes.service(list::list).query::<PageQuery>("list_audit_events");
}

/// One line of the audit log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AuditEvent)]
pub(crate) struct AuditEventView {
    #[schema(value_type = String, format = Uuid)]
    id: AuditEventId,
    #[schema(value_type = String, format = DateTime)]
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
