//! Where the audit log is streamed to.

use actix_web::{HttpResponse, delete, get, patch, post, web};
use keyward_domain::audit_sink::{Pem, SinkFault};
use keyward_domain::permission::{ReadAuditSinks, WriteAuditSinks};
use keyward_domain::{AuditSink, AuditSinkId, AuditSinkState, Name, PageRequest, SinkAddress, Timestamp};
use keyward_engine::Engine;
use keyward_engine::audit_sink::{AuditSinkChange, AuditSinkView as Shown, NewAuditSink};
use keyward_web::fields::Nothing;
use keyward_web::{Answer, Caller, Command, Id, IfMatch, Once, Problem, Query};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create_audit_sink)
        .body::<NewAuditSink>()
        .service(list_audit_sinks)
        .query::<PageRequest>()
        .service(show_audit_sink)
        .service(update_audit_sink)
        .body::<AuditSinkChange>()
        .service(delete_audit_sink)
        .service(pause_audit_sink)
        .service(resume_audit_sink);
}

/// Where the audit log is streamed to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AuditSinkSettings)]
pub(crate) struct SettingsView {
    id: AuditSinkId,
    /// Example: "SIEM"
    name: Name,
    /// `syslog` or `otlp`.
    #[schema(example = "syslog")]
    kind: &'static str,
    /// Example: "syslog+tls://siem.example.com:6514"
    address: SinkAddress,
    /// The only certificate authorities that count there; `null` for those that the server trusts.
    ca_certificates: Option<Pem>,
    /// Whether the server shows a certificate of its own there.
    has_client_certificate: bool,
    /// The names of the headers that are sent there.
    #[schema(example = json!(["authorization"]))]
    header_names: Vec<String>,
    /// `enabled`, or `paused`: it gets what it has missed once it is resumed.
    #[schema(example = "enabled")]
    state: &'static str,
    /// Since when it is paused.
    paused_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

impl From<AuditSink> for SettingsView {
    fn from(sink: AuditSink) -> Self {
        let paused_at = match sink.state {
            AuditSinkState::Enabled => None,
            AuditSinkState::Paused { since } => Some(since),
        };
        Self {
            id: sink.id,
            name: sink.name,
            kind: sink.address.kind().as_str(),
            address: sink.address,
            ca_certificates: sink.ca_certificates,
            has_client_certificate: sink.has_client_certificate,
            header_names: sink.header_names,
            state: sink.state.as_str(),
            paused_at,
            created_at: sink.created_at,
            updated_at: sink.updated_at,
            version: sink.version,
        }
    }
}

/// Where the audit log is streamed to, and how far it has come.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AuditSink)]
pub(crate) struct AuditSinkView {
    #[serde(flatten)]
    sink: SettingsView,
    /// The number of the last event that it has taken.
    seq: i64,
    /// The number of the last event that there is.
    last_seq: i64,
    /// How many events it will never have: they were removed before it had them, or it has refused them.
    missed: i64,
    /// How many attempts have failed in a row.
    failures: u32,
    /// Since when all have failed.
    failing_since: Option<Timestamp>,
    /// Why the last one failed: `no_address`, `refused`, `reset`, `tls`, `timeout`, `protocol` or `status`.
    fault: Option<SinkFault>,
    /// When one last succeeded.
    succeeded_at: Option<Timestamp>,
}

impl From<Shown> for AuditSinkView {
    fn from(shown: Shown) -> Self {
        Self {
            sink: shown.sink.into(),
            seq: shown.reached.seq,
            last_seq: shown.last,
            missed: shown.missed,
            failures: shown.health.failures,
            failing_since: shown.health.failing_since,
            fault: shown.health.fault,
            succeeded_at: shown.health.succeeded_at,
        }
    }
}

fn answer(shown: Shown) -> Answer<AuditSinkView> {
    let version = shown.sink.version;
    Answer::ok(shown.into()).version(version)
}

/// Create an audit sink
///
/// Every event of the audit log goes there in its order, with the checkpoints that prove it. Up to 10 of an organization. Part of
/// Enterprise.
#[utoipa::path(params(Once), responses((status = 201, body = AuditSinkView)))]
#[post("/api/v1/audit-sinks")]
pub(crate) async fn create_audit_sink(
    command: Command<WriteAuditSinks, NewAuditSink>,
    engine: web::Data<Engine>,
) -> Result<Answer<AuditSinkView>, Problem> {
    let Command { access, body, once } = command;
    let made = engine.create_audit_sink(&access, body, once.as_ref()).await?;
    let location = format!("/api/v1/audit-sinks/{}", made.value.sink.id);
    let version = made.value.sink.version;
    Ok(Answer::created(location, made.value.into()).version(version).replayed(made.replayed))
}

/// List audit sinks
#[utoipa::path(responses((status = 200, body = PageView<AuditSinkView>)))]
#[get("/api/v1/audit-sinks")]
pub(crate) async fn list_audit_sinks(
    caller: Caller<ReadAuditSinks>,
    page: Query<PageRequest>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<AuditSinkView>>, Problem> {
    Ok(Answer::ok(PageView::of(engine.audit_sinks(&caller, page.0).await?, AuditSinkView::from)))
}

/// Show an audit sink
#[utoipa::path(responses((status = 200, body = AuditSinkView)))]
#[get("/api/v1/audit-sinks/{id}")]
pub(crate) async fn show_audit_sink(
    caller: Caller<ReadAuditSinks>,
    id: Id<AuditSinkId>,
    engine: web::Data<Engine>,
) -> Result<Answer<AuditSinkView>, Problem> {
    Ok(answer(engine.audit_sink(&caller, id.0).await?))
}

/// Change an audit sink
///
/// It goes on where it was, also at another address.
#[utoipa::path(params(IfMatch), responses((status = 200, body = AuditSinkView)))]
#[patch("/api/v1/audit-sinks/{id}")]
pub(crate) async fn update_audit_sink(
    command: Command<WriteAuditSinks, AuditSinkChange>,
    id: Id<AuditSinkId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<AuditSinkView>, Problem> {
    let Command { access, body, .. } = command;
    Ok(answer(engine.update_audit_sink(&access, id.0, body, seen.0).await?))
}

/// Delete an audit sink
///
/// What it has not got it does not get any more.
#[utoipa::path(params(IfMatch), responses((status = 204, description = "Deleted")))]
#[delete("/api/v1/audit-sinks/{id}")]
pub(crate) async fn delete_audit_sink(
    caller: Caller<WriteAuditSinks>,
    id: Id<AuditSinkId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.delete_audit_sink(&caller, id.0, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Pause an audit sink
///
/// Nothing is sent until it is resumed. Events that are removed meanwhile, because of how long the audit log is kept, are lost to it.
#[utoipa::path(responses((status = 200, body = AuditSinkView)))]
#[post("/api/v1/audit-sinks/{id}/pause")]
pub(crate) async fn pause_audit_sink(
    command: Command<WriteAuditSinks, Nothing>,
    id: Id<AuditSinkId>,
    engine: web::Data<Engine>,
) -> Result<Answer<AuditSinkView>, Problem> {
    Ok(answer(engine.pause_audit_sink(&command.access, id.0).await?))
}

/// Resume an audit sink
///
/// It gets what it has missed, and what comes.
#[utoipa::path(responses((status = 200, body = AuditSinkView)))]
#[post("/api/v1/audit-sinks/{id}/resume")]
pub(crate) async fn resume_audit_sink(
    command: Command<WriteAuditSinks, Nothing>,
    id: Id<AuditSinkId>,
    engine: web::Data<Engine>,
) -> Result<Answer<AuditSinkView>, Problem> {
    Ok(answer(engine.resume_audit_sink(&command.access, id.0).await?))
}
