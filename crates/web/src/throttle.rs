//! Slows down who guesses: so many tries of one kind in a quarter of an hour, on this server. Tries to give a password are
//! counted for all servers besides, in the engine.

use std::hash::{BuildHasher as _, RandomState};

use keyward_domain::{Address, Timestamp};
use quick_cache::sync::{Cache, EntryAction, EntryResult};

/// How many tries there are, unless it is said otherwise.
const MOST_TRIES: u32 = 10;

/// How many keys are remembered. 24 bytes each; the least used give way to new ones.
const MOST_KEYS: usize = 32_768;

/// The tries of one key.
#[derive(Debug, Clone, Copy)]
struct Tries {
    since: Timestamp,
    count: u32,
}

/// Remembers tries by the hash of who tries, under a key that nobody can know: what is remembered has one size, however
/// long the names are.
pub struct Throttle {
    most: u32,
    hasher: RandomState,
    tries: Cache<u64, Tries>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self::of(MOST_TRIES)
    }
}

impl Throttle {
    /// How long tries are remembered, from the first one on.
    pub const WINDOW_SECONDS: i64 = 15 * 60;

    /// One that lets `most` tries pass.
    pub fn of(most: u32) -> Self {
        Self::with_room(most, MOST_KEYS)
    }

    fn with_room(most: u32, keys: usize) -> Self {
        Self { most, hasher: RandomState::new(), tries: Cache::new(keys) }
    }

    /// Who an address counts as: for IPv6 its /64, which one household gets.
    pub fn network(address: Address) -> String {
        address.counted(true).to_string()
    }

    /// Counts a try, if it may go on; whether it may.
    pub fn admits(&self, who: &str, now: Timestamp) -> bool {
        let most = self.most;
        let entry = self.tries.entry(&self.key(who), None, |_, tries| {
            if !tries.is_present(now) {
                *tries = Tries { since: now, count: 0 };
            }
            let admitted = tries.count < most;
            tries.count += u32::from(admitted);
            EntryAction::Retain(admitted)
        });
        match entry {
            EntryResult::Retained(admitted) => admitted,
            EntryResult::Vacant(place) => {
                // It fails only if the place was given up meanwhile, which nothing does.
                let _ = place.insert(Tries { since: now, count: most.min(1) });
                most > 0
            }
            EntryResult::Removed(..) | EntryResult::Replaced(..) | EntryResult::Timeout => false,
        }
    }

    /// In how many seconds another try is worth it, after one that was not admitted.
    pub fn retry_after(&self, who: &str, now: Timestamp) -> i64 {
        let tries = self.tries.peek(&self.key(who)).filter(|tries| tries.is_present(now));
        tries.map_or(1, |tries| (tries.since.unix() + Self::WINDOW_SECONDS - now.unix()).max(1))
    }

    /// Takes one try back, which was none.
    pub fn take_back(&self, who: &str) {
        self.tries.entry(&self.key(who), None, |_, tries| {
            tries.count = tries.count.saturating_sub(1);
            EntryAction::Retain(())
        });
    }

    /// Forgets the tries of who got it right. For a name that only who tries can have: never for an address, from which
    /// others try as well.
    pub fn forget(&self, who: &str) {
        self.tries.remove(&self.key(who));
    }

    fn key(&self, who: &str) -> u64 {
        self.hasher.hash_one(who)
    }
}

impl Tries {
    /// Whether the window still runs. One of the far future was begun by a wrong clock.
    fn is_present(&self, now: Timestamp) -> bool {
        let age = now.unix() - self.since.unix();
        (-Throttle::WINDOW_SECONDS..Throttle::WINDOW_SECONDS).contains(&age)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_000_000 + seconds).unwrap()
    }

    #[test]
    fn ten_tries_in_a_quarter_of_an_hour() {
        let throttle = Throttle::default();
        assert!((0..10).all(|_| throttle.admits("a", at(0))));
        assert!(!throttle.admits("a", at(0)) && throttle.admits("b", at(0)));
        assert!(!throttle.admits("a", at(899)));
        assert_eq!(throttle.retry_after("a", at(899)), 1);
        assert!(throttle.admits("a", at(900)));
        throttle.forget("b");
        assert!((0..10).all(|_| throttle.admits("b", at(0))));
    }

    #[test]
    fn a_household_counts_as_one() {
        let network = |text: &str| Throttle::network(Address::new(text.parse().unwrap()));
        assert_eq!(network("2001:db8::1"), network("2001:db8::2"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }

    #[test]
    fn it_does_not_grow() {
        let throttle = Throttle::with_room(10, 100);
        for number in 0..100_000 {
            throttle.admits(&format!("{number}"), at(0));
        }
        assert!(throttle.tries.len() <= 100, "{}", throttle.tries.len());
    }

    #[test]
    fn of_many_at_once_ten_pass() {
        let throttle = Throttle::default();
        let passed = std::thread::scope(|scope| {
            let tries = || (0..1_000).filter(|_| throttle.admits("a", at(0))).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(tries)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(passed, 10);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Try(u8),
        TakeBack(u8),
        Forget(u8),
        Wait(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (0_u8..4).prop_map(Step::Try),
            1 => (0_u8..4).prop_map(Step::TakeBack),
            1 => (0_u8..4).prop_map(Step::Forget),
            2 => (0_i64..500).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #[test]
        fn it_counts_as_a_plain_map_would(steps in prop::collection::vec(step(), 1..200)) {
            let (throttle, mut model, mut now) = (Throttle::of(3), HashMap::<u8, (i64, u32)>::new(), 0);
            for step in steps {
                match step {
                    Step::Try(who) => {
                        let (since, count) = model.entry(who).or_insert((now, 0));
                        if now >= *since + 900 {
                            (*since, *count) = (now, 0);
                        }
                        let admitted = *count < 3;
                        *count += u32::from(admitted);
                        prop_assert_eq!(throttle.admits(&who.to_string(), at(now)), admitted);
                    }
                    Step::TakeBack(who) => {
                        throttle.take_back(&who.to_string());
                        model.entry(who).and_modify(|(_, count)| *count = count.saturating_sub(1));
                    }
                    Step::Forget(who) => {
                        throttle.forget(&who.to_string());
                        model.remove(&who);
                    }
                    Step::Wait(seconds) => now += seconds,
                }
            }
        }
    }
}
