//! The daily buckets of products, locked while parts of them are allotted.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use keyward_domain::bucket::Bucket;
use keyward_storage::{CounterDay, ProductDay, StorageError, Tx, Usage};
use uuid::Uuid;

/// What is needed of one bucket.
#[derive(Clone, Copy)]
pub(super) struct Need {
    /// How much the bucket holds; `None` if it has no bottom.
    pub limit: Option<u32>,
    pub count: u64,
}

/// A counter's own row of one day.
#[derive(Clone)]
pub(super) struct OwnDay {
    pub row: CounterDay,
    /// Whether the bucket held less than was needed when the allotment was made.
    pub emptied: bool,
}

impl OwnDay {
    /// How many may still be counted.
    pub(super) fn room(&self) -> u64 {
        self.row.allotment().room()
    }

    /// Whether a bucket of this size is known to be empty.
    pub(super) fn is_full(&self, limit: Option<u32>) -> bool {
        self.emptied && self.row.bucket == limit && self.room() == 0
    }
}

/// What a counter is allotted in a transaction that holds the buckets.
pub(super) struct Allotted {
    /// The counter's rows, as they are to be written.
    pub own: HashMap<ProductDay, OwnDay>,
    buckets: BTreeMap<ProductDay, LockedBucket>,
}

impl Allotted {
    /// Allots of each bucket what is needed, as far as there is room.
    pub(super) async fn of(
        tx: &Tx,
        counter: Uuid,
        needs: &BTreeMap<ProductDay, Need>,
    ) -> Result<Self, StorageError> {
        let mut buckets = lock(tx, Some(counter), needs).await?;
        let allotment = |(day, locked): (&ProductDay, &mut LockedBucket)| {
            let need = needs[day].count;
            let allotment = locked.bucket.allot(counter, need);
            let usage = locked.rows.remove(&counter).map_or_else(|| Usage::none(day.1), |row| row.usage);
            let (bucket, allotted) = (allotment.limit, allotment.allotted);
            let row = CounterDay { product: day.0, counter, bucket, allotted, usage };
            (*day, OwnDay { row, emptied: allotment.room() < need })
        };
        Ok(Self { own: buckets.iter_mut().map(allotment).collect(), buckets })
    }

    /// Writes the rows in which anything was counted. Gives what is to be remembered, and whether anything was written.
    pub(super) async fn save(
        mut self,
        tx: &Tx,
        counter: Uuid,
    ) -> Result<(HashMap<ProductDay, OwnDay>, bool), StorageError> {
        let mut rows = Vec::new();
        for (day, locked) in &self.buckets {
            let own = &self.own[day];
            if own.row.usage.used > locked.bucket.of(counter).used {
                rows.extend(locked.taken_back());
                rows.push(own.row.clone());
            }
        }
        // An allotment on which nothing was counted is not written, unless there is none.
        let written: BTreeSet<_> = rows.iter().map(|row| (row.product, row.usage.day)).collect();
        self.own.retain(|day, own| written.contains(day) || own.room() == 0);
        tx.counter_days().save(&rows).await?;
        Ok((self.own, !rows.is_empty()))
    }
}

/// Counts one without an allotment, if there is room for it; whether there was.
pub(super) async fn count_direct(
    tx: &Tx,
    day: ProductDay,
    limit: Option<u32>,
    answer: &str,
) -> Result<bool, StorageError> {
    let needs = BTreeMap::from([(day, Need { limit, count: 1 })]);
    for mut locked in lock(tx, None, &needs).await?.into_values() {
        if !locked.bucket.count_direct() {
            return Ok(false);
        }
        locked.direct.count(answer);
        tx.usage(day.0).save(&locked.direct).await?;
        tx.counter_days().save(&locked.taken_back().collect::<Vec<_>>()).await?;
    }
    Ok(true)
}

/// A bucket of which nothing else is allotted until the end of the transaction.
struct LockedBucket {
    bucket: Bucket,
    /// What was counted without an allotment.
    direct: Usage,
    rows: BTreeMap<Uuid, CounterDay>,
}

impl LockedBucket {
    /// The rows of others from which something was taken back.
    fn taken_back(&self) -> impl Iterator<Item = CounterDay> {
        self.rows.iter().filter_map(|(counter, row)| {
            let allotted = self.bucket.of(*counter).allotted;
            (allotted < row.allotted).then(|| CounterDay { allotted, ..row.clone() })
        })
    }
}

/// Locks buckets, and takes back what others than `counter` were allotted and have not used where there is no room otherwise.
async fn lock(
    tx: &Tx,
    counter: Option<Uuid>,
    needs: &BTreeMap<ProductDay, Need>,
) -> Result<BTreeMap<ProductDay, LockedBucket>, StorageError> {
    if needs.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (days, counters) = (needs.keys().copied().collect(), tx.counter_days());
    let locked = |(day, direct): (ProductDay, Usage)| {
        let bucket = Bucket { limit: needs[&day].limit, direct: direct.used, allotments: BTreeMap::new() };
        (day, LockedBucket { bucket, direct, rows: BTreeMap::new() })
    };
    let mut buckets: BTreeMap<_, _> = counters.lock(&days).await?.into_iter().map(locked).collect();
    fill(&mut buckets, counters.find(&days, false).await?);
    let is_short =
        |day: &ProductDay, locked: &LockedBucket| locked.bucket.is_short(counter, needs[day].count);
    let short: BTreeSet<_> =
        buckets.iter().filter(|(day, locked)| is_short(day, locked)).map(|(day, _)| *day).collect();
    if !short.is_empty() {
        // Now locked too, so that what they have left stays left.
        fill(&mut buckets, counters.find(&short, true).await?);
        for day in &short {
            if let Some(locked) = buckets.get_mut(day) {
                locked.bucket.take_back(counter);
            }
        }
    }
    Ok(buckets)
}

fn fill(buckets: &mut BTreeMap<ProductDay, LockedBucket>, rows: Vec<CounterDay>) {
    for row in rows {
        if let Some(locked) = buckets.get_mut(&(row.product, row.usage.day)) {
            locked.bucket.allotments.insert(row.counter, row.allotment());
            locked.rows.insert(row.counter, row);
        }
    }
}
