//! Who was refused too often. A client that asks again and again for what it may not have is answered from memory for
//! the rest of a minute: the database is not asked, and nothing more is written down. Whoever is let have something
//! begins anew, so that a client whose pulls are allowed never waits.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_domain::Timestamp;
use keyward_domain::registry::Host;

use crate::refusal::Refusal;

/// How many refusals are answered in full in a window.
const MOST: u32 = 120;

/// For how long refusals are counted, and how long one who had too many waits at most.
const WINDOW_SECONDS: i64 = 60;

/// The most bearers that are remembered.
const MOST_BEARERS: usize = 10_000;

/// The most bytes of a sentence that is told again.
const MOST_SENTENCE: usize = 300;

/// One credential at one host, by a hash whose key only this process has: the credential itself is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Bearer(u64);

/// Counts refusals, for all workers of a server together.
#[derive(Default)]
pub(crate) struct Refusals {
    hasher: RandomState,
    counts: Mutex<HashMap<Bearer, Count>>,
}

struct Count {
    since: Timestamp,
    times: u32,
    last: String,
}

impl Count {
    fn is_over(&self, now: Timestamp) -> bool {
        now >= self.since.plus_seconds(WINDOW_SECONDS) || now < self.since
    }
}

impl Refusals {
    fn bearer(&self, host: &Host, password: &str) -> Bearer {
        Bearer(self.hasher.hash_one((host.as_str(), password)))
    }

    /// Whoever shows this at a host, unless they were refused too often.
    pub(crate) fn meet(&self, host: &Host, password: &str, now: Timestamp) -> Result<Bearer, Refusal> {
        let bearer = self.bearer(host, password);
        self.standing(bearer, now).map_or(Ok(bearer), Err)
    }

    /// What a bearer who was refused too often is told, without another look.
    fn standing(&self, bearer: Bearer, now: Timestamp) -> Option<Refusal> {
        let counts = self.counts();
        let count = counts.get(&bearer).filter(|count| count.times >= MOST && !count.is_over(now))?;
        let left = count.since.plus_seconds(WINDOW_SECONDS).unix() - now.unix();
        Some(Refusal::refused_too_often(&count.last, left.max(1)))
    }

    /// Counts a refusal.
    pub(crate) fn count(&self, bearer: Bearer, refusal: &Refusal, now: Timestamp) {
        let mut counts = self.counts();
        if counts.len() >= MOST_BEARERS {
            counts.retain(|_, count| !count.is_over(now));
        }
        if counts.len() >= MOST_BEARERS {
            counts.clear();
        }
        let count = counts.entry(bearer).or_insert(Count { since: now, times: 0, last: String::new() });
        if count.is_over(now) {
            (count.since, count.times) = (now, 0);
        }
        count.times = count.times.saturating_add(1);
        if count.times >= MOST {
            count.last = cut(&refusal.message).to_owned();
        }
    }

    /// Begins anew for one who was let have something.
    pub(crate) fn forget(&self, bearer: Bearer) {
        self.counts().remove(&bearer);
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Bearer, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cut(sentence: &str) -> &str {
    let end = sentence.floor_char_boundary(MOST_SENTENCE);
    sentence.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_was_refused_too_often_waits_for_the_rest_of_a_minute() {
        let (refusals, start) = (Refusals::default(), Timestamp::from_unix(1_000_000).unwrap());
        let host: Host = "r.acme.example".parse().unwrap();
        let (one, other) = (refusals.bearer(&host, "a"), refusals.bearer(&host, "b"));
        let refusal = Refusal::denied("your license does not include x".repeat(20));
        for _ in 0..MOST {
            assert_eq!(refusals.standing(one, start), None);
            refusals.count(one, &refusal, start);
        }
        let told = refusals.standing(one, start.plus_seconds(20)).unwrap();
        assert_eq!(told.status, actix_web::http::StatusCode::TOO_MANY_REQUESTS);
        assert!(told.message.contains("does not include x") && told.message.len() < 400);
        assert_eq!(refusals.standing(other, start), None);
        let elsewhere = refusals.bearer(&"r.other.example".parse().unwrap(), "a");
        assert_eq!(refusals.standing(elsewhere, start), None, "of another registry");
        assert_eq!(refusals.standing(one, start.plus_seconds(WINDOW_SECONDS)), None, "over");
        refusals.forget(one);
        assert_eq!(refusals.standing(one, start), None, "let have something");
    }

    #[test]
    fn memory_is_bounded() {
        let (refusals, now) = (Refusals::default(), Timestamp::from_unix(1_000_000).unwrap());
        for number in 0..2 * MOST_BEARERS as u64 {
            refusals.count(Bearer(number), &Refusal::denied("no"), now);
        }
        assert!(refusals.counts().len() <= MOST_BEARERS);
    }
}
