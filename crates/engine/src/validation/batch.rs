//! Prepared answers that are counted together, and what becomes of each.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use keyward_domain::share::{Admission, Partition, Shares};
use keyward_domain::{OrganizationId, ProductId};
use keyward_storage::{Generation, PartitionUsage, ProductDay, StorageError};
use tokio::sync::oneshot;

use super::Targets;
use super::buckets::OwnDay;
use super::changes::Changes;
use super::shares::{Book, Partitions};
use crate::Result;

/// One prepared answer.
pub(super) struct Entry {
    pub organization: OrganizationId,
    pub product: ProductId,
    pub day: i64,
    /// The most that are let in on that day.
    pub limit: Option<u32>,
    /// As what it counts; `None` if it does not, and is only held against what was changed.
    pub counted: Option<&'static str>,
    /// Whose shares it takes from, if it counts.
    pub partitions: Partitions,
    /// How large those are.
    pub shares: Shares,
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
    /// The share of one of its partitions is.
    Spent(Partition),
    /// What it rests on was changed.
    Stale,
}

pub(super) type Settled = Result<Outcome, Arc<StorageError>>;

/// An entry, and where to say what became of it.
pub(super) type Item = (Entry, oneshot::Sender<Settled>);

/// The entries of a batch that are counted in one bucket.
pub(super) struct Group {
    pub organization: OrganizationId,
    pub day: ProductDay,
    pub limit: Option<u32>,
    pub items: Vec<Item>,
}

impl Group {
    pub(super) fn all(batch: &mut Vec<Item>) -> Vec<Self> {
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

    /// The entries that count, as far as nothing that they rest on was changed and no share is known to be used up.
    pub(super) fn counting<'a>(
        &'a self,
        changes: &'a Changes,
        book: &'a Book,
    ) -> impl Iterator<Item = &'a Entry> {
        let is_spent =
            |entry: &Entry| book.admission(self.day, &entry.partitions, &entry.shares).0 == Admission::Spent;
        let counts = move |entry: &&Entry| {
            entry.counted.is_some() && changes.is_current(&entry.dependencies) && !is_spent(entry)
        };
        self.items.iter().map(|(entry, _)| entry).filter(counts)
    }

    /// Lets entries in, each if it holds, and there is room for it in its shares and the bucket. Without an allotment, those that would
    /// count have to come again.
    pub(super) fn judge(
        &self,
        changes: &Changes,
        mut own: Option<&mut OwnDay>,
        book: &mut Book,
    ) -> Vec<Outcome> {
        let judge = |(entry, _): &Item| {
            if !changes.is_current(&entry.dependencies) {
                return Outcome::Stale;
            }
            let Some(answer) = entry.counted else { return Outcome::Released };
            if let (_, Some(spent)) = book.admission(self.day, &entry.partitions, &entry.shares) {
                return Outcome::Spent(spent);
            }
            match own.as_deref_mut() {
                None => Outcome::Stale,
                Some(own) if own.room() == 0 => Outcome::Full,
                Some(own) => {
                    own.row.usage.count(answer);
                    book.hold(self.day, &entry.partitions);
                    Outcome::Released
                }
            }
        };
        self.items.iter().map(judge).collect()
    }

    /// The same from memory alone; `None` if that does not do for one of them.
    pub(super) fn judge_as_known(
        &self,
        changes: &Changes,
        own: &mut OwnDay,
        book: &mut Book,
    ) -> Option<Vec<Outcome>> {
        let mut outcomes = Vec::with_capacity(self.items.len());
        for (entry, _) in &self.items {
            let is_current = changes.is_current(&entry.dependencies);
            let outcome = match (entry.counted, book.admission(self.day, &entry.partitions, &entry.shares)) {
                _ if !is_current => None,
                (None, _) => Some(Outcome::Released),
                (Some(_), (Admission::Due, _)) => None,
                (Some(_), (_, Some(spent))) => {
                    let is_due = book.is_refusal_due(self.day, spent, &entry.shares);
                    (!is_due).then_some(Outcome::Spent(spent))
                }
                (Some(_), _) if own.room() == 0 => None,
                (Some(answer), _) => {
                    own.row.usage.count(answer);
                    book.hold(self.day, &entry.partitions);
                    Some(Outcome::Released)
                }
            };
            match outcome {
                Some(outcome) => outcomes.push(outcome),
                None => {
                    self.let_go(&outcomes, book);
                    return None;
                }
            }
        }
        Some(outcomes)
    }

    /// Of the first entries, each with what was to become of it, those that were to count do not.
    pub(super) fn let_go(&self, outcomes: &[Outcome], book: &mut Book) {
        for ((entry, _), outcome) in self.items.iter().zip(outcomes) {
            if *outcome == Outcome::Released && entry.counted.is_some() {
                book.let_go(self.day, &entry.partitions);
            }
        }
    }

    /// What became of the entries is durable, and of these partitions it is written down.
    pub(super) fn note(&self, outcomes: &[Outcome], book: &mut Book, written: &Written) {
        for ((entry, _), outcome) in self.items.iter().zip(outcomes) {
            match outcome {
                Outcome::Released if entry.counted.is_some() => {
                    let is_added = |partition| written.used.contains_key(&(self.day, partition));
                    book.settle(self.day, &entry.partitions, is_added);
                }
                Outcome::Spent(partition) => {
                    book.refuse(self.day, *partition, written.refused.contains(&(self.day, *partition)));
                }
                Outcome::Released | Outcome::Full | Outcome::Stale => {}
            }
        }
    }

    pub(super) fn settle(self, outcomes: impl IntoIterator<Item = Settled>) {
        for ((_, settle), outcome) in self.items.into_iter().zip(outcomes) {
            // Who asked may have gone; their request counts all the same.
            let _ = settle.send(outcome);
        }
    }
}

/// What a transaction writes of shares.
#[derive(Default)]
pub(super) struct Written {
    /// What was taken out of memory for it.
    pub taken: Vec<PartitionUsage>,
    /// The partitions whose rows are locked, and how many of a batch were counted there.
    pub used: BTreeMap<(ProductDay, Partition), u64>,
    /// Those of which refusals are written.
    pub refused: BTreeSet<(ProductDay, Partition)>,
}
