//! Writes what has queued up: some entries in one transaction, then a rest in which others may write.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use keyward_domain::registry::{Decision, Holder, Operation, Registry, RegistryEvent, RepositoryName};
use keyward_domain::{LicenseId, OrganizationId, OrganizationScope, RegistryId, Webhook};
use keyward_storage::{LicensePulls, Technical, Tx};
use uuid::Uuid;

use super::LogRound;
use super::queue::{Counted, Counts, Due, Entry, SAME_SECONDS, Use, What, is_once};
use crate::registry::part;
use crate::webhook::occurrence::RegistryOccurrence;
use crate::{Engine, Error, Result};

/// How long entries gather before they are written together.
const GATHER: Duration = Duration::from_millis(25);

/// The most entries of one transaction: on SQLite all other writers wait for its end.
const MOST_ENTRIES: usize = 64;

/// How often a batch is tried.
const TRIES: u32 = 3;

/// How long after a failure a batch is tried again, the first time.
const PAUSE: Duration = Duration::from_millis(100);

impl Engine {
    /// Waits until something is to be written down beside answers, and writes some of it. To be called again and again
    /// by one task for as long as the engine serves: without it nothing is written, and what is too much is dropped.
    pub async fn write_log(&self) -> LogRound {
        tokio::select! {
            () = self.log.arrived() => {}
            () = self.license_uses.due() => {
                let _writing = self.log.writing.lock().await;
                return LogRound { dropped: 0, error: self.write_license_use().await.err() };
            }
        }
        tokio::time::sleep(GATHER).await;
        let _writing = self.log.writing.lock().await;
        let batch = self.log.take(MOST_ENTRIES, false);
        let mut round = self.write_batch(batch).await;
        round.error = self.write_counts(false).await.err().or(round.error);
        round
    }

    /// Writes all that is waiting: before the server stops, and in tests before they look.
    pub async fn flush_log(&self) -> LogRound {
        let _writing = self.log.writing.lock().await;
        let mut all = LogRound::default();
        loop {
            let batch = self.log.take(MOST_ENTRIES, true);
            let done = batch.is_empty();
            let round = self.write_batch(batch).await;
            all.dropped += round.dropped;
            all.error = round.error.or(all.error);
            if done {
                all.error = self.write_counts(true).await.err().or(all.error);
                all.error = self.write_license_use().await.err().or(all.error);
                return all;
            }
        }
    }

    async fn write_batch(&self, batch: Vec<Due>) -> LogRound {
        let mut error = None;
        for tried in 0..TRIES {
            match self.write_once(&batch).await {
                Ok(()) => {
                    self.metrics.log_written.add(batch.len() as u64);
                    return self.log_round(0, None);
                }
                Err(fault) => error = Some(fault),
            }
            tokio::time::sleep(PAUSE * 4_u32.pow(tried)).await;
        }
        // What is wrong with the rows of one organization does not cost the others theirs.
        let (mut dropped, mut failed) = (0, 0);
        for part in by_organization(batch) {
            let done = failed < TRIES && self.write_once(&part).await.is_ok();
            if done {
                self.metrics.log_written.add(part.len() as u64);
            } else {
                (dropped, failed) = (dropped + part.len() as u64, failed + 1);
                self.log.count_again(shed(&part));
            }
        }
        self.log_round(dropped, error)
    }

    /// What became of a round in which so many entries could not be written.
    fn log_round(&self, unwritten: u64, error: Option<Error>) -> LogRound {
        let dropped = unwritten + self.log.take_dropped();
        self.metrics.log_shed.add(dropped);
        LogRound { dropped, error }
    }

    /// Writes what was counted without an entry of its own.
    async fn write_counts(&self, all: bool) -> Result<()> {
        let counts = self.log.take_counts(all);
        if counts.is_empty() {
            return Ok(());
        }
        let written = self.add_counts(&counts).await;
        if written.is_err() {
            self.log.count_again(counts);
        }
        written
    }

    async fn add_counts(&self, counts: &Counts) -> Result<()> {
        let tx = self.store.write().await?;
        for ((id, day, what), (scope, count)) in counts {
            // It may have been deleted.
            if tx.organization_of(*id).await?.is_some() {
                tx.audit_counts(*scope).add(*day, what.as_str(), *count).await?;
            }
        }
        Ok(tx.commit_unrecorded(Technical::AccessLog).await?)
    }

    /// Writes a batch, all of it or nothing.
    async fn write_once(&self, batch: &[Due]) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let tx = self.store.write().await?;
        let mut page = Page::default();
        for due in batch {
            match &due.entry.what {
                What::Happened(event) => self.write_event(&tx, &mut page, due, event).await?,
                What::Passed(event, bytes) => page.pass(event, *bytes, due),
                What::Used(used) => drop(page.used.insert(used.id(), &due.entry)),
            }
        }
        for (_, passed) in std::mem::take(&mut page.passed) {
            page.add_bytes(&tx, passed).await?;
        }
        for entry in page.used.values() {
            write_use(&tx, entry).await?;
        }
        tx.license_uses().add_pulls(&page.pulls.values().copied().collect::<Vec<_>>()).await?;
        // In an order: others who count wait for these rows.
        for ((_, day, what), (scope, count)) in &page.counts {
            tx.audit_counts(*scope).add(*day, what.as_str(), *count).await?;
        }
        // Last, since whoever records an event holds the log of its organization before it counts messages.
        for found in &page.found {
            let webhooks = page.webhooks.get(&found.scope.id()).map(Vec::as_slice).unwrap_or_default();
            self.publish_registry_occurrence(&tx, webhooks, found).await?;
        }
        tx.commit_unrecorded(Technical::AccessLog).await?;
        self.log.hold_back(page.early);
        Ok(())
    }

    /// Writes down what happened. The parts of what was just pulled are no pulls of their own, and a refusal or token
    /// that is repeated at once is one. What is unusual is told in the same transaction.
    async fn write_event<'a>(
        &self,
        tx: &Tx,
        page: &mut Page<'a>,
        due: &'a Due,
        event: &'a RegistryEvent,
    ) -> Result<()> {
        let Some(registry) = page.registry(tx, &due.entry, event.registry).await? else { return Ok(()) };
        if part::is_part(tx, &registry, event).await? {
            if part::was_pulled(tx, &registry, event).await? {
                return Ok(());
            }
            if !due.last {
                // The whole may be on its way into the log from another server.
                page.early.push(due.entry.clone());
                return Ok(());
            }
        }
        let events = tx.registry_events(registry.scope());
        if is_once(event) && events.has_since(event, event.at.plus_seconds(-SAME_SECONDS)).await? {
            return Ok(());
        }
        if (event.operation, event.decision) == (Operation::Pull, Decision::Allowed)
            && let Some(passed) = page.passed.remove(&subject(event))
        {
            // They belong to the pull before this one.
            page.add_bytes(tx, passed).await?;
        }
        events.record(event).await?;
        page.count(registry.scope(), event);
        self.watch(tx, &registry, event).await?;
        if page.is_listened_to(tx, &registry).await? {
            page.found.extend(self.registry_occurrence(tx, &registry, event).await?);
        }
        Ok(())
    }
}

/// What is gathered while a batch is written.
#[derive(Default)]
struct Page<'a> {
    registries: HashMap<(OrganizationId, RegistryId), Option<Registry>>,
    passed: BTreeMap<Subject<'a>, Passed<'a>>,
    /// The latest use of each thing. In an order, so that servers that write at once don't wait for each other.
    used: BTreeMap<Uuid, &'a Entry>,
    early: Vec<Entry>,
    /// The webhook endpoints of organizations.
    webhooks: HashMap<OrganizationId, Vec<Webhook>>,
    /// Of what they are told.
    found: Vec<RegistryOccurrence>,
    counts: Counts,
    /// What was pulled with licenses.
    pulls: BTreeMap<(LicenseId, i64), LicensePulls>,
}

/// Who pulls what where.
type Subject<'a> = (RegistryId, Uuid, &'a str);

struct Passed<'a> {
    due: &'a Due,
    event: &'a RegistryEvent,
    bytes: u64,
}

impl<'a> Page<'a> {
    fn count(&mut self, scope: OrganizationScope, event: &RegistryEvent) {
        let what = match event.decision {
            Decision::Allowed => Counted::Allowed(event.operation),
            Decision::Denied => Counted::Refused(event.operation),
        };
        self.counts.entry((scope.id(), event.at.day(), what)).or_insert((scope, 0)).1 += 1;
        if what == Counted::Allowed(Operation::Pull) {
            self.count_pull(event, 1, event.bytes);
        }
    }

    fn count_pull(&mut self, event: &RegistryEvent, pulls: u64, bytes: u64) {
        let license = match event.holder {
            Holder::Key(_) => None,
            Holder::License { license, .. } => Some(license),
            Holder::Deployment { license, .. } => license,
        };
        let Some(license) = license else { return };
        let day = event.at.day();
        let counted =
            self.pulls.entry((license, day)).or_insert(LicensePulls { license, day, pulls: 0, bytes: 0 });
        counted.pulls += pulls;
        counted.bytes = counted.bytes.saturating_add(bytes);
    }

    fn pass(&mut self, event: &'a RegistryEvent, bytes: u64, due: &'a Due) {
        let passed = self.passed.entry(subject(event)).or_insert(Passed { due, event, bytes: 0 });
        passed.bytes = passed.bytes.saturating_add(bytes);
    }

    async fn add_bytes(&mut self, tx: &Tx, passed: Passed<'_>) -> Result<()> {
        let Passed { due, event, bytes } = passed;
        let since = event.at.plus_seconds(-part::PULL_SECONDS);
        let added = tx.registry_events(due.entry.scope).add_bytes(event, bytes, since).await?;
        if added {
            self.count_pull(event, 0, bytes);
        } else if !due.last {
            self.early.push(Entry { what: What::Passed(event.clone(), bytes), ..due.entry.clone() });
        }
        Ok(())
    }

    /// A registry, unless it is gone.
    async fn registry(&mut self, tx: &Tx, entry: &Entry, id: RegistryId) -> Result<Option<Registry>> {
        let place = (entry.scope.id(), id);
        if let Some(known) = self.registries.get(&place) {
            return Ok(known.clone());
        }
        let found = tx.registries(entry.scope).find(id).await?;
        self.registries.insert(place, found.clone());
        Ok(found)
    }
}

impl Page<'_> {
    async fn is_listened_to(&mut self, tx: &Tx, registry: &Registry) -> Result<bool> {
        if let Some(known) = self.webhooks.get(&registry.organization) {
            return Ok(!known.is_empty());
        }
        let webhooks = tx.webhooks(registry.scope()).listening().await?;
        let listened_to = !webhooks.is_empty();
        self.webhooks.insert(registry.organization, webhooks);
        Ok(listened_to)
    }
}

fn subject(event: &RegistryEvent) -> Subject<'_> {
    let (_, holder) = event.holder.parts();
    (event.registry, holder, RepositoryName::as_str(&event.repository))
}

async fn write_use(tx: &Tx, entry: &Entry) -> Result<()> {
    let What::Used(used) = &entry.what else { return Ok(()) };
    match used {
        Use::Key(id, used) => tx.registry_keys(entry.scope).touch(*id, used).await?,
        Use::Token(id, at) => tx.touch_token(*id, *at).await?,
        Use::Session(id, at) => tx.sessions(entry.scope).touch(*id, *at).await?,
        Use::Agent(id, at) => tx.note_agents_seen(&[(*id, *at)]).await?,
        Use::Notifications(id, at) => tx.registry_notifications(entry.scope).heard(*id, *at).await?,
    }
    Ok(())
}

fn shed(part: &[Due]) -> Counts {
    let mut counts = Counts::new();
    for Due { entry, .. } in part {
        let key = (entry.scope.id(), entry.at().day(), Counted::Shed);
        counts.entry(key).or_insert((entry.scope, 0)).1 += 1;
    }
    counts
}

fn by_organization(batch: Vec<Due>) -> Vec<Vec<Due>> {
    let mut parts: BTreeMap<OrganizationId, Vec<Due>> = BTreeMap::new();
    for due in batch {
        parts.entry(due.entry.scope.id()).or_default().push(due);
    }
    parts.into_values().collect()
}
