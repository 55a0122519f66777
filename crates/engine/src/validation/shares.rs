//! What partitions took of today's buckets, as far as this server knows (`keyward_domain::share`).
//!
//! Nothing here is needed for the bucket to be exact. What is forgotten, because memory is short or the server is killed, was counted
//! in the bucket, and lets its partition in for a step more at most.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyward_domain::ProductId;
use keyward_domain::share::{Admission, Partition, PartitionKind, Shares, Spending};
use keyward_storage::{PartitionUsage, ProductDay, StorageError, Technical, Tx};

use crate::{Engine, Result};

/// How many partitions are remembered, of all products: about 10 MiB.
const MOST_PARTITIONS: usize = 100_000;

/// How many products are remembered.
const MOST_PRODUCTS: usize = 10_000;

/// How many partitions of a day are read that other servers have written, those that took the most.
const MOST_READ: u64 = 1_000;

/// The partitions that a request takes from: its address, and its license or the unknown keys.
pub(super) type Partitions = [Partition; 2];

/// All that is known, shared by the counter and those who count without an allotment. Never locked across a wait.
#[derive(Clone, Default)]
pub(super) struct ShareBook(Arc<Mutex<Book>>);

#[derive(Default)]
pub(super) struct Book {
    /// Each with the few days that are asked of it.
    products: HashMap<ProductId, Vec<(i64, DayBook)>>,
    partitions: usize,
}

type DayBook = HashMap<Partition, Spending>;

impl ShareBook {
    pub(super) fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what others have written of a day, unless it was read before.
    pub(super) async fn read(&self, tx: &Tx, day: ProductDay) -> Result<(), StorageError> {
        if !self.lock().knows(day) {
            let rows = tx.usage_shares().largest(day, MOST_READ).await?;
            self.lock().open(day, rows);
        }
        Ok(())
    }
}

impl Book {
    pub(super) fn knows(&self, (product, day): ProductDay) -> bool {
        self.products.get(&product).is_some_and(|days| days.iter().any(|(known, _)| *known == day))
    }

    fn day(&self, (product, day): ProductDay) -> Option<&DayBook> {
        self.products.get(&product)?.iter().find(|(known, _)| *known == day).map(|(_, book)| book)
    }

    fn day_mut(&mut self, (product, day): ProductDay) -> Option<&mut DayBook> {
        self.products.get_mut(&product)?.iter_mut().find(|(known, _)| *known == day).map(|(_, book)| book)
    }

    fn open(&mut self, (product, day): ProductDay, rows: Vec<PartitionUsage>) {
        if self.knows((product, day)) {
            return;
        }
        if self.products.len() >= MOST_PRODUCTS {
            *self = Self::default();
        }
        let days = self.products.entry(product).or_default();
        // Servers differ about midnight; other days are over, or were of a wrong clock.
        days.retain(|(known, book)| {
            let stays = known.abs_diff(day) <= 1;
            self.partitions -= if stays { 0 } else { book.len() };
            stays
        });
        days.push((day, DayBook::new()));
        for row in rows {
            self.learn(&row);
        }
    }

    /// What the database says of a partition.
    pub(super) fn learn(&mut self, usage: &PartitionUsage) {
        if let Some(spending) = self.spending(usage.day, usage.partition) {
            spending.learn(usage.used, usage.refused);
        }
    }

    fn spending(&mut self, day: ProductDay, partition: Partition) -> Option<&mut Spending> {
        if self.partitions >= MOST_PARTITIONS && !self.day(day)?.contains_key(&partition) {
            self.forget_small();
        }
        let book = self.products.get_mut(&day.0)?.iter_mut().find(|(known, _)| *known == day.1)?;
        match book.1.entry(partition) {
            std::collections::hash_map::Entry::Occupied(spending) => Some(spending.into_mut()),
            std::collections::hash_map::Entry::Vacant(place) => {
                self.partitions += 1;
                Some(place.insert(Spending::default()))
            }
        }
    }

    /// Forgets the half of the partitions that took the least.
    fn forget_small(&mut self) {
        let all = || self.products.values().flatten().flat_map(|(_, book)| book.values());
        let mut used: Vec<u64> = all().map(Spending::used).collect();
        let middle = used.len() / 2;
        let median = *used.select_nth_unstable(middle).1;
        let mut left = 0;
        for (_, book) in self.products.values_mut().flatten() {
            book.retain(|_, spending| spending.used() > median);
            left += book.len();
        }
        self.partitions = left;
    }

    /// Whether a request may be let in, and if it may not, because of whom.
    pub(super) fn admission(
        &self,
        day: ProductDay,
        partitions: &Partitions,
        shares: &Shares,
    ) -> (Admission, Option<Partition>) {
        let Some(book) = self.day(day) else { return (Admission::Due, None) };
        let mut admission = Admission::Admitted;
        for partition in partitions {
            let spending = book.get(partition).copied().unwrap_or_default();
            match spending.admission(shares.of(partition.kind())) {
                Admission::Admitted => {}
                Admission::Due => admission = Admission::Due,
                Admission::Spent => return (Admission::Spent, Some(*partition)),
            }
        }
        (admission, None)
    }

    /// Whether the refusal of a partition should be written down.
    pub(super) fn is_refusal_due(&self, day: ProductDay, partition: Partition, shares: &Shares) -> bool {
        let spending = self.day(day).and_then(|book| book.get(&partition)).copied().unwrap_or_default();
        spending.is_refusal_due(shares.of(partition.kind()))
    }

    /// Whether what a partition took should be written down, once so many more are let in.
    pub(super) fn is_due(&self, day: ProductDay, partition: Partition, shares: &Shares, more: u64) -> bool {
        let spending = self.day(day).and_then(|book| book.get(&partition)).copied().unwrap_or_default();
        let share = shares.of(partition.kind());
        spending.admission(share) != Admission::Spent && spending.is_due(share, more)
    }

    /// Lets a request in, which counts once it is settled.
    pub(super) fn hold(&mut self, day: ProductDay, partitions: &Partitions) {
        for partition in partitions {
            if let Some(spending) = self.spending(day, *partition) {
                spending.hold();
            }
        }
    }

    /// It does not count.
    pub(super) fn let_go(&mut self, day: ProductDay, partitions: &Partitions) {
        let Some(book) = self.day_mut(day) else { return };
        for partition in partitions {
            if let Some(spending) = book.get_mut(partition) {
                spending.let_go();
            }
        }
    }

    /// It counts, and the database has it already where `is_added` says so.
    pub(super) fn settle(
        &mut self,
        day: ProductDay,
        partitions: &Partitions,
        is_added: impl Fn(Partition) -> bool,
    ) {
        let Some(book) = self.day_mut(day) else { return };
        for partition in partitions {
            if let Some(spending) = book.get_mut(partition) {
                spending.settle(is_added(*partition));
            }
        }
    }

    /// A request was refused.
    pub(super) fn refuse(&mut self, day: ProductDay, partition: Partition, is_added: bool) {
        if let Some(spending) = self.spending(day, partition) {
            spending.refuse(is_added);
        }
    }

    /// Takes out what is not yet written down of what a partition took.
    pub(super) fn take(&mut self, day: ProductDay, partition: Partition) -> PartitionUsage {
        let used = self.spending(day, partition).map_or(0, Spending::take);
        PartitionUsage { day, partition, used, refused: 0 }
    }

    /// The same of its refusals.
    pub(super) fn take_refused(&mut self, day: ProductDay, partition: Partition) -> PartitionUsage {
        let refused = self.spending(day, partition).map_or(0, Spending::take_refused);
        PartitionUsage { day, partition, used: 0, refused }
    }

    /// What was taken out was not written down.
    pub(super) fn put_back(&mut self, taken: &[PartitionUsage]) {
        for usage in taken {
            if let Some(spending) = self.day_mut(usage.day).and_then(|book| book.get_mut(&usage.partition)) {
                spending.put_back(usage.used, usage.refused);
            }
        }
    }
}

/// A request that is let in without an allotment. Dropped before it is settled, it does not count.
pub(super) struct Held<'a> {
    book: &'a ShareBook,
    day: ProductDay,
    partitions: Partitions,
    /// What is written down in the same transaction.
    taken: Vec<PartitionUsage>,
    is_settled: bool,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            let mut book = self.book.lock();
            book.let_go(self.day, &self.partitions);
            book.put_back(&self.taken);
        }
    }
}

impl Held<'_> {
    /// Writes down what its partitions took before, where that is due.
    pub(super) async fn write(&mut self, tx: &Tx, shares: &Shares) -> Result<(), StorageError> {
        {
            let mut book = self.book.lock();
            for partition in self.partitions {
                if book.is_due(self.day, partition, shares, 0) {
                    let taken = book.take(self.day, partition);
                    self.taken.push(taken);
                }
            }
        }
        let known = tx.usage_shares().add(&self.taken).await?;
        let mut book = self.book.lock();
        known.iter().for_each(|usage| book.learn(usage));
        Ok(())
    }

    /// From now on it is not known what becomes of what was written: better that it is counted by nobody than twice.
    pub(super) fn committing(mut self) -> Self {
        self.taken.clear();
        self
    }

    /// It counts.
    pub(super) fn settle(mut self) {
        self.book.lock().settle(self.day, &self.partitions, |_| false);
        self.is_settled = true;
    }
}

impl ShareBook {
    /// Lets a request in that counts without an allotment, or says whose share is used up.
    pub(super) async fn hold(
        &self,
        tx: &Tx,
        day: ProductDay,
        partitions: Partitions,
        shares: &Shares,
    ) -> Result<Result<Held<'_>, Partition>, StorageError> {
        self.read(tx, day).await?;
        let mut book = self.lock();
        if let (Admission::Spent, Some(partition)) = book.admission(day, &partitions, shares) {
            return Ok(Err(partition));
        }
        book.hold(day, &partitions);
        Ok(Ok(Held { book: self, day, partitions, taken: Vec::new(), is_settled: false }))
    }
}

impl Engine {
    /// Notes that a request was refused outside the counter, and writes it down where that is due.
    pub(super) async fn note_refusal(
        &self,
        day: ProductDay,
        partition: Partition,
        shares: &Shares,
    ) -> Result<()> {
        let taken = {
            let mut book = self.validation_cache.counter.shares().lock();
            let is_due = book.is_refusal_due(day, partition, shares);
            book.refuse(day, partition, false);
            if !is_due {
                return Ok(());
            }
            [book.take_refused(day, partition)]
        };
        let added = async {
            let tx = self.store.write().await?;
            tx.usage_shares().add(&taken).await?;
            tx.commit_unrecorded(Technical::Usage).await
        };
        if let Err(error) = added.await {
            self.validation_cache.counter.shares().lock().put_back(&taken);
            return Err(error.into());
        }
        Ok(())
    }
}

/// What a request that is refused has met with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// The product's bucket.
    Bucket,
    /// A share of it.
    Share(PartitionKind),
}

impl Quota {
    /// The name of its policy in `RateLimit` fields.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bucket => "bucket",
            Self::Share(kind) => kind.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use keyward_domain::Address;
    use keyward_domain::share::SharePercents;

    use super::*;

    fn address(n: u32) -> Partition {
        Partition::of_address(Address::new(std::net::Ipv4Addr::from(n).into()))
    }

    fn ask(book: &mut Book, day: ProductDay, n: u32, shares: &Shares) -> Admission {
        let partitions = [address(n), Partition::UnknownKey];
        let (admission, _) = book.admission(day, &partitions, shares);
        if admission == Admission::Admitted {
            book.hold(day, &partitions);
            book.settle(day, &partitions, |_| false);
        }
        admission
    }

    #[test]
    fn many_addresses_take_no_more_memory_than_a_hundred_thousand() {
        let (mut book, shares) = (Book::default(), Shares::new(None, SharePercents::default()));
        let day = (ProductId::new(1, [1; 10]), 20_000);
        book.open(day, Vec::new());
        for n in 0..500 {
            for _ in 0..5 {
                assert_eq!(ask(&mut book, day, n, &shares), Admission::Admitted);
                book.take(day, Partition::UnknownKey);
            }
        }
        for n in 1_000..501_000 {
            ask(&mut book, day, n, &shares);
            book.take(day, Partition::UnknownKey);
            assert!(book.partitions <= MOST_PARTITIONS);
        }
        assert_eq!(book.partitions, book.day(day).unwrap().len());
        // Those that took more than the others are remembered.
        assert!((0..500).all(|n| book.day(day).unwrap()[&address(n)].used() == 5));
    }

    #[test]
    fn days_that_are_over_are_forgotten() {
        let (mut book, product) = (Book::default(), ProductId::new(1, [1; 10]));
        for day in [10, 11, 12, 400, 12, 11] {
            book.open((product, day), Vec::new());
            book.hold((product, day), &[address(1), Partition::UnknownKey]);
        }
        let days: Vec<_> = book.products[&product].iter().map(|(day, _)| *day).collect();
        assert_eq!((days, book.partitions), (vec![12, 11], 4));
    }
}
