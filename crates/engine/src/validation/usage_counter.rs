//! Counts validations: one writer, which takes what has queued up into one transaction (group commit).
//!
//! The transaction also tells which of the prepared answers rest on copies that are out of date, so an
//! answer that is released was right at the moment its count became durable, whichever process changed
//! what it rests on. Nothing is released that was not counted, or whose count was not written.

use std::collections::HashMap;
use std::sync::Arc;

use keyward_domain::{OrganizationId, ProductId};
use keyward_storage::{Generation, History, StorageError, Store, Technical, Tx, Usage};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::Targets;
use crate::{Error, Result};

/// The most entries of one transaction.
const MOST_ENTRIES: usize = 1_024;

/// The most products whose day is remembered.
const MOST_DAYS: usize = 10_000;

/// The most changes remembered of one organization.
const MOST_CHANGES: usize = 16_384;

/// One prepared answer.
pub(super) struct Entry {
    pub organization: OrganizationId,
    pub product: ProductId,
    pub day: i64,
    /// The most that are let in on that day.
    pub limit: Option<u32>,
    /// As what it counts; `None` if it does not, and is only held against what was changed.
    pub counted: Option<&'static str>,
    pub dependencies: Dependencies,
}

/// What an answer rests on, and as of when.
pub(super) struct Dependencies {
    pub targets: Targets,
    /// The generations of the copies that it was made of.
    pub generations: [Generation; 2],
}

/// What becomes of a prepared answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It holds, and is counted if it was to be.
    Released,
    /// The day's bucket is used up.
    Full,
    /// What it rests on was changed.
    Stale,
}

type Settled = Result<Outcome, Arc<StorageError>>;

/// Where entries queue up. The writer ends when this is dropped.
pub(super) struct UsageCounter {
    queue: mpsc::Sender<(Entry, oneshot::Sender<Settled>)>,
}

impl UsageCounter {
    pub(super) fn start(store: Store) -> Self {
        let (queue, entries) = mpsc::channel(4 * MOST_ENTRIES);
        tokio::spawn(write(store, entries));
        Self { queue }
    }

    /// Waits until the entry is settled and, if it counts, durable.
    pub(super) async fn count(&self, entry: Entry) -> Result<Outcome> {
        let lost = |_| Error::Uncounted(Arc::new(StorageError::Unsupported("the server is stopping")));
        let (settle, settled) = oneshot::channel();
        self.queue.send((entry, settle)).await.map_err(|_| lost(()))?;
        settled.await.map_err(|_| lost(()))?.map_err(Error::Uncounted)
    }
}

async fn write(store: Store, mut entries: mpsc::Receiver<(Entry, oneshot::Sender<Settled>)>) {
    let mut state = CounterState { store, changes: HashMap::new(), days: HashMap::new() };
    let mut batch = Vec::with_capacity(MOST_ENTRIES);
    while entries.recv_many(&mut batch, MOST_ENTRIES).await > 0 {
        // Of all processes that count, each takes the days of products in the same order.
        batch.sort_by_key(|(entry, _)| (entry.product, entry.day));
        let outcomes = state.settle(&batch).await.map_err(Arc::new);
        for (index, (_, settled)) in batch.drain(..).enumerate() {
            let outcome = match &outcomes {
                Ok(outcomes) => Ok(outcomes.get(index).copied().unwrap_or(Outcome::Stale)),
                Err(error) => Err(Arc::clone(error)),
            };
            // Who asked may have gone; their request counts all the same.
            let _ = settled.send(outcome);
        }
    }
}

/// What the writer remembers of the database. It is never relied upon unchecked.
struct CounterState {
    store: Store,
    changes: HashMap<OrganizationId, Changes>,
    /// The last day of each product, as it was written last.
    days: HashMap<ProductId, Usage>,
}

type Batch = [(Entry, oneshot::Sender<Settled>)];

impl CounterState {
    async fn settle(&mut self, batch: &Batch) -> Result<Vec<Outcome>, StorageError> {
        match self.settle_as_known(batch).await {
            Ok(Some(outcomes)) => Ok(outcomes),
            Ok(None) => self.settle_as_read(batch).await,
            Err(error) => Err(error),
        }
    }

    /// The common case, in one statement: entries of one product, all of which hold, while no other process
    /// has counted or changed anything. `None` if it is another case.
    async fn settle_as_known(&mut self, batch: &Batch) -> Result<Option<Vec<Outcome>>, StorageError> {
        let (first, _) = &batch[0];
        let (Some(before), Some(changes)) =
            (self.days.get(&first.product), self.changes.get(&first.organization))
        else {
            return Ok(None);
        };
        let Some(generation) = changes.present else { return Ok(None) };
        let mut after = before.clone();
        for (entry, _) in batch {
            let same = (entry.product, entry.day) == (first.product, before.day);
            if !same || judge(entry, changes, &mut after) != Outcome::Released {
                return Ok(None);
            }
        }
        if after.used == before.used {
            return Ok(None);
        }
        if !self.store.count(first.product, (before, &after), first.organization, generation).await? {
            return Ok(None);
        }
        self.days.insert(first.product, after);
        Ok(Some(vec![Outcome::Released; batch.len()]))
    }

    /// Any case, in one transaction.
    async fn settle_as_read(&mut self, batch: &Batch) -> Result<Vec<Outcome>, StorageError> {
        if self.days.len() > MOST_DAYS {
            self.days.clear();
        }
        if self.changes.len() > MOST_DAYS {
            self.changes.clear();
        }
        let tx = self.store.write_promptly().await?;
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut written = Vec::new();
        for group in batch.chunk_by(|(a, _), (b, _)| (a.product, a.day) == (b.product, b.day)) {
            let (first, _) = &group[0];
            let days = tx.usage(first.product);
            let known = self.changes.entry(first.organization).or_default();
            known.read(&tx, first.organization).await?;
            // For a product that is gone with its organization, there is no day to hold.
            let counts = group
                .iter()
                .any(|(entry, _)| entry.counted.is_some() && known.is_current(&entry.dependencies));
            let mut usage = if counts { days.lock(first.day).await? } else { Usage::none(first.day) };
            // After the lock, which may have waited for a change.
            let changes = self.changes.entry(first.organization).or_default();
            changes.read(&tx, first.organization).await?;
            let before = usage.used;
            outcomes.extend(group.iter().map(|(entry, _)| judge(entry, changes, &mut usage)));
            if usage.used != before {
                days.save(&usage).await?;
                written.push((first.product, usage));
            }
        }
        if !written.is_empty() {
            tx.commit_unrecorded(Technical::Usage).await?;
            self.days.extend(written);
        }
        Ok(outcomes)
    }
}

/// Lets an entry in, if it holds and there is room for it.
fn judge(entry: &Entry, changes: &Changes, usage: &mut Usage) -> Outcome {
    match entry.counted {
        _ if !changes.is_current(&entry.dependencies) => Outcome::Stale,
        None => Outcome::Released,
        Some(_) if entry.limit.is_some_and(|most| usage.used >= u64::from(most)) => Outcome::Full,
        Some(answer) => {
            usage.count(answer);
            Outcome::Released
        }
    }
}

/// What was changed lately in one organization.
#[derive(Default)]
struct Changes {
    /// Up to which change the rest is known.
    present: Option<Generation>,
    /// The generations that led to the present one, as far as they are remembered, by their ids. A copy of any other is
    /// too old to be told from an outdated one, or of a history that was lost in a fail-over.
    known: HashMap<Uuid, i64>,
    last: HashMap<Uuid, i64>,
}

impl Changes {
    /// Catches up with the database.
    async fn read(&mut self, tx: &Tx, organization: OrganizationId) -> Result<(), StorageError> {
        let changes = tx.changes(organization);
        if self.present == Some(changes.present().await?) {
            return Ok(());
        }
        let history = changes.history().await?;
        let since = match self.present {
            Some(present) => changes.since(present.number, MOST_CHANGES as u64 + 1).await?,
            None => Vec::new(),
        };
        self.follow(&history, since);
        Ok(())
    }

    /// Takes in what was changed since the present generation, or starts anew where the history does not know it.
    fn follow(&mut self, history: &History, since: Vec<(Uuid, i64)>) {
        let followed = self.present.is_some_and(|present| history.known().any(|known| known == present));
        if !followed || since.len() > MOST_CHANGES {
            // Of earlier changes nothing is known, so only copies of the present one can be upheld.
            *self = Self::default();
            self.known.insert(history.present().id, history.present().number);
        } else {
            let present = self.present.map_or(0, |present| present.number);
            let newer = history.known().take_while(|known| known.number > present);
            self.known.extend(newer.map(|known| (known.id, known.number)));
            self.last.extend(since);
        }
        self.present = Some(history.present());
        if self.known.len().max(self.last.len()) > 2 * MOST_CHANGES {
            self.forget_before(history.present().number - MOST_CHANGES as i64);
        }
    }

    /// From now on, copies that are older than the generation of this number can't be told from outdated ones.
    fn forget_before(&mut self, number: i64) {
        self.known.retain(|_, known| *known >= number);
        self.last.retain(|_, changed| *changed > number);
    }

    /// Whether nothing that an answer rests on was changed since.
    fn is_current(&self, dependencies: &Dependencies) -> bool {
        let is_known = |generation: &Generation| self.known.get(&generation.id) == Some(&generation.number);
        let oldest =
            dependencies.generations.iter().map(|generation| generation.number).min().unwrap_or_default();
        let unchanged = |target: &Uuid| self.last.get(target).is_none_or(|at| *at <= oldest);
        dependencies.generations.iter().all(is_known) && dependencies.targets.iter().flatten().all(unchanged)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn generation(number: i64) -> Generation {
        Generation { number, id: Uuid::from_u128(u128::try_from(number).unwrap() + 1_000) }
    }

    #[test]
    fn an_answer_holds_only_while_nothing_beneath_it_moved() {
        let (license, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let known = (5..=9).map(generation).map(|known| (known.id, known.number)).collect();
        let mut changes = Changes { present: Some(generation(9)), known, last: [(license, 7)].into() };
        let holds = |target, generations| {
            changes.is_current(&Dependencies { targets: [Some(target), None, None, None], generations })
        };
        let at = |number| [generation(number); 2];
        assert!(!holds(license, at(6)) && holds(license, at(7)) && holds(license, at(9)));
        assert!(!holds(license, [generation(9), generation(6)]), "the older copy decides");
        assert!(holds(other, at(5)) && !holds(other, at(4)), "older than what is remembered");
        assert!(!holds(other, at(10)), "from a future that was undone");
        let elsewhere = Generation { number: 8, id: Uuid::from_u128(8) };
        assert!(!holds(other, [generation(9), elsewhere]), "from a history that was lost");
        changes = Changes::default();
        assert!(!changes.is_current(&Dependencies { targets: [None; 4], generations: at(5) }));
    }

    /// A database as far as changes go; a clone of it is a standby.
    #[derive(Clone)]
    struct Model {
        history: History,
        last: HashMap<Uuid, i64>,
    }

    impl Model {
        fn change(&mut self, target: Uuid, change: Uuid) {
            self.history = self.history.clone().after(change);
            self.last.insert(target, self.history.present().number);
        }

        fn since(&self, number: i64) -> Vec<(Uuid, i64)> {
            self.last.iter().map(|(id, at)| (*id, *at)).filter(|(_, at)| *at > number).collect()
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Change(u8),
        Copy(u8),
        CatchUp,
        /// A standby begins to follow no more.
        Fork,
        /// It takes over.
        FailOver,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..4_u8).prop_map(Step::Change),
            3 => (0..4_u8).prop_map(Step::Copy),
            3 => Just(Step::CatchUp),
            1 => Just(Step::Fork),
            1 => Just(Step::FailOver),
        ]
    }

    proptest! {
        /// Whatever fails over when, a copy is upheld only if its thing was last changed by the same change.
        #[test]
        fn no_copy_outlives_its_history(steps in proptest::collection::vec(step(), 1..120)) {
            let target = |n: u8| Uuid::from_u128(n.into());
            let (mut database, mut standby) = (Model { history: History::NONE, last: HashMap::new() }, None);
            let (mut changes, mut copies) = (Changes::default(), Vec::new());
            for (index, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Change(n) => {
                        database.change(target(n), Uuid::from_u128(1_000 + index as u128));
                    }
                    Step::Copy(n) => {
                        let by = database.last.get(&target(n)).copied();
                        copies.push((target(n), database.history.clone(), by));
                    }
                    Step::CatchUp => {
                        let since = changes.present.map_or_else(Vec::new, |known| database.since(known.number));
                        changes.follow(&database.history, since);
                    }
                    Step::Fork => standby = Some(database.clone()),
                    Step::FailOver => database = standby.take().unwrap_or(database),
                }
                if changes.present != Some(database.history.present()) {
                    continue;
                }
                for (target, history, by) in &copies {
                    let generations = [history.present(); 2];
                    if changes.is_current(&Dependencies { targets: [Some(*target), None, None, None], generations }) {
                        prop_assert_eq!(database.last.get(target).copied(), *by);
                        prop_assert!(generations[0].number == 0 || database.history.known().any(|known| known == generations[0])
                            || database.history.present().number - generations[0].number >= 32);
                    }
                }
            }
        }
    }
}
