//! Slows down who guesses: so many tries of one kind in a quarter of an hour.

use std::collections::HashMap;
use std::sync::Mutex;

use keyward_domain::Timestamp;

const MOST_TRIES: u32 = 10;
/// Remembers tries; a full memory forgets the old ones.
pub struct Throttle {
    most: u32,
    tries: Mutex<HashMap<String, (Timestamp, u32)>>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self::of(MOST_TRIES)
    }
}

impl Throttle {
    /// How long tries are remembered.
    pub const WINDOW_SECONDS: i64 = 15 * 60;

    /// One that lets `most` tries pass.
    pub fn of(most: u32) -> Self {
        Self { most, tries: Mutex::default() }
    }

    /// Counts a try; whether it may go on.
    pub fn admits(&self, who: &str, now: Timestamp) -> bool {
        let Ok(mut tries) = self.tries.lock() else { return false };
        if tries.len() > 10_000 {
            tries.retain(|_, (since, _)| now < since.plus_seconds(Self::WINDOW_SECONDS));
        }
        let (since, count) = tries.entry(who.to_owned()).or_insert((now, 0));
        if now >= since.plus_seconds(Self::WINDOW_SECONDS) || now < *since {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= self.most
    }

    /// Forgets the tries of who got it right.
    pub fn forget(&self, who: &str) {
        if let Ok(mut tries) = self.tries.lock() {
            tries.remove(who);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_tries_in_a_quarter_of_an_hour() {
        let (throttle, start) = (Throttle::default(), Timestamp::from_unix(1_000_000).unwrap());
        assert!((0..10).all(|_| throttle.admits("a", start)));
        assert!(!throttle.admits("a", start) && throttle.admits("b", start));
        assert!(!throttle.admits("a", start.plus_seconds(899)));
        assert!(throttle.admits("a", start.plus_seconds(900)));
        throttle.forget("b");
        assert!((0..10).all(|_| throttle.admits("b", start)));
    }
}
