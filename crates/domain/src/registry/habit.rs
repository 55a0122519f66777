//! What is usual for a registry key, and what is not.
//!
//! A key is known in a network (the /24 or /48 of an address) from its first use on, if it is the first network of all;
//! from its first push or deletion on, which is told; or a day after its first pull. So one who has found a key can't
//! make a place known by pulling there first, and a build machine that moves is told of once.

use super::event::Operation;
use crate::{Finding, Timestamp};

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

/// For how long a network stays known after the last use.
pub const KNOWN_SECONDS: i64 = 90 * DAY;

/// How long after the first pull a network is known.
pub const SETTLING_SECONDS: i64 = DAY;

/// With how many hours before an hour is compared.
pub const PAST_HOURS: i64 = 30 * 24;

/// So many different requests refused within an hour are unusual. One that is tried again and again is a machine whose
/// license has ended, or whose key was revoked, and no search for what can be had.
pub const REFUSALS: u32 = 20;

/// How many times the busiest hour before is unusual.
const FACTOR: u32 = 5;

/// How a key stands with one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// From when on it is known there.
    pub known_from: Timestamp,
    /// When it was last used there, to the hour.
    pub last_at: Timestamp,
}

impl Footprint {
    /// How a key stands with a network after it was used there, and whether that is unexpected. `before` is how it
    /// stood, `first` whether it was never used anywhere, `changes` whether it pushed or deleted.
    pub fn after(before: Option<Self>, first: bool, changes: bool, now: Timestamp) -> (Self, bool) {
        match before.filter(|before| now < before.last_at.plus_seconds(KNOWN_SECONDS)) {
            Some(before) => {
                // What was used since it became known is known, wherever the clock was put meanwhile.
                let known = now.max(before.last_at) >= before.known_from;
                let recent = now < before.last_at.plus_seconds(HOUR);
                let known_from = if known || !changes { before.known_from } else { now };
                (Self { known_from, last_at: if recent { before.last_at } else { now } }, changes && !known)
            }
            None => {
                let known_from = if first || changes { now } else { now.plus_seconds(SETTLING_SECONDS) };
                (Self { known_from, last_at: now }, changes && !first)
            }
        }
    }
}

/// More than this within an hour is unusual after a month whose busiest hour had `busiest`.
pub fn threshold(operation: Operation, busiest: u32) -> u32 {
    let floor = match operation {
        Operation::Pull | Operation::Token => 1_000,
        Operation::Push => 100,
        Operation::Delete => 50,
    };
    busiest.saturating_mul(FACTOR).max(floor)
}

/// Whether `count` times within an hour is unusual after a month whose busiest hour had `busiest`.
pub fn volume(operation: Operation, count: u32, busiest: u32) -> Option<Finding> {
    (count > threshold(operation, busiest)).then_some(Finding::HighVolume {
        operation,
        count,
        usual: busiest,
    })
}

/// Whether refusals of `count` different requests within an hour are unusual.
pub fn refusals(count: u32) -> Option<Finding> {
    (count >= REFUSALS).then_some(Finding::ManyRefusals { count })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_000_000_000).unwrap().plus_seconds(seconds)
    }

    /// Uses of one network one after another: when, and whether something was changed. Gives what was unexpected.
    fn uses(first: bool, uses: &[(i64, bool)]) -> Vec<bool> {
        let mut footprint = None;
        uses.iter()
            .enumerate()
            .map(|(index, (seconds, changes))| {
                let (next, unexpected) =
                    Footprint::after(footprint, first && index == 0, *changes, at(*seconds));
                footprint = Some(next);
                unexpected
            })
            .collect()
    }

    #[test]
    fn places_become_known() {
        let (pull, push) = (false, true);
        for (first, when, expected) in [
            // The first place of all is known.
            (true, vec![(0, push), (1, push)], vec![false, false]),
            (true, vec![(0, pull), (1, push)], vec![false, false]),
            // Another is told of once.
            (false, vec![(0, push), (1, push), (DAY, push)], vec![true, false, false]),
            // Pulling there first does not hide it, until a day has passed.
            (false, vec![(0, pull), (60, push), (61, push)], vec![false, true, false]),
            (false, vec![(0, pull), (DAY - 1, push)], vec![false, true]),
            (false, vec![(0, pull), (DAY, push)], vec![false, false]),
            // After 90 days it is forgotten.
            (true, vec![(0, push), (KNOWN_SECONDS - 1, push)], vec![false, false]),
            (true, vec![(0, push), (KNOWN_SECONDS, push)], vec![false, true]),
            (
                true,
                vec![(0, push), (KNOWN_SECONDS, pull), (KNOWN_SECONDS + 1, push)],
                vec![false, false, true],
            ),
            // A clock that is put back a year makes nothing unexpected that was known.
            (true, vec![(0, push), (-365 * DAY, push)], vec![false, false]),
            (false, vec![(0, push), (-365 * DAY, push)], vec![true, false]),
            (false, vec![(0, pull), (-365 * DAY, push)], vec![false, true]),
        ] {
            assert_eq!(uses(first, &when), expected, "{first} {when:?}");
        }
    }

    #[test]
    fn volumes_are_told_above_a_floor_and_above_what_was() {
        for (operation, count, busiest, told) in [
            (Operation::Push, 100, 0, false),
            (Operation::Push, 101, 0, true),
            (Operation::Push, 101, 20, true),
            (Operation::Push, 101, 21, false),
            (Operation::Push, 106, 21, true),
            (Operation::Pull, 1_000, 3, false),
            (Operation::Pull, 1_001, 3, true),
            (Operation::Delete, 51, 0, true),
            (Operation::Pull, u32::MAX, u32::MAX, false),
        ] {
            assert_eq!(volume(operation, count, busiest).is_some(), told, "{operation} {count} {busiest}");
        }
        assert_eq!((refusals(19), refusals(20).is_some()), (None, true));
    }

    proptest! {
        #[test]
        fn an_unexpected_place_is_told_once(gaps in proptest::collection::vec((0..KNOWN_SECONDS - HOUR, any::<bool>()), 1..40)) {
            let mut now = 0;
            let when: Vec<_> = gaps.into_iter().map(|(gap, changes)| { now += gap; (now, changes) }).collect();
            let told = uses(false, &when).into_iter().filter(|told| *told).count();
            prop_assert!(told <= 1, "{told}");
            prop_assert!(uses(true, &when).iter().all(|told| !told), "the first place is known");
        }

        #[test]
        fn a_pull_is_never_unexpected(first: bool, known_from in 0_i64..1_000_000, last_at in 0_i64..1_000_000, now in 0_i64..20_000_000) {
            let before = Footprint { known_from: at(known_from), last_at: at(last_at) };
            for before in [None, Some(before)] {
                prop_assert!(!Footprint::after(before, first, false, at(now)).1);
            }
        }
    }
}
