//! Counts validations: one writer, which takes what has queued up into one statement (group commit).
//!
//! The statement counts only where nothing was changed in the organizations whose products were asked, so an answer that is
//! released was right at the moment its count became durable, whichever process changed what it rests on. Nothing is released
//! that was not counted, or whose count was not written.
//!
//! Each counter is allotted a part of every bucket and counts in rows of its own (`keyward_domain::bucket`), so that servers do not
//! wait for each other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use keyward_domain::{OrganizationId, ProductId};
use keyward_storage::{Count, Generation, History, ProductDay, StorageError, Store, Tx};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::Targets;
use super::buckets::{Allotted, Need, OwnDay};
use crate::inbox::Inbox;
use crate::{Error, Result};

/// The most entries of one transaction.
const MOST_ENTRIES: usize = 1_024;

/// The most products whose day is remembered.
const MOST_DAYS: usize = 10_000;

/// The most changes remembered of one organization.
const MOST_CHANGES: usize = 16_384;

/// How often a batch is settled that the database undoes for the sake of another transaction.
const MOST_RUNS: usize = 3;

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

/// An entry, and where to say what became of it.
type Item = (Entry, oneshot::Sender<Settled>);

/// Where entries queue up.
pub(super) struct UsageCounter {
    queue: Inbox<Item>,
}

impl UsageCounter {
    /// A counter with a random id, under which its rows stand.
    pub(super) fn open(store: Store, id: Uuid) -> Self {
        let state = CounterState { store, id, changes: HashMap::new(), days: HashMap::new() };
        Self { queue: Inbox::open(4 * MOST_ENTRIES, |entries| write(state, entries)) }
    }

    /// Waits until the entry is settled and, if it counts, durable.
    pub(super) async fn count(&self, entry: Entry) -> Result<Outcome> {
        let lost = |_| Error::Uncounted(Arc::new(StorageError::Unsupported("the server is stopping")));
        let (settle, settled) = oneshot::channel();
        self.queue.send((entry, settle)).await.map_err(|_| lost(()))?;
        settled.await.map_err(|_| lost(()))?.map_err(Error::Uncounted)
    }
}

async fn write(mut state: CounterState, mut entries: mpsc::Receiver<Item>) {
    let mut batch = Vec::with_capacity(MOST_ENTRIES);
    while entries.recv_many(&mut batch, MOST_ENTRIES).await > 0 {
        state.settle(Group::all(&mut batch)).await;
    }
}

/// The entries of a batch that are counted in one bucket.
struct Group {
    organization: OrganizationId,
    day: ProductDay,
    limit: Option<u32>,
    items: Vec<Item>,
}

impl Group {
    fn all(batch: &mut Vec<Item>) -> Vec<Self> {
        let mut groups = HashMap::new();
        for (entry, settle) in batch.drain(..) {
            let day = (entry.product, entry.day);
            let group = groups.entry((day, entry.limit)).or_insert_with(|| Self {
                organization: entry.organization,
                day,
                limit: entry.limit,
                items: Vec::new(),
            });
            group.items.push((entry, settle));
        }
        groups.into_values().collect()
    }

    /// How many of the entries count, as far as nothing that they rest on was changed.
    fn need(&self, changes: &Changes) -> u64 {
        let counts = |(entry, _): &&Item| entry.counted.is_some() && changes.is_current(&entry.dependencies);
        self.items.iter().filter(counts).count() as u64
    }

    /// Lets entries in, each if it holds and there is room for it.
    fn judge(&self, changes: &Changes, own: &mut OwnDay) -> Vec<Outcome> {
        let judge = |(entry, _): &Item| match entry.counted {
            _ if !changes.is_current(&entry.dependencies) => Outcome::Stale,
            None => Outcome::Released,
            Some(_) if own.room() == 0 => Outcome::Full,
            Some(answer) => {
                own.row.usage.count(answer);
                Outcome::Released
            }
        };
        self.items.iter().map(judge).collect()
    }

    /// The same without an allotment.
    fn judge_uncounted(&self, changes: &Changes) -> Vec<Outcome> {
        let released = |entry: &Entry| entry.counted.is_none() && changes.is_current(&entry.dependencies);
        let judge = |(entry, _): &Item| if released(entry) { Outcome::Released } else { Outcome::Stale };
        self.items.iter().map(judge).collect()
    }

    fn settle(self, outcomes: impl IntoIterator<Item = Settled>) {
        for ((_, settle), outcome) in self.items.into_iter().zip(outcomes) {
            // Who asked may have gone; their request counts all the same.
            let _ = settle.send(outcome);
        }
    }
}

/// What the writer remembers of the database. It is never relied upon unchecked.
struct CounterState {
    store: Store,
    id: Uuid,
    changes: HashMap<OrganizationId, Changes>,
    /// Its own rows, as they were written last.
    days: HashMap<ProductDay, OwnDay>,
}

impl CounterState {
    async fn settle(&mut self, groups: Vec<Group>) {
        let released = match self.settle_as_known(&groups).await {
            // Undone for the sake of a server that takes something back: it is seen then what is left.
            Err(StorageError::Conflict(_)) => HashSet::new(),
            Ok(released) => released,
            Err(error) => return refuse(groups, error),
        };
        let is_released = |group: &Group| released.contains(&(group.day, group.limit));
        let (released, open): (Vec<_>, Vec<_>) = groups.into_iter().partition(is_released);
        for group in released {
            group.settle(std::iter::repeat_with(|| Ok(Outcome::Released)));
        }
        if open.is_empty() {
            return;
        }
        let mut outcomes = self.settle_as_read(&open).await;
        for _ in 1..MOST_RUNS {
            if matches!(outcomes, Err(StorageError::Conflict(_))) {
                outcomes = self.settle_as_read(&open).await;
            }
        }
        match outcomes {
            Ok(outcomes) => open
                .into_iter()
                .zip(outcomes)
                .for_each(|(group, outcomes)| group.settle(outcomes.into_iter().map(Ok))),
            Err(error) => refuse(open, error),
        }
    }

    /// The common case, in one statement for all groups: entries that hold and for which allotments suffice, of organizations in which
    /// nothing was changed. Gives the buckets whose entries are released; the others are another case.
    async fn settle_as_known(
        &mut self,
        groups: &[Group],
    ) -> Result<HashSet<(ProductDay, Option<u32>)>, StorageError> {
        let counts: Vec<_> = groups.iter().filter_map(|group| self.count(group)).collect();
        if counts.is_empty() {
            return Ok(HashSet::new());
        }
        let counted = self.store.count(self.id, &counts).await?;
        let mut released = HashSet::new();
        for count in counts {
            let day = (count.product, count.after.day);
            if let (true, Some(own)) = (counted.contains(&day), self.days.get_mut(&day)) {
                own.row.usage = count.after;
                released.insert((day, own.row.bucket));
            }
        }
        Ok(released)
    }

    fn count(&self, group: &Group) -> Option<Count> {
        let own = self.days.get(&group.day).filter(|own| own.row.bucket == group.limit)?;
        let changes = self.changes.get(&group.organization)?;
        let mut after = own.clone();
        let all = group.judge(changes, &mut after).iter().all(|outcome| *outcome == Outcome::Released);
        (all && after.row.usage.used > own.row.usage.used).then_some(Count {
            product: group.day.0,
            organization: group.organization,
            generation: changes.present?,
            before: own.row.usage.used,
            after: after.row.usage,
        })
    }

    /// Any case, in one transaction for all groups. Gives the outcomes of each.
    async fn settle_as_read(&mut self, groups: &[Group]) -> Result<Vec<Vec<Outcome>>, StorageError> {
        if self.days.len() > MOST_DAYS {
            self.days.clear();
        }
        if self.changes.len() > MOST_DAYS {
            self.changes.clear();
        }
        let tx = self.store.write_promptly().await?;
        self.catch_up(&tx, groups).await?;
        let needs = self.needs(groups);
        let mut allotted = Allotted::of(&tx, self.id, &needs).await?;
        if !needs.is_empty() {
            // After the locks, which may have waited for a change.
            self.catch_up(&tx, groups).await?;
        }
        let mut outcomes = Vec::with_capacity(groups.len());
        for group in groups {
            let own = match allotted.own.get_mut(&group.day) {
                None => self.days.get_mut(&group.day),
                own => own,
            };
            let changes = self.changes.entry(group.organization).or_default();
            // Of two sizes that one bucket had in one moment, the other comes later.
            let own = own.filter(|own| own.row.bucket == group.limit);
            outcomes
                .push(own.map_or_else(|| group.judge_uncounted(changes), |own| group.judge(changes, own)));
        }
        self.days.extend(allotted.save(tx, self.id).await?);
        Ok(outcomes)
    }

    /// How much must be allotted of which buckets.
    fn needs(&self, groups: &[Group]) -> BTreeMap<ProductDay, Need> {
        let mut needs = BTreeMap::new();
        for group in groups {
            let Some(changes) = self.changes.get(&group.organization) else { continue };
            let count = group.need(changes);
            // An empty bucket is not looked at again for everyone who is refused.
            if count > 0 && !self.days.get(&group.day).is_some_and(|own| own.is_full(group.limit)) {
                needs.entry(group.day).or_insert(Need { limit: group.limit, count });
            }
        }
        needs
    }

    /// Learns what was changed in the groups' organizations.
    async fn catch_up(&mut self, tx: &Tx, groups: &[Group]) -> Result<(), StorageError> {
        let organizations: HashSet<_> = groups.iter().map(|group| group.organization).collect();
        for (organization, present) in tx.generations(&organizations).await? {
            self.changes.entry(organization).or_default().catch_up(tx, organization, present).await?;
        }
        Ok(())
    }
}

fn refuse(groups: Vec<Group>, error: StorageError) {
    let error = Arc::new(error);
    for group in groups {
        group.settle(std::iter::repeat_with(|| Err(Arc::clone(&error))));
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
    /// Catches up with the database, where the present generation is this one.
    async fn catch_up(
        &mut self,
        tx: &Tx,
        organization: OrganizationId,
        present: Generation,
    ) -> Result<(), StorageError> {
        if self.present == Some(present) {
            return Ok(());
        }
        let changes = tx.changes(organization);
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
