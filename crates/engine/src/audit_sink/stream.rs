//! The job that streams audit logs. Each sink is claimed by one server for a few seconds at a time; what is sent is read a batch at a
//! time, sent by a thread of its own and noted before the next, so that a sink that was away for long takes no more memory.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyward_domain::audit_sink::{SinkCursor, SinkFault, SinkHealth, SinkKind};
use keyward_domain::{
    Actor, AlertSubject, AuditSink, AuditSinkId, Feature, Finding, OrganizationId, OrganizationScope,
    OutboundRules, Role, ServerJob, SinkAddress, Timestamp,
};
use keyward_storage::{Recorded, SinkProgress, Technical, Tx};

use super::batch::{MOST_EVENTS, Part, Record};
use super::transport::Transport;
use super::{OperatorSink, otlp, syslog};
use crate::jobs::{Job, Schedule, Step, Stepping};
use crate::mail_text::{plain, vendor};
use crate::mails::AuditSinkTold;
use crate::outbound::{Plain, bounds};
use crate::{Engine, Error, Result, causes, organization};

/// Who does what is told here.
const JOB: Actor = Actor::Job(ServerJob::AuditStreams);

/// How often it is looked for events that are to be sent.
const PERIOD: Duration = Duration::from_secs(1);

/// Sinks that one server is at at the same time.
const MOST_SINKS: u64 = 64;

/// Organizations whose events one batch of an operator's sink may bring.
const MOST_ORGANIZATIONS: u64 = 100;

/// For how long batches are begun to be sent in one go.
const GO: Duration = Duration::from_secs(5);

/// For how many seconds a server has a sink to itself after each batch: the time that one may take, and some for the database.
const LEASE_SECONDS: i64 = 30;

/// For how many seconds an organization's sinks rest whose plan does not include the log.
const NOT_INCLUDED_SECONDS: i64 = 300;

const _: () = assert!(LEASE_SECONDS as u64 > bounds::AUDIT_SINK.as_secs() + bounds::RESOLVE.as_secs());

/// Streams audit logs to sinks.
pub(crate) struct AuditStreams {
    engine: Arc<Engine>,
    under_way: Rc<UnderWay>,
}

/// The sinks that this server is at.
#[derive(Default)]
struct UnderWay {
    sinks: Cell<u64>,
    /// What came of those that it was at: how many lines were sent, what could not be noted, and which of the operator's has failed.
    sent: Cell<u64>,
    fault: RefCell<Option<Error>>,
    put_off: RefCell<Option<String>>,
}

/// A sink that a server is at.
#[derive(Debug, Clone)]
enum Streamed {
    Organization(Box<AuditSink>),
    Operator(Box<OperatorSink>),
}

impl Streamed {
    fn id(&self) -> AuditSinkId {
        match self {
            Self::Organization(sink) => sink.id,
            Self::Operator(sink) => sink.id(),
        }
    }

    fn address(&self) -> &SinkAddress {
        match self {
            Self::Organization(sink) => &sink.address,
            Self::Operator(sink) => &sink.address,
        }
    }

    /// Its organization, unless it is the operator's.
    fn scope(&self) -> Option<OrganizationScope> {
        match self {
            Self::Organization(sink) => Some(sink.scope()),
            Self::Operator(_) => None,
        }
    }
}

impl AuditStreams {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, under_way: Rc::default() }
    }

    async fn turn(&self) -> Result<Step> {
        let under_way = &self.under_way;
        let free = MOST_SINKS.saturating_sub(under_way.sinks.get());
        for sink in self.engine.claim_audit_sinks(free).await? {
            let (engine, under_way) = (Arc::clone(&self.engine), Rc::clone(under_way));
            tokio::task::spawn_local(async move {
                under_way.sinks.set(under_way.sinks.get() + 1);
                let gone = go(engine, &sink).await;
                under_way.sinks.set(under_way.sinks.get() - 1);
                match gone {
                    Ok((sent, fault)) => {
                        under_way.sent.set(under_way.sent.get() + sent);
                        if let (Some(fault), None) = (fault, sink.scope()) {
                            let told = format!("the audit sink {} takes no events: {fault}", sink.address());
                            *under_way.put_off.borrow_mut() = Some(told);
                        }
                    }
                    Err(error) => {
                        tracing::error!(sink = %sink.id(), error = causes(&error), "an audit log can't be streamed");
                        *under_way.fault.borrow_mut() = Some(error);
                    }
                }
            });
        }
        if let Some(error) = under_way.fault.borrow_mut().take() {
            return Err(error);
        }
        Ok(match under_way.put_off.borrow_mut().take() {
            Some(told) => Step::PutOff(told),
            None => Step::Done(under_way.sent.take()),
        })
    }
}

impl Job for AuditStreams {
    fn name(&self) -> &'static str {
        ServerJob::AuditStreams.as_str()
    }

    /// Each server's: sinks are claimed one by one.
    fn schedule(&self) -> Schedule {
        Schedule::every_server(PERIOD)
    }

    fn step<'a>(&'a self, _: &'a Engine) -> Stepping<'a> {
        Box::pin(self.turn())
    }
}

/// Sends a sink what comes next, batch by batch. Gives how many lines it has taken, and why it took no more.
async fn go(engine: Arc<Engine>, sink: &Streamed) -> Result<(u64, Option<SinkFault>)> {
    let (began, mut sent, mut after) = (Instant::now(), 0, None);
    let Some(transport) = engine.prepare_stream(sink).await? else {
        engine.release_sink(sink.id(), NOT_INCLUDED_SECONDS).await?;
        return Ok((0, None));
    };
    let mut fault = None;
    while began.elapsed() < GO {
        let parts = engine.next_batch(sink, &mut after).await?;
        if parts.is_empty() {
            break;
        }
        let lines: u64 = parts.iter().map(|part| part.records.len() as u64).sum();
        let records: Vec<Record> = parts.iter().flat_map(|part| part.records.iter().cloned()).collect();
        let (transport, host, now) = (transport.clone(), engine.issuer.host_name().to_owned(), engine.now());
        let result = on_thread(move || send(&transport, &records, &host, now)).await?;
        fault = result.err();
        if !engine.note_batch(sink, &parts, result).await? {
            // It was deleted meanwhile.
            return Ok((sent, None));
        }
        if fault.is_some() {
            break;
        }
        sent += lines;
    }
    let rest = match fault {
        Some(_) => {
            engine.store.read().await?.sink_progresses().health(sink.id()).await?.unwrap_or_default().rest()
        }
        None => 0,
    };
    engine.release_sink(sink.id(), rest).await?;
    Ok((sent, fault))
}

/// Sends records. Gives how many the receiver has refused for good.
fn send(transport: &Transport, records: &[Record], host: &str, now: Timestamp) -> Result<i64, SinkFault> {
    // What was cut off may be all there was.
    if records.is_empty() {
        return Ok(0);
    }
    match &transport.address {
        SinkAddress::Syslog { host: receiver, port } => {
            let mut frames = String::new();
            records.iter().for_each(|record| syslog::frame(record, host, &mut frames));
            syslog::send(transport, receiver, *port, &frames).map(|()| 0)
        }
        SinkAddress::Otlp(url) => otlp::send(transport, url.as_str(), &otlp::request(records, host, now)),
    }
}

/// Does something that blocks on a thread of its own.
async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let (sender, done) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("keyward-sink".to_owned())
        .spawn(move || sender.send(work()))
        .map_err(|error| Error::Thread(Arc::new(error)))?;
    done.await.map_err(|error| Error::Thread(Arc::new(std::io::Error::other(error))))
}

impl Engine {
    /// Sinks that have something to be sent, held back from others for a while.
    async fn claim_audit_sinks(&self, most: u64) -> Result<Vec<Streamed>> {
        let now = self.now();
        let tx = self.store.read().await?;
        let mut found = Vec::new();
        for sink in &self.operator_sinks {
            if !tx.behind_audit_sink(sink.id(), None, 1).await?.is_empty() {
                found.push(Streamed::Operator(Box::new(sink.clone())));
            }
        }
        let own = tx.due_audit_sinks(now, most.saturating_sub(found.len() as u64)).await?;
        found.extend(own.into_iter().map(|sink| Streamed::Organization(Box::new(sink))));
        drop(tx);
        if found.is_empty() || most == 0 {
            return Ok(Vec::new());
        }
        let tx = self.store.write().await?;
        let mut claimed = Vec::with_capacity(found.len());
        for sink in found {
            match &sink {
                Streamed::Operator(_) => tx.sink_progresses().begin(sink.id(), None).await?,
                Streamed::Organization(_) => {}
            }
            if tx.claim_audit_sink(sink.id(), now, now.plus_seconds(LEASE_SECONDS)).await? {
                claimed.push(sink);
            }
        }
        tx.commit_unrecorded(Technical::Streaming).await?;
        Ok(claimed)
    }

    /// How a sink is connected to; `None` if the plan does not include it.
    async fn prepare_stream(&self, sink: &Streamed) -> Result<Option<Transport>> {
        let (own, authorities) = (self.guard.clone(), self.authorities.clone());
        Ok(match sink {
            Streamed::Organization(sink) => {
                let (scope, tx) = (sink.scope(), self.store.read().await?);
                let included = organization::find(&tx, scope).await?.limits(self.now());
                if !included.includes(Feature::AuditLog) {
                    return Ok(None);
                }
                let credential = match tx.audit_sinks(scope).credential(sink.id).await? {
                    Some(sealed) => self.opened_credential(scope, sink.id, &sealed)?,
                    None => Default::default(),
                };
                Some(Transport {
                    address: sink.address.clone(),
                    ca_certificates: sink.ca_certificates.clone(),
                    credential,
                    guard: own,
                    authorities,
                    plain: Plain::OffThePublic,
                })
            }
            Streamed::Operator(sink) => Some(Transport {
                address: sink.address.clone(),
                ca_certificates: sink.ca_certificates.clone(),
                credential: sink.credential.clone(),
                guard: own.with_rules(OutboundRules::operator()),
                authorities,
                plain: Plain::Anywhere,
            }),
        })
    }

    /// What comes next for a sink. `after` is the organization that it has come to, and begins anew after the last.
    async fn next_batch(&self, sink: &Streamed, after: &mut Option<OrganizationId>) -> Result<Vec<Part>> {
        let tx = self.store.read().await?;
        if let Some(scope) = sink.scope() {
            return Ok(self.next_part(&tx, sink.id(), scope, MOST_EVENTS).await?.into_iter().collect());
        }
        let mut behind = tx.behind_audit_sink(sink.id(), *after, MOST_ORGANIZATIONS).await?;
        if behind.is_empty() && after.take().is_some() {
            behind = tx.behind_audit_sink(sink.id(), None, MOST_ORGANIZATIONS).await?;
        }
        let (mut parts, mut left) = (Vec::new(), MOST_EVENTS);
        for id in behind {
            *after = Some(id);
            let Some(organization) = tx.organization_of(id).await? else { continue };
            let next = self.next_part(&tx, sink.id(), organization.scope(), left).await?;
            let Some(part) = next else { continue };
            left = left.saturating_sub(part.records.len() as u64);
            parts.push(part);
            if left == 0 {
                break;
            }
        }
        Ok(parts)
    }

    /// Notes what came of a batch. Whether the sink is still there.
    async fn note_batch(
        &self,
        sink: &Streamed,
        parts: &[Part],
        result: Result<i64, SinkFault>,
    ) -> Result<bool> {
        let (id, now, tx) = (sink.id(), self.now(), self.store.write().await?);
        let progresses = tx.sink_progresses();
        let Some(held) = progresses.lock_health(id).await? else { return Ok(false) };
        let mut health = held.after(result.map(drop), now);
        let mut recorded = None;
        match result {
            Ok(refused) => {
                let mut lost = refused;
                for (place, part) in parts.iter().enumerate() {
                    let more = part.missed + if place == 0 { refused } else { 0 };
                    lost += part.missed;
                    let after = SinkProgress {
                        cursor: part.before.cursor.advanced(part.reached, now),
                        missed: part.before.missed + more,
                    };
                    progresses.advance(id, part.scope, part.before, after).await?;
                }
                if lost > 0 {
                    recorded =
                        self.tell_of_sink(&tx, sink, Finding::AuditEventsMissed { count: lost }).await?;
                }
                if held.failures > 0 {
                    tracing::info!(sink = %id, "an audit sink takes events again");
                }
            }
            Err(fault) => {
                if held.failures == 0 {
                    tracing::warn!(sink = %id, reason = fault.as_str(), "an audit sink takes no events");
                    self.rewind(&tx, sink, now).await?;
                }
                let since = health.failing_since.unwrap_or(now);
                if health.is_to_be_told(now) {
                    health = SinkHealth { told_at: Some(now), ..health };
                    recorded = self.tell_of_sink(&tx, sink, Finding::AuditSinkFailing { since }).await?;
                }
            }
        }
        tx.sink_progresses().note_health(id, health, now.plus_seconds(LEASE_SECONDS)).await?;
        match recorded {
            Some(recorded) => tx.commit(recorded).await?,
            None => tx.commit_unrecorded(Technical::Streaming).await?,
        }
        Ok(true)
    }

    /// Goes back to what a syslog receiver has surely kept. OTLP says what was taken.
    async fn rewind(&self, tx: &Tx, sink: &Streamed, now: Timestamp) -> Result<()> {
        match sink.address().kind() {
            SinkKind::Syslog => {}
            SinkKind::Otlp => return Ok(()),
        }
        let progresses = tx.sink_progresses();
        for (organization, SinkProgress { cursor, .. }) in progresses.all(sink.id()).await? {
            let back: SinkCursor = cursor.rewound(now);
            if back.reached == cursor.reached {
                continue;
            }
            if let Some(organization) = tx.organization_of(organization).await? {
                progresses.set(sink.id(), organization.scope(), back).await?;
            }
        }
        Ok(())
    }

    async fn release_sink(&self, id: AuditSinkId, seconds: i64) -> Result<()> {
        let tx = self.store.write().await?;
        tx.release_audit_sink(id, self.now().plus_seconds(seconds)).await?;
        Ok(tx.commit_unrecorded(Technical::Streaming).await?)
    }

    /// Tells owners and admins by alert and mail, and the operator in the log.
    async fn tell_of_sink(&self, tx: &Tx, sink: &Streamed, finding: Finding) -> Result<Option<Recorded>> {
        tracing::error!(sink = %sink.id(), address = %sink.address(), %finding, "an audit sink needs attention");
        let sink = match sink {
            Streamed::Organization(sink) => sink,
            Streamed::Operator(_) => return Ok(None),
        };
        let (scope, told) = (sink.scope(), finding.to_string());
        let raised = self.raise_about(tx, scope, JOB, AlertSubject::AuditSink(sink.id), finding).await?;
        if raised.is_none() {
            return Ok(None);
        }
        let organization = organization::find(tx, scope).await?;
        for member in tx.members(scope).with_roles(&[Role::Owner, Role::Admin]).await? {
            let mail = AuditSinkTold {
                name: plain(&member.name),
                vendor: vendor(&organization),
                sink: sink.name.to_string(),
                finding: told.clone(),
                url: format!("{}/audit/sinks/{}", self.issuer.as_str(), sink.id),
            };
            self.mail(tx, scope, &member.email, &mail).await?;
        }
        Ok(raised)
    }
}
