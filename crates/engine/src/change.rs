//! A unit of work: what is changed for somebody, with all that goes with it.
//!
//! It begins with another look at the caller and ends with its event, or it never happened: [`Change::commit`] is the only
//! end that keeps anything, and it takes what is to be recorded. Audit line, messages to webhook endpoints, the new generation that
//! invalidates copies in memory, and the `Idempotency-Key` are written in the same transaction. So are rows of the service
//! that embeds the engine, if it has any ([`Engine::with_own_rows`]).
//!
//! It can be run again: where the database undoes it for the sake of another, or the connection is lost before it is to
//! be committed, the closure is called with a new one. So whatever must be the same the second time, or takes long, is
//! prepared before it: ids, secrets, hashes, requests to other servers.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyward_domain::{
    Access, Action, AuditEvent, Grant, Idempotency, Identity, OrganizationScope, Timestamp,
};
use keyward_storage::{Claim, Recorded, StorageError, Technical, Tx};
use serde_json::Value;
use uuid::Uuid;

use crate::audit::By;
use crate::own_rows::Writer;
use crate::{Engine, Error, Result};

/// How many milliseconds it waits before the second run, and up to how many more.
const PAUSE: u16 = 20;

/// What a command gave, and whether it was carried out now or before.
#[derive(Debug)]
pub struct Done<T> {
    /// The thing as it is now.
    pub value: T,
    /// Whether an earlier request with the same key had done it.
    pub replayed: bool,
}

impl<T> Done<T> {
    pub(crate) fn now(value: T) -> Self {
        Self { value, replayed: false }
    }

    pub(crate) fn before(value: T) -> Self {
        Self { value, replayed: true }
    }
}

/// One change by one caller, and the transaction that it is made in. Dropped without [`commit`](Self::commit), it never
/// happened.
pub(crate) struct Change<'a> {
    engine: &'a Engine,
    tx: Tx,
    identity: Identity,
    scope: OrganizationScope,
    once: Option<&'a Idempotency>,
    /// What writes rows of the embedding service's own, and what it is told of.
    writer: Option<Arc<Writer>>,
    /// What was recorded, and is told to endpoints in the end.
    events: Mutex<Vec<AuditEvent>>,
}

impl Deref for Change<'_> {
    type Target = Tx;

    fn deref(&self) -> &Tx {
        &self.tx
    }
}

impl Engine {
    /// Runs `work` as a change by whoever may still do `P` when it begins.
    pub(crate) async fn change<'a, P: Grant, T>(
        &'a self,
        access: &'a Access<P>,
        work: impl AsyncFn(Change<'a>) -> Result<T>,
    ) -> Result<T> {
        self.repeatedly(false, async || work(self.begin_change(access, None).await?).await).await
    }

    /// The same, once: a request that is sent again under the same key finds with `earlier` what it made or changed.
    pub(crate) async fn change_once<'a, P: Grant, T>(
        &'a self,
        access: &'a Access<P>,
        once: Option<&'a Idempotency>,
        earlier: impl AsyncFn(Change<'a>, Uuid) -> Result<T>,
        work: impl AsyncFn(Change<'a>) -> Result<T>,
    ) -> Result<Done<T>> {
        let run = async || {
            let change = self.begin_change(access, once).await?;
            match change.claim(self.now()).await? {
                Some(resource) => earlier(change, resource).await.map(Done::before),
                None => work(change).await.map(Done::now),
            }
        };
        self.repeatedly(once.is_some(), run).await
    }

    /// The same for what shows a secret, which is shown once: a request that is sent again is refused.
    pub(crate) async fn change_shown_once<'a, P: Grant, T>(
        &'a self,
        access: &'a Access<P>,
        once: Option<&'a Idempotency>,
        work: impl AsyncFn(Change<'a>) -> Result<T>,
    ) -> Result<T> {
        let shown = async |_: Change<'a>, resource| Err(Error::SecretShown { resource });
        Ok(self.change_once(access, once, shown, work).await?.value)
    }

    /// Runs `work` in a transaction that writes, for callers who are found in it: by a link, a cookie, a password.
    pub(crate) async fn transaction<T>(&self, work: impl AsyncFn(Tx) -> Result<T>) -> Result<T> {
        Writer::none()?;
        self.repeatedly(false, async || work(self.store.write().await?).await).await
    }

    async fn begin_change<'a, P: Grant>(
        &'a self,
        access: &Access<P>,
        once: Option<&'a Idempotency>,
    ) -> Result<Change<'a>> {
        let tx = self.store.write().await?;
        let identity = *self.still::<_, P>(&tx, access).await?.identity();
        let (writer, events) = (Writer::current(), Mutex::default());
        Ok(Change { engine: self, tx, identity, scope: access.scope(), once, writer, events })
    }

    /// Runs a unit of work, again where that can't do it twice. What may have been committed is run again only if a
    /// key tells that it was.
    async fn repeatedly<T>(&self, keyed: bool, run: impl AsyncFn() -> Result<T>) -> Result<T> {
        let mut runs = 1;
        loop {
            match run().await {
                Err(Error::Storage(error)) if runs < most_runs(&error, keyed) => {
                    tracing::info!(runs, %error, "a unit of work is run again");
                    let jitter = u16::from_be_bytes(self.random()) % PAUSE;
                    tokio::time::sleep(Duration::from_millis(u64::from(runs * (PAUSE + jitter)))).await;
                    runs += 1;
                }
                done => return done,
            }
        }
    }
}

/// How often a unit of work is run at most that fails so. After a fail-over many connections are dead, and each is met
/// before it is opened anew.
fn most_runs(error: &StorageError, keyed: bool) -> u16 {
    match error {
        StorageError::Lost(_) => 10,
        StorageError::Conflict(_) => 5,
        StorageError::Unknown(_) if keyed => 5,
        _ => 1,
    }
}

impl Change<'_> {
    /// The organization that the caller acts in.
    pub(crate) fn scope(&self) -> OrganizationScope {
        self.scope
    }

    /// The right of the caller to do `P`, as it was when the change began.
    pub(crate) fn access<P: Grant>(&self) -> Result<Access<P>> {
        Ok(self.identity.access()?)
    }

    /// Records what happens on the way: that the caller did `action` to `target`, or to the organization itself; `detail`
    /// is what a reader wants to know beyond.
    pub(crate) async fn record(
        &self,
        action: Action,
        target: impl Into<Option<Uuid>>,
        detail: &[(&str, Value)],
    ) -> Result<Recorded> {
        let by = By { actor: self.identity.actor(), address: self.identity.address() };
        let recorded = self.engine.record_untold(&self.tx, self.scope, by, action, target, detail).await?;
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(recorded.event().clone());
        Ok(recorded)
    }

    /// Records what was done to `target` and makes all of it durable. The key of the request stands for `target` from now
    /// on.
    pub(crate) async fn commit(
        self,
        action: Action,
        target: impl Into<Option<Uuid>>,
        detail: &[(&str, Value)],
    ) -> Result<()> {
        let target = target.into();
        let recorded = self.record(action, target, detail).await?;
        let resource = target.unwrap_or(self.scope.id().uuid());
        self.commit_as(resource, recorded).await
    }

    /// The same where what was done is recorded already; the key of the request stands for `resource` from now on.
    pub(crate) async fn commit_as(self, resource: Uuid, recorded: Recorded) -> Result<()> {
        self.complete(resource).await?;
        let mut events = self.events.into_inner().unwrap_or_else(PoisonError::into_inner);
        // All that they tell of is written by now.
        self.engine.publish(&self.tx, self.scope, &events).await?;
        let Some(writer) = self.writer else { return Ok(self.tx.commit(recorded).await?) };
        events.retain(|event| event.id != recorded.event().id);
        events.push(recorded.event().clone());
        writer.write(&self.tx, &events).await?;
        self.tx.commit(recorded).await?;
        writer.done();
        Ok(())
    }

    /// Keeps the key alone of a request that found all as it asked for.
    pub(crate) async fn keep_key(self, resource: Uuid) -> Result<()> {
        self.complete(resource).await?;
        Ok(self.tx.commit_unrecorded(Technical::IdempotencyKey).await?)
    }

    /// Commits what is no change of the business, by whoever may do it.
    pub(crate) async fn commit_unrecorded(self, why: Technical) -> Result<()> {
        Ok(self.tx.commit_unrecorded(why).await?)
    }

    /// What an earlier request with this key made or changed, if there was one.
    async fn claim(&self, now: Timestamp) -> Result<Option<Uuid>> {
        let Some(once) = self.once else { return Ok(None) };
        match self.tx.idempotency(self.scope).claim(once, now).await? {
            Claim::New => Ok(None),
            Claim::Done { resource } => Ok(Some(resource)),
            Claim::Mismatch => Err(Error::KeyReused),
        }
    }

    async fn complete(&self, resource: Uuid) -> Result<()> {
        if let Some(once) = self.once {
            self.tx.idempotency(self.scope).complete(&once.key, resource).await?;
        }
        Ok(())
    }
}

/// Holds a change back that was made on the sight of an older version.
pub(crate) fn unchanged(version: i64, expected: Option<i64>) -> Result<()> {
    match expected {
        Some(expected) if expected != version => Err(Error::Changed { version }),
        Some(_) | None => Ok(()),
    }
}
