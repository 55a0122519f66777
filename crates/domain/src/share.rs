//! Shares of a product's daily bucket: how much of it one address, one license, and all requests that name no license of the product
//! may take, so that something is left for the others.
//!
//! Each of them is a partition of the bucket. Servers count partitions in memory and add what they have counted to the database in
//! steps, which shrink as a share is used up: [`Spending`] is what one server knows of one partition. The bucket itself is counted
//! elsewhere ([`crate::bucket`]), and no share lets anything in for which the bucket has no room.

use std::fmt;

use crate::{Address, AddressRange, Invalid, LicenseId};

/// Who takes from a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Partition {
    /// An IPv4 address, or an IPv6 /64.
    Address(AddressRange),
    /// A license of the product.
    License(LicenseId),
    /// All requests that name no license of the product.
    UnknownKey,
}

impl Partition {
    /// That of an address.
    pub fn of_address(address: Address) -> Self {
        Self::Address(address.counted(true))
    }

    /// That of a license, or of what is none.
    pub fn of_license(license: Option<LicenseId>) -> Self {
        license.map_or(Self::UnknownKey, Self::License)
    }

    /// Of what kind it is.
    pub fn kind(self) -> PartitionKind {
        match self {
            Self::Address(_) => PartitionKind::Address,
            Self::License(_) => PartitionKind::License,
            Self::UnknownKey => PartitionKind::UnknownKey,
        }
    }

    /// What tells it from others of its kind.
    pub fn key(self) -> String {
        match self {
            Self::Address(range) => range.to_string(),
            Self::License(id) => id.to_string(),
            Self::UnknownKey => String::new(),
        }
    }

    /// The partition of this kind with this key.
    pub fn parse(kind: PartitionKind, key: &str) -> Result<Self, Invalid> {
        Ok(match kind {
            PartitionKind::Address => Self::Address(key.parse()?),
            PartitionKind::License => Self::License(key.parse()?),
            PartitionKind::UnknownKey => Self::UnknownKey,
        })
    }
}

/// As the beginning of a sentence's object: `address 192.0.2.7`.
impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(range) => write!(f, "address {range}"),
            Self::License(id) => write!(f, "license {id}"),
            Self::UnknownKey => f.write_str("unknown license keys"),
        }
    }
}

/// The kinds of partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PartitionKind {
    /// An address.
    Address,
    /// A license.
    License,
    /// What names no license.
    UnknownKey,
}

impl PartitionKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Address, Self::License, Self::UnknownKey];

    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::License => "license",
            Self::UnknownKey => "unknown_key",
        }
    }

    /// A share of this kind is never smaller than so many.
    pub fn least(self) -> u64 {
        match self {
            Self::Address | Self::License => 1_000,
            Self::UnknownKey => 100,
        }
    }
}

impl std::str::FromStr for PartitionKind {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Invalid::new("unknown_kind", "must be address, license or unknown_key"))
    }
}

/// How large the shares of a bucket are, in percent of it: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharePercents {
    /// That of each address.
    pub address: u32,
    /// That of each license.
    pub license: u32,
    /// That of all requests that name no license.
    pub unknown_key: u32,
}

impl Default for SharePercents {
    fn default() -> Self {
        Self { address: 50, license: 50, unknown_key: 10 }
    }
}

/// The shares of one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    bucket: Option<u32>,
    percents: SharePercents,
}

impl Shares {
    /// Those of a bucket of this size; `None` for one without bottom, which has no shares.
    pub fn new(bucket: Option<u32>, percents: SharePercents) -> Self {
        Self { bucket, percents }
    }

    /// The share of each partition of this kind.
    pub fn of(&self, kind: PartitionKind) -> Share {
        let percent = match kind {
            PartitionKind::Address => self.percents.address,
            PartitionKind::License => self.percents.license,
            PartitionKind::UnknownKey => self.percents.unknown_key,
        };
        let Some(bucket) = self.bucket.map(u64::from) else {
            return Share { size: None, longest: UNLIMITED_STEP };
        };
        let size = (bucket * u64::from(percent) / 100).max(kind.least());
        if size < bucket {
            Share { size: Some(size), longest: (size / STEPS).max(1) }
        } else {
            Share { size: None, longest: (bucket / STEPS).clamp(10, UNLIMITED_STEP) }
        }
    }
}

/// A share is counted in memory for one part in so many of it.
const STEPS: u64 = 100;

/// For so many where there is no share.
const UNLIMITED_STEP: u64 = 1_000;

/// A step takes no more than one part in so many of what is left of the share.
const PARTS: u64 = 8;

/// How much of a bucket one partition may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// `None` if it may take all.
    pub size: Option<u64>,
    longest: u64,
}

impl Share {
    /// How many one server counts in memory at most before it adds them to the database.
    pub fn longest_step(self) -> u64 {
        self.longest
    }

    fn step(self, known: u64) -> u64 {
        self.size.map_or(self.longest, |size| self.longest.min(size.saturating_sub(known) / PARTS))
    }
}

/// Whether a partition may take one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Admitted,
    /// What all servers have counted must be looked at first.
    Due,
    /// Its share is used up.
    Spent,
}

/// What one server knows of a partition's day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spending {
    /// What the database says that all have counted, and what this server is adding to it.
    known: u64,
    /// Counted here, and not yet added.
    pending: u32,
    /// Admitted here, while it is not yet sure whether they count.
    held: u32,
    /// How many were refused, as far as the database knows.
    refused: u64,
    /// Refused here, and not yet added.
    refused_pending: u32,
}

impl Spending {
    /// What is known to have been counted, and about to be.
    pub fn used(&self) -> u64 {
        self.known + u64::from(self.pending) + u64::from(self.held)
    }

    /// Whether one more may be counted.
    pub fn admission(&self, share: Share) -> Admission {
        if share.size.is_some_and(|size| self.used() >= size) {
            Admission::Spent
        } else if self.used() - self.known < share.step(self.known) {
            Admission::Admitted
        } else {
            Admission::Due
        }
    }

    /// Whether what was counted here should be added to the database, once so many more are.
    pub fn is_due(&self, share: Share, more: u64) -> bool {
        self.used() - self.known + more > share.step(self.known)
    }

    /// Whether refusals should be added to the database, once there is another.
    pub fn is_refusal_due(&self, share: Share) -> bool {
        let step = share.longest.max(self.refused / PARTS);
        self.refused == 0 || u64::from(self.refused_pending) + 1 >= step
    }

    /// Admits one, which counts once it is settled.
    pub fn hold(&mut self) {
        self.held = self.held.saturating_add(1);
    }

    /// One that was admitted does not count.
    pub fn let_go(&mut self) {
        self.held = self.held.saturating_sub(1);
    }

    /// One that was admitted counts. `added` says that the database has it already.
    pub fn settle(&mut self, added: bool) {
        self.held = self.held.saturating_sub(1);
        match added {
            true => self.known += 1,
            false => self.pending = self.pending.saturating_add(1),
        }
    }

    /// One was refused. `added` says that the database has it already.
    pub fn refuse(&mut self, added: bool) {
        match added {
            true => self.refused += 1,
            false => self.refused_pending = self.refused_pending.saturating_add(1),
        }
    }

    /// Takes what was counted out, to be added to the database.
    pub fn take(&mut self) -> u64 {
        let taken = u64::from(std::mem::take(&mut self.pending));
        self.known += taken;
        taken
    }

    /// Takes what was refused out, to be added to the database.
    pub fn take_refused(&mut self) -> u64 {
        let taken = u64::from(std::mem::take(&mut self.refused_pending));
        self.refused += taken;
        taken
    }

    /// What was taken out was not added.
    pub fn put_back(&mut self, used: u64, refused: u64) {
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        self.known = self.known.saturating_sub(used);
        self.pending = self.pending.saturating_add(small(used));
        self.refused = self.refused.saturating_sub(refused);
        self.refused_pending = self.refused_pending.saturating_add(small(refused));
    }

    /// What the database says. It may not yet have what is being added by this server at the same moment.
    pub fn learn(&mut self, used: u64, refused: u64) {
        self.known = self.known.max(used);
        self.refused = self.refused.max(refused);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shares(bucket: u32) -> Shares {
        Shares::new(Some(bucket), SharePercents::default())
    }

    #[test]
    fn shares_are_parts_of_the_bucket_and_never_small() {
        let size = |bucket, kind| shares(bucket).of(kind).size;
        assert_eq!(size(100_000, PartitionKind::Address), Some(50_000));
        assert_eq!(size(100_000, PartitionKind::UnknownKey), Some(10_000));
        assert_eq!(size(1_500, PartitionKind::License), Some(1_000));
        assert_eq!(size(1_000, PartitionKind::License), None, "the share would be the bucket");
        assert_eq!(size(350, PartitionKind::UnknownKey), Some(100));
        assert_eq!(size(100, PartitionKind::UnknownKey), None);
        let all = SharePercents { address: 100, ..SharePercents::default() };
        assert_eq!(Shares::new(Some(100_000), all).of(PartitionKind::Address).size, None);
        assert_eq!(Shares::new(None, all).of(PartitionKind::License).size, None);
        assert_eq!(Shares::new(Some(u32::MAX), all).of(PartitionKind::License).size, Some(2_147_483_647));
    }

    #[test]
    fn addresses_of_one_household_are_one_partition() {
        let of = |text: &str| Partition::of_address(Address::new(text.parse().unwrap()));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:0:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        for partition in [
            of("192.0.2.1"),
            of("2001:db8::1"),
            Partition::UnknownKey,
            Partition::License(LicenseId::new(1, [1; 10])),
        ] {
            assert_eq!(Partition::parse(partition.kind(), &partition.key()), Ok(partition));
            assert_eq!(partition.kind().as_str().parse(), Ok(partition.kind()));
        }
    }

    #[test]
    fn refusals_are_added_seldom() {
        let (share, mut spending, mut added) =
            (shares(2_000).of(PartitionKind::Address), Spending::default(), 0);
        for _ in 0..1_000_000 {
            if spending.is_refusal_due(share) {
                spending.take_refused();
                added += 1;
                spending.refuse(true);
            } else {
                spending.refuse(false);
            }
        }
        assert!(added < 100, "{added}");
    }

    #[derive(Debug, Clone)]
    enum Step {
        /// A server is asked so many times in one batch.
        Ask(usize, u8),
        /// A server is killed, and another comes in its place.
        Kill(usize),
        /// A server forgets a partition for want of memory.
        Forget(usize),
        /// What a server tried to add is undone.
        Undo(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            30 => (0..3_usize, 1..30_u8).prop_map(|(who, many)| Step::Ask(who, many)),
            1 => (0..3_usize).prop_map(Step::Kill),
            1 => (0..3_usize).prop_map(Step::Forget),
            1 => (0..3_usize).prop_map(Step::Undo),
        ]
    }

    /// Servers that share a database as far as one partition goes.
    struct Servers {
        known: Vec<Spending>,
        database: u64,
        admitted: u64,
        share: Share,
    }

    impl Servers {
        /// As the counter does it: from memory where that is enough, else with the row locked.
        fn ask(&mut self, who: usize, many: u64) {
            let (share, known) = (self.share, &mut self.known[who]);
            if known.admission(share) == Admission::Spent {
                return;
            }
            if !known.is_due(share, many) {
                (0..many).for_each(|_| {
                    assert_eq!(known.admission(share), Admission::Admitted);
                    known.hold();
                    known.settle(false);
                });
                self.admitted += many;
                return;
            }
            self.database += known.take();
            known.learn(self.database, 0);
            for _ in 0..many {
                if known.admission(share) == Admission::Spent {
                    break;
                }
                known.hold();
                known.settle(true);
                self.database += 1;
                self.admitted += 1;
            }
        }
    }

    proptest! {
        /// A server alone is exact: a partition is let in as often as it has a share.
        #[test]
        fn one_server_is_exact(asks in proptest::collection::vec(1..60_u8, 1..200), bucket in 1_001..4_000_u32) {
            let share = shares(bucket).of(PartitionKind::Address);
            let mut servers = Servers { known: vec![Spending::default()], database: 0, admitted: 0, share };
            let mut asked = 0;
            for many in asks {
                servers.ask(0, many.into());
                asked += u64::from(many);
                prop_assert_eq!(servers.admitted, asked.min(share.size.unwrap()));
            }
        }

        /// Nobody is refused before the share is used up; beyond it, no more is let in than one step for each other server, and for each
        /// that was killed or forgot.
        #[test]
        fn several_are_off_by_a_step_each(steps in proptest::collection::vec(step(), 1..300), percent in 1..100_u32) {
            let percents = SharePercents { address: percent, ..SharePercents::default() };
            let share = Shares::new(Some(4_000), percents).of(PartitionKind::Address);
            let mut servers = Servers { known: vec![Spending::default(); 3], database: 0, admitted: 0, share };
            let size = share.size.unwrap();
            let mut slack = 2 * share.longest_step();
            for step in steps {
                match step {
                    Step::Ask(who, many) => {
                        let before = servers.admitted;
                        servers.ask(who, many.into());
                        let refused = before + u64::from(many) - servers.admitted;
                        prop_assert!(refused == 0 || servers.admitted >= size);
                    }
                    Step::Kill(who) | Step::Forget(who) => {
                        servers.known[who] = Spending::default();
                        slack += share.longest_step();
                    }
                    Step::Undo(who) => {
                        let known = &mut servers.known[who];
                        let before = *known;
                        let taken = known.take();
                        known.put_back(taken, 0);
                        prop_assert_eq!(*known, before);
                    }
                }
                prop_assert!(servers.admitted <= size + slack);
            }
        }
    }
}
