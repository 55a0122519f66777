//! A product's daily bucket of validations, divided among those who count them.
//!
//! Servers that shared one number would wait for each other at every validation. So each counter is allotted a part of the bucket and
//! counts alone until that is used up. Allotments shrink as the bucket empties, and what others have not used is taken back before
//! anyone is refused: together they count exactly as many as the bucket holds.

use std::collections::BTreeMap;

use uuid::Uuid;

/// What is allotted of a bucket that has no bottom: more than can be counted in a day.
const BOTTOMLESS: u64 = i64::MAX as u64;

/// Of what is left beyond the need, a counter is allotted one part in so many.
const PARTS: u64 = 8;

/// What one counter may count of a bucket, and has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allotment {
    /// How large the bucket was when it was allotted; `None` for one without bottom.
    pub limit: Option<u32>,
    /// How many the counter may count in all.
    pub allotted: u64,
    /// How many it has counted.
    pub used: u64,
}

impl Allotment {
    /// That of a counter which has none.
    pub const NONE: Self = Self { limit: None, allotted: 0, used: 0 };

    /// How many may still be counted on it.
    pub fn room(self) -> u64 {
        self.allotted.saturating_sub(self.used)
    }

    /// How much of a bucket of this size it takes up: what was allotted when the bucket had another size counts no more.
    fn taken(self, limit: Option<u32>) -> u64 {
        if self.limit == limit { self.used.max(self.allotted) } else { self.used }
    }
}

/// One product's bucket of one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// How many it holds; `None` if it has no bottom.
    pub limit: Option<u32>,
    /// How many were counted without an allotment.
    pub direct: u64,
    /// The allotments, by their counters.
    pub allotments: BTreeMap<Uuid, Allotment>,
}

impl Bucket {
    /// The allotment of a counter.
    pub fn of(&self, counter: Uuid) -> Allotment {
        self.allotments.get(&counter).copied().unwrap_or(Allotment::NONE)
    }

    /// How much is neither counted nor allotted to others than `counter`.
    fn room(&self, counter: Option<Uuid>) -> u64 {
        let Some(limit) = self.limit else { return BOTTOMLESS };
        let taken = |(id, allotment): (&Uuid, &Allotment)| {
            if counter == Some(*id) { allotment.used } else { allotment.taken(self.limit) }
        };
        let taken = self.allotments.iter().map(taken).fold(self.direct, u64::saturating_add);
        u64::from(limit).saturating_sub(taken)
    }

    /// Whether allotments have to be taken back before `counter`, or someone without an allotment, may count `need` more. Those of a
    /// bucket of another size always have.
    pub fn is_short(&self, counter: Option<Uuid>, need: u64) -> bool {
        let mut others = self.allotments.iter().filter(|(id, _)| counter != Some(**id));
        others.any(|(_, allotment)| {
            allotment.room() > 0 && (allotment.limit != self.limit || self.room(counter) < need)
        })
    }

    /// Takes back what others than `counter` were allotted and have not used.
    pub fn take_back(&mut self, counter: Option<Uuid>) {
        let others = self.allotments.iter_mut().filter(|(id, _)| counter != Some(**id));
        others.for_each(|(_, allotment)| allotment.allotted = allotment.used);
    }

    /// Allots to `counter` what it needs as far as there is room, and some more for later. Gives its allotment.
    pub fn allot(&mut self, counter: Uuid, need: u64) -> Allotment {
        let used = self.of(counter).used;
        let allotted = match self.limit {
            None => BOTTOMLESS,
            Some(_) => {
                let room = self.room(Some(counter));
                used + need.min(room) + room.saturating_sub(need) / PARTS
            }
        };
        let allotment = Allotment { limit: self.limit, allotted, used };
        self.allotments.insert(counter, allotment);
        allotment
    }

    /// Counts one without an allotment, if there is room for it; whether there was.
    pub fn count_direct(&mut self) -> bool {
        let fits = self.room(None) > 0;
        self.direct += u64::from(fits);
        fits
    }

    /// How many were counted.
    pub fn used(&self) -> u64 {
        self.allotments.values().map(|allotment| allotment.used).sum::<u64>() + self.direct
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counter(n: u8) -> Uuid {
        Uuid::from_u128(u128::from(n) + 1)
    }

    #[test]
    fn allotments_shrink_as_the_bucket_empties() {
        let mut bucket = Bucket { limit: Some(100), direct: 0, allotments: BTreeMap::new() };
        assert_eq!(bucket.allot(counter(0), 1).allotted, 1 + 99 / 8);
        assert_eq!(bucket.allot(counter(1), 1).allotted, 1 + 86 / 8);
        bucket.direct = 75;
        assert_eq!(bucket.allot(counter(2), 1).allotted, 1);
        assert!(bucket.is_short(Some(counter(3)), 1));
        bucket.take_back(Some(counter(3)));
        assert_eq!(bucket.allot(counter(3), 1).allotted, 1 + 24 / 8);
    }

    #[derive(Debug, Clone)]
    enum Step {
        /// A counter has so many to count.
        Count(u8, u8),
        /// Somebody counts one without an allotment.
        CountDirect,
        /// A counter is gone, and with it what it knows; another comes.
        Crash(u8),
        /// The plan changes, at times to what it was before.
        Limit(Option<u32>),
    }

    fn step() -> impl Strategy<Value = Step> {
        let limit = proptest::option::of(prop_oneof![Just(40_u32), Just(80)]);
        prop_oneof![
            12 => (0..3_u8, 1..6_u8).prop_map(|(who, many)| Step::Count(who, many)),
            2 => Just(Step::CountDirect),
            1 => (0..3_u8).prop_map(Step::Crash),
            1 => limit.prop_map(Step::Limit),
        ]
    }

    /// Counters as servers are: each remembers its allotment, and looks at the bucket only when that does not do.
    struct Servers {
        bucket: Bucket,
        ids: [Uuid; 3],
        known: [Allotment; 3],
    }

    impl Servers {
        fn count(&mut self, who: usize, need: u64) -> u64 {
            let (id, known) = (self.ids[who], self.known[who]);
            let row = self.bucket.of(id);
            // What a server remembers is worth nothing once its row says otherwise.
            if known != row || known.limit != self.bucket.limit || known.room() < need {
                if self.bucket.is_short(Some(id), need) {
                    self.bucket.take_back(Some(id));
                }
                self.bucket.allot(id, need);
            }
            let allotment = self.bucket.allotments.get_mut(&id).unwrap();
            let counted = need.min(allotment.room());
            allotment.used += counted;
            self.known[who] = *allotment;
            counted
        }
    }

    proptest! {
        /// Nobody counts past the bucket, and nobody is refused while there is room in it.
        #[test]
        fn together_they_count_exactly_as_many_as_it_holds(steps in proptest::collection::vec(step(), 1..200)) {
            let bucket = Bucket { limit: Some(80), direct: 0, allotments: BTreeMap::new() };
            let mut servers = Servers { bucket, ids: [counter(0), counter(1), counter(2)], known: [Allotment::NONE; 3] };
            let mut next = 3;
            for step in steps {
                let before = servers.bucket.used();
                let left = servers.bucket.limit.map_or(u64::MAX, |limit| u64::from(limit).saturating_sub(before));
                match step {
                    Step::Count(who, need) => {
                        let counted = servers.count(usize::from(who), need.into());
                        prop_assert_eq!(counted, left.min(need.into()));
                    }
                    Step::CountDirect => {
                        if servers.bucket.is_short(None, 1) {
                            servers.bucket.take_back(None);
                        }
                        prop_assert_eq!(servers.bucket.count_direct(), left > 0);
                    }
                    Step::Crash(who) => {
                        servers.ids[usize::from(who)] = counter(next);
                        servers.known[usize::from(who)] = Allotment::NONE;
                        next += 1;
                    }
                    Step::Limit(limit) => servers.bucket.limit = limit,
                }
                if let Some(limit) = servers.bucket.limit {
                    prop_assert!(servers.bucket.used() <= u64::from(limit).max(before));
                }
            }
        }
    }
}
