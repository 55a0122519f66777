//! The job that delivers messages. Each endpoint is claimed by one server for a few seconds at a time and has a thread of its own
//! there, so that messages come in their order and nobody waits for an endpoint that is slow.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyward_domain::webhook::{Attempt, DisabledReason, Outcome, WebhookHealth, next_try};
use keyward_domain::{
    Action, Actor, AlertSubject, DeliveryId, DeliveryState, Finding, Role, ServerJob, Webhook, WebhookId,
    WebhookSecret,
};
use keyward_storage::{DueMessage, Recorded, SealedSecrets, Technical, Tx};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::wire::{self, MessageSigner};
use crate::jobs::{Job, Schedule, Step, Stepping};
use crate::mail_text::{plain, vendor};
use crate::mails::WebhookDisabled;
use crate::metrics::WebhookOutcome;
use crate::outbound::{Plain, agent, bounds};
use crate::vault::{Place, SealError};
use crate::{Engine, Error, Result, causes, organization};

/// Who does what is told here.
const JOB: Actor = Actor::Job(ServerJob::Webhooks);

/// How often it is looked for messages that are due.
const PERIOD: Duration = Duration::from_millis(300);

/// Endpoints that one server is at at the same time.
const MOST_ENDPOINTS: u64 = 256;

/// Those of them that have failed last, so that the others always find a place.
const MOST_FAILING: u64 = 64;

/// Messages that one endpoint is sent in one go.
const MOST_MESSAGES: u64 = 100;

/// For how long messages are begun to be sent in one go.
const GO: Duration = Duration::from_secs(4);

/// For how many seconds a server has an endpoint to itself: a go, and one message that takes as long as it may.
const LEASE_SECONDS: i64 = 20;

/// How many tries are noted in one transaction.
const MOST_NOTED: usize = 50;

/// The stack of a thread that sends.
const STACK_BYTES: usize = 512 * 1024;

const _: () = assert!(LEASE_SECONDS as u64 > GO.as_secs() + bounds::WEBHOOK.as_secs());

/// Delivers messages to webhook endpoints.
pub(crate) struct Deliveries {
    engine: Arc<Engine>,
    under_way: Rc<UnderWay>,
}

/// The endpoints that this server is at.
#[derive(Default)]
struct UnderWay {
    healthy: Cell<u64>,
    failing: Cell<u64>,
    /// What came of those that it was at: how many messages were sent, and what could not be noted.
    sent: Cell<u64>,
    fault: RefCell<Option<Error>>,
}

impl Deliveries {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, under_way: Rc::default() }
    }

    async fn turn(&self) -> Result<Step> {
        let under_way = &self.under_way;
        let failing = MOST_FAILING.saturating_sub(under_way.failing.get());
        let free = MOST_ENDPOINTS.saturating_sub(under_way.healthy.get() + under_way.failing.get());
        let claimed = self.engine.claim_webhooks(free, failing.min(free)).await?;
        for webhook in claimed {
            let (engine, under_way) = (Arc::clone(&self.engine), Rc::clone(under_way));
            tokio::task::spawn_local(async move {
                let kind = if webhook.health.failures > 0 { &under_way.failing } else { &under_way.healthy };
                kind.set(kind.get() + 1);
                let gone = deliver(engine, &webhook).await;
                kind.set(kind.get() - 1);
                match gone {
                    Ok(sent) => under_way.sent.set(under_way.sent.get() + sent),
                    Err(error) => {
                        tracing::error!(webhook = %webhook.id, error = causes(&error), "messages can't be delivered");
                        *under_way.fault.borrow_mut() = Some(error);
                    }
                }
            });
        }
        match under_way.fault.borrow_mut().take() {
            Some(error) => Err(error),
            None => Ok(Step::Done(under_way.sent.take())),
        }
    }
}

impl Job for Deliveries {
    fn name(&self) -> &'static str {
        ServerJob::Webhooks.as_str()
    }

    /// Each server's: endpoints are claimed one by one.
    fn schedule(&self) -> Schedule {
        Schedule::every_server(PERIOD)
    }

    fn step<'a>(&'a self, _: &'a Engine) -> Stepping<'a> {
        Box::pin(self.turn())
    }
}

/// What came of one try.
struct Tried {
    delivery: DeliveryId,
    attempt: Attempt,
    failures: u32,
    outcome: Outcome,
}

/// What is needed to send messages to one endpoint.
struct Go {
    engine: Arc<Engine>,
    url: String,
    signer: MessageSigner,
    health: WebhookHealth,
    messages: Vec<DueMessage>,
}

impl Go {
    /// Sends one message after the other, on a thread of its own, until the endpoint had better be left alone.
    fn run(self, tried: &UnboundedSender<Tried>) {
        let Self { engine, url, signer, mut health, messages } = self;
        let (began, agent) =
            (Instant::now(), agent(&engine.guard, &engine.authorities, bounds::WEBHOOK, Plain::OffThePublic));
        for message in messages {
            let at = engine.now();
            let (result, duration_ms) =
                wire::send(&agent, &url, &signer, (message.message, &message.body), at);
            let outcome = result.outcome();
            note(&engine, outcome, duration_ms);
            let delivered = outcome == Outcome::Delivered;
            health = health.after(delivered, at);
            let attempt = Attempt { number: message.attempts + 1, at, duration_ms, result };
            let failures = if delivered { 0 } else { message.failures + 1 };
            let sent = tried.send(Tried { delivery: message.delivery, attempt, failures, outcome });
            let goes_on = delivered || (outcome == Outcome::Failed && health.rest() == 0);
            if sent.is_err() || !goes_on || began.elapsed() > GO {
                return;
            }
        }
    }
}

/// Counts a try.
fn note(engine: &Engine, outcome: Outcome, duration_ms: u32) {
    let counted = match outcome {
        Outcome::Delivered => WebhookOutcome::Delivered,
        Outcome::Failed => WebhookOutcome::Failed,
        Outcome::Gone => WebhookOutcome::Gone,
    };
    engine.metrics.webhook_attempts.of(counted).add_one();
    engine.metrics.webhook_durations.0.observe_duration(Duration::from_millis(duration_ms.into()));
}

/// Sends an endpoint what is due, and notes what came of it. Gives how many messages it has taken.
async fn deliver(engine: Arc<Engine>, webhook: &Webhook) -> Result<u64> {
    let go = engine.prepare_go(Arc::clone(&engine), webhook).await?;
    let (sender, mut tried) = unbounded_channel();
    std::thread::Builder::new()
        .name("keyward-webhook".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || go.run(&sender))
        .map_err(|error| Error::Thread(Arc::new(error)))?;
    let (mut taken, mut batch) = (0, Vec::new());
    while tried.recv_many(&mut batch, MOST_NOTED).await > 0 {
        taken += engine.note_tries(webhook, std::mem::take(&mut batch)).await?;
    }
    engine.release_webhook(webhook).await?;
    Ok(taken)
}

impl Engine {
    /// Endpoints that have something due, held back from others for a while: `most`, of which `failing` have failed last.
    async fn claim_webhooks(&self, most: u64, failing: u64) -> Result<Vec<Webhook>> {
        let now = self.now();
        let tx = self.store.read().await?;
        let mut found = match most {
            0 => Vec::new(),
            most => tx.due_webhooks(false, now, most).await?,
        };
        let room = failing.min(most.saturating_sub(found.len() as u64));
        if room > 0 {
            found.extend(tx.due_webhooks(true, now, room).await?);
        }
        drop(tx);
        if found.is_empty() {
            return Ok(found);
        }
        let tx = self.store.write().await?;
        let mut claimed = Vec::with_capacity(found.len());
        for webhook in found {
            if tx.claim_webhook(webhook.id, now, now.plus_seconds(LEASE_SECONDS)).await? {
                claimed.push(webhook);
            }
        }
        tx.commit_unrecorded(Technical::Delivery).await?;
        Ok(claimed)
    }

    async fn prepare_go(&self, engine: Arc<Engine>, webhook: &Webhook) -> Result<Go> {
        let (scope, now) = (webhook.scope(), self.now());
        let tx = self.store.read().await?;
        let secrets = match tx.webhooks(scope).secrets(webhook.id).await? {
            Some(sealed) => self.webhook_secrets(webhook, sealed)?,
            None => Vec::new(),
        };
        let key = tx.signing_keys(scope).active().await?;
        let key = key.map(|key| self.answer_signer(&key)).transpose()?;
        // One message finds out whether an endpoint is back that has failed several times.
        let most = if webhook.health.rest() > 0 { 1 } else { MOST_MESSAGES };
        let messages = tx.deliveries(scope).due(webhook.id, now, most).await?;
        Ok(Go {
            engine,
            url: webhook.url.to_string(),
            signer: MessageSigner { secrets, key },
            health: webhook.health,
            messages,
        })
    }

    /// The secrets that sign now.
    fn webhook_secrets(&self, webhook: &Webhook, sealed: SealedSecrets) -> Result<Vec<WebhookSecret>> {
        let previous = sealed.previous.filter(|(_, until)| self.now() < *until).map(|(secret, _)| secret);
        let open = |sealed: Vec<u8>| {
            let place = Place::WebhookSecret(webhook.organization, webhook.id);
            let opened = self.vault.open(&place, &sealed);
            opened.map(|bytes| WebhookSecret::from_bytes(*bytes)).map_err(|source| fault(webhook.id, source))
        };
        std::iter::once(sealed.current).chain(previous).map(open).collect()
    }

    /// Notes what came of some tries. Gives how many messages were taken.
    async fn note_tries(&self, webhook: &Webhook, tries: Vec<Tried>) -> Result<u64> {
        let (scope, now) = (webhook.scope(), self.now());
        let tx = self.store.write().await?;
        let (deliveries, held) = (tx.deliveries(scope), tx.webhooks(scope).lock(webhook.id).await?);
        let (mut taken, mut gone) = (0, false);
        let mut health = held.as_ref().map(|held| held.health).unwrap_or_default();
        for tried in &tries {
            let state =
                match (tried.outcome, next_try(tried.failures, now, u16::from_be_bytes(self.random()))) {
                    (Outcome::Delivered, _) => DeliveryState::Delivered { at: now },
                    (Outcome::Failed, Some(due_at)) => DeliveryState::Pending { due_at },
                    (Outcome::Gone, _) | (Outcome::Failed, None) => DeliveryState::Failed { at: now },
                };
            deliveries.note(tried.delivery, &tried.attempt, tried.failures, state).await?;
            health = health.after(tried.outcome == Outcome::Delivered, tried.attempt.at);
            taken += u64::from(tried.outcome == Outcome::Delivered);
            gone |= tried.outcome == Outcome::Gone;
        }
        let Some(held) = held else {
            tx.commit_unrecorded(Technical::Delivery).await?;
            return Ok(taken);
        };
        let held = Webhook { health, ..held };
        let reason = match (held.state.is_listening(), gone, health.is_given_up(now)) {
            (true, true, _) => Some(DisabledReason::Gone),
            (true, false, true) => Some(DisabledReason::Failing),
            (true, false, false) | (false, ..) => None,
        };
        match reason {
            Some(reason) => {
                let recorded = self.disable_webhook(&tx, held, reason).await?;
                tx.commit(recorded).await?;
            }
            None => {
                tx.webhooks(scope).note_health(&held, now.plus_seconds(LEASE_SECONDS)).await?;
                tx.commit_unrecorded(Technical::Delivery).await?;
            }
        }
        Ok(taken)
    }

    /// Lets other servers have an endpoint, once it has rested.
    async fn release_webhook(&self, webhook: &Webhook) -> Result<()> {
        let tx = self.store.write().await?;
        if let Some(held) = tx.webhooks(webhook.scope()).lock(webhook.id).await? {
            let rests_until = self.now().plus_seconds(held.health.rest());
            tx.webhooks(webhook.scope()).note_health(&held, rests_until).await?;
        }
        Ok(tx.commit_unrecorded(Technical::Delivery).await?)
    }

    /// Gives an endpoint up: its messages fail, and owners and admins are told.
    async fn disable_webhook(&self, tx: &Tx, webhook: Webhook, reason: DisabledReason) -> Result<Recorded> {
        let (scope, now) = (webhook.scope(), self.now());
        let webhook = webhook.disabled(reason, now);
        tx.webhooks(scope).save(&webhook).await?;
        let failed = tx.deliveries(scope).give_up(webhook.id, now).await?;
        let organization = organization::find(tx, scope).await?;
        for member in tx.members(scope).with_roles(&[Role::Owner, Role::Admin]).await? {
            let mail = WebhookDisabled {
                name: plain(&member.name),
                vendor: vendor(&organization),
                endpoint: webhook.url.to_string(),
                reason: reason.to_string(),
                url: format!("{}/webhooks/{}", self.issuer.as_str(), webhook.id),
            };
            self.mail(tx, scope, &member.email, &mail).await?;
        }
        let subject = AlertSubject::Webhook(webhook.id);
        self.raise_about(tx, scope, JOB, subject, Finding::WebhookDisabled { reason }).await?;
        let detail = [("url", json!(webhook.url)), ("reason", json!(reason)), ("failed", json!(failed))];
        let (action, target) = (Action::WebhookDisabled, webhook.id.uuid());
        tracing::warn!(webhook = %webhook.id, reason = reason.as_str(), "a webhook endpoint is given up");
        self.record_for(tx, scope, JOB, action, target, &detail).await
    }
}

pub(super) fn fault(id: WebhookId, source: SealError) -> Error {
    Error::Key { kid: format!("secret of webhook {id}"), source }
}
