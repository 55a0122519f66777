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
use std::time::Instant;

use keyward_domain::OrganizationId;
use keyward_storage::{Count, PartitionUsage, ProductDay, StorageError, Store, Technical, Tx};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::batch::{Entry, Group, Item, Outcome, Written};
use super::buckets::{Allotted, Need, OwnDay};
use super::changes::Changes;
use super::shares::ShareBook;
use crate::inbox::Inbox;
use crate::metrics::BatchMetrics;
use crate::{Error, Result};

/// The most entries of one transaction.
const MOST_ENTRIES: usize = 1_024;

/// The most products whose day is remembered.
const MOST_DAYS: usize = 10_000;

/// How often a batch is settled that the database undoes for the sake of another transaction.
const MOST_RUNS: usize = 3;

/// Where entries queue up.
pub(super) struct UsageCounter {
    queue: Inbox<Item>,
    shares: ShareBook,
    metrics: Arc<BatchMetrics>,
}

impl UsageCounter {
    /// A counter with a random id, under which its rows stand.
    pub(super) fn open(store: Store, id: Uuid, metrics: Arc<BatchMetrics>) -> Self {
        let shares = ShareBook::default();
        let (changes, days) = (HashMap::new(), HashMap::new());
        let state = CounterState { store, id, changes, days, shares: shares.clone() };
        let counted = Arc::clone(&metrics);
        let queue = Inbox::open(4 * MOST_ENTRIES, |entries| write(state, entries, counted));
        Self { queue, shares, metrics }
    }

    /// What is known of shares.
    pub(super) fn shares(&self) -> &ShareBook {
        &self.shares
    }

    /// Waits until the entry is settled and, if it counts, durable.
    pub(super) async fn count(&self, entry: Entry) -> Result<Outcome> {
        let lost = |_| Error::Uncounted(Arc::new(StorageError::Unsupported("the server is stopping")));
        let (began, (settle, settled)) = (Instant::now(), oneshot::channel());
        self.queue.send((entry, settle)).await.map_err(|_| lost(()))?;
        let settled = settled.await.map_err(|_| lost(()))?;
        self.metrics.waits.observe_duration(began.elapsed());
        settled.map_err(Error::Uncounted)
    }
}

async fn write(mut state: CounterState, mut entries: mpsc::Receiver<Item>, metrics: Arc<BatchMetrics>) {
    let mut batch = Vec::with_capacity(MOST_ENTRIES);
    while entries.recv_many(&mut batch, MOST_ENTRIES).await > 0 {
        metrics.sizes.observe(batch.len() as u64);
        state.settle(Group::all(&mut batch)).await;
    }
}

/// What the writer remembers of the database. It is never relied upon unchecked.
struct CounterState {
    store: Store,
    id: Uuid,
    changes: HashMap<OrganizationId, Changes>,
    /// Its own rows, as they were written last.
    days: HashMap<ProductDay, OwnDay>,
    shares: ShareBook,
}

/// What is to be released of a group, once the statement has counted it.
struct Prepared<'a> {
    group: &'a Group,
    count: Count,
    outcomes: Vec<Outcome>,
}

impl CounterState {
    async fn settle(&mut self, groups: Vec<Group>) {
        let mut released = match self.settle_as_known(&groups).await {
            // Undone for the sake of a server that takes something back: it is seen then what is left.
            Err(StorageError::Conflict(_)) => HashMap::new(),
            Ok(released) => released,
            Err(error) => return refuse(groups, error),
        };
        let mut open = Vec::new();
        for group in groups {
            match released.remove(&(group.day, group.limit)) {
                Some(outcomes) => group.settle(outcomes.into_iter().map(Ok)),
                None => open.push(group),
            }
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
    /// nothing was changed. Gives the buckets whose entries are released, with what becomes of each; the others are another case.
    async fn settle_as_known(
        &mut self,
        groups: &[Group],
    ) -> Result<HashMap<(ProductDay, Option<u32>), Vec<Outcome>>, StorageError> {
        let prepared: Vec<_> = groups.iter().filter_map(|group| self.prepare(group)).collect();
        if prepared.is_empty() {
            return Ok(HashMap::new());
        }
        let counted = self.store.count(self.id, prepared.iter().map(|prepared| &prepared.count)).await;
        let mut released = HashMap::new();
        let mut book = self.shares.lock();
        for Prepared { group, count, outcomes } in prepared {
            let is_counted = counted.as_ref().is_ok_and(|counted| counted.contains(&group.day));
            match self.days.get_mut(&group.day) {
                Some(own) if is_counted => {
                    own.row.usage = count.after;
                    group.note(&outcomes, &mut book, &Written::default());
                    released.insert((group.day, group.limit), outcomes);
                }
                Some(_) | None => group.let_go(&outcomes, &mut book),
            }
        }
        counted.map(|_| released)
    }

    fn prepare<'a>(&self, group: &'a Group) -> Option<Prepared<'a>> {
        let own = self.days.get(&group.day).filter(|own| own.row.bucket == group.limit)?;
        let changes = self.changes.get(&group.organization)?;
        let generation = changes.present?;
        let (mut after, mut book) = (own.clone(), self.shares.lock());
        let outcomes = group.judge_as_known(changes, &mut after, &mut book)?;
        if after.row.usage.used == own.row.usage.used {
            return None;
        }
        let count = Count {
            product: group.day.0,
            organization: group.organization,
            generation,
            before: own.row.usage.used,
            after: after.row.usage,
        };
        Some(Prepared { group, count, outcomes })
    }

    /// Any case, in one transaction for all groups. Gives the outcomes of each.
    async fn settle_as_read(&mut self, groups: &[Group]) -> Result<Vec<Vec<Outcome>>, StorageError> {
        let mut written = Written::default();
        let (mut outcomes, shares) = (Vec::with_capacity(groups.len()), self.shares.clone());
        let settled = self.settle_in_transaction(groups, &mut outcomes, &mut written).await;
        let mut book = shares.lock();
        if let Err(error) = settled {
            groups.iter().zip(&outcomes).for_each(|(group, outcomes)| group.let_go(outcomes, &mut book));
            // Of another error it is not known what became of the rows; they are read again when the next step is added.
            if matches!(error, StorageError::Conflict(_)) {
                book.put_back(&written.taken);
            }
            return Err(error);
        }
        for (group, outcomes) in groups.iter().zip(&outcomes) {
            group.note(outcomes, &mut book, &written);
        }
        Ok(outcomes)
    }

    async fn settle_in_transaction(
        &mut self,
        groups: &[Group],
        outcomes: &mut Vec<Vec<Outcome>>,
        written: &mut Written,
    ) -> Result<(), StorageError> {
        if self.days.len() > MOST_DAYS {
            self.days.clear();
        }
        if self.changes.len() > MOST_DAYS {
            self.changes.clear();
        }
        let tx = self.store.write_promptly().await?;
        self.catch_up(&tx, groups).await?;
        for group in
            groups.iter().filter(|group| group.items.iter().any(|(entry, _)| entry.counted.is_some()))
        {
            self.shares.read(&tx, group.day).await?;
        }
        let needs = self.needs(groups);
        let mut allotted = Allotted::of(&tx, self.id, &needs).await?;
        if !needs.is_empty() {
            // After the locks, which may have waited for a change.
            self.catch_up(&tx, groups).await?;
        }
        self.read_shares(&tx, groups, &needs, written).await?;
        {
            let mut book = self.shares.lock();
            for group in groups {
                let own = match allotted.own.get_mut(&group.day) {
                    // What is remembered is good for one thing: to know that nothing is left.
                    None => self.days.get_mut(&group.day).filter(|own| own.is_full(group.limit)),
                    own => own,
                };
                let changes = self.changes.entry(group.organization).or_default();
                // Of two sizes that one bucket had in one moment, the other comes later.
                let own = own.filter(|own| own.row.bucket == group.limit);
                outcomes.push(group.judge(changes, own, &mut book));
            }
        }
        let added = self.add_to_shares(&tx, groups, outcomes, written).await?;
        let (own, saved) = allotted.save(&tx, self.id).await?;
        if added || saved {
            tx.commit_unrecorded(Technical::Usage).await?;
        }
        self.days.extend(own);
        Ok(())
    }

    /// Where partitions have used up a step of their shares, adds it to the database, and learns what all servers have counted. No other
    /// counts on there until the end of the transaction.
    async fn read_shares(
        &self,
        tx: &Tx,
        groups: &[Group],
        needs: &BTreeMap<ProductDay, Need>,
        written: &mut Written,
    ) -> Result<(), StorageError> {
        {
            let mut book = self.shares.lock();
            let mut more = BTreeMap::new();
            for group in groups.iter().filter(|group| needs.contains_key(&group.day)) {
                let Some(changes) = self.changes.get(&group.organization) else { continue };
                for entry in group.counting(changes, &book) {
                    for partition in entry.partitions {
                        more.entry((group.day, partition)).or_insert((0, entry.shares)).0 += 1;
                    }
                }
            }
            for ((day, partition), (count, shares)) in more {
                if book.is_due(day, partition, &shares, count) {
                    written.used.insert((day, partition), 0);
                    written.taken.push(book.take(day, partition));
                }
            }
        }
        let known = tx.usage_shares().add(&written.taken).await?;
        let mut book = self.shares.lock();
        known.iter().for_each(|usage| book.learn(usage));
        Ok(())
    }

    /// Adds what was counted now where the rows are locked, and what was refused where that is due. Whether anything was written.
    async fn add_to_shares(
        &self,
        tx: &Tx,
        groups: &[Group],
        outcomes: &[Vec<Outcome>],
        written: &mut Written,
    ) -> Result<bool, StorageError> {
        let mut refusals = BTreeMap::new();
        for (group, outcomes) in groups.iter().zip(outcomes) {
            for ((entry, _), outcome) in group.items.iter().zip(outcomes) {
                match outcome {
                    Outcome::Released if entry.counted.is_some() => {
                        for partition in entry.partitions {
                            if let Some(used) = written.used.get_mut(&(group.day, partition)) {
                                *used += 1;
                            }
                        }
                    }
                    Outcome::Spent(partition) => {
                        refusals.entry((group.day, *partition)).or_insert((0, entry.shares)).0 += 1;
                    }
                    Outcome::Released | Outcome::Full | Outcome::Stale => {}
                }
            }
        }
        let mut adding: BTreeMap<_, _> = written
            .used
            .iter()
            .filter(|(_, used)| **used > 0)
            .map(|(key, used)| (*key, (*used, 0)))
            .collect();
        {
            let mut book = self.shares.lock();
            for ((day, partition), (count, shares)) in refusals {
                if book.is_refusal_due(day, partition, &shares) {
                    let before = book.take_refused(day, partition);
                    written.taken.push(before);
                    written.refused.insert((day, partition));
                    adding.entry((day, partition)).or_insert((0, 0)).1 += count + before.refused;
                }
            }
        }
        let adding = adding.into_iter().map(|((day, partition), (used, refused))| PartitionUsage {
            day,
            partition,
            used,
            refused,
        });
        tx.usage_shares().add(&adding.collect::<Vec<_>>()).await?;
        Ok(!written.taken.is_empty())
    }

    /// How much must be allotted of which buckets.
    fn needs(&self, groups: &[Group]) -> BTreeMap<ProductDay, Need> {
        let (mut needs, book) = (BTreeMap::new(), self.shares.lock());
        for group in groups {
            let Some(changes) = self.changes.get(&group.organization) else { continue };
            let count = group.counting(changes, &book).count() as u64;
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
