//! What each agent has asked lately: how often, and by which requests, so that none counts twice on this server.
//!
//! Another server does not know of them. A request that is sent again there changes nothing all the same: reports are known by
//! their numbers, keys are replaced only by what the present ones have signed, and a join code is spent once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use keyward_domain::{AgentId, Timestamp};
use keyward_protocol::signed::{JTI_SECONDS, MOST_SKEW};
use keyward_protocol::{MOST_ENDS_AN_HOUR, MOST_REQUESTS_A_MINUTE};
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};

use super::AgentRefusal;
use crate::Error;

/// Of how many agents it is remembered.
const MOST_AGENTS: usize = 50_000;

/// After how many seconds it is written down again that an agent was there.
const SEEN_SECONDS: i64 = 60;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

/// Of all agents that have asked lately.
pub(super) struct RecentRequests(Cache<AgentId, Arc<Mutex<Recent>>>);

#[derive(Default)]
struct Recent {
    /// When each request came, and the hash of its `jti`: never more than so many in two minutes.
    requests: VecDeque<(i64, [u8; 16])>,
    /// When it told of how many ends: of each, the vendor is told in turn.
    ends: VecDeque<(i64, u32)>,
    seen_at: Option<i64>,
}

impl Default for RecentRequests {
    fn default() -> Self {
        Self(Cache::new(MOST_AGENTS))
    }
}

impl RecentRequests {
    /// Takes a request whose signature is good.
    pub(super) fn take(
        &self,
        agent: AgentId,
        signed_at: i64,
        jti: &str,
        now: Timestamp,
    ) -> Result<(), AgentRefusal> {
        let recent = self.of(agent);
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.take(signed_at, jti, now.unix())
    }

    /// Whether it is to be written down that an agent was there.
    pub(super) fn is_news(&self, agent: AgentId, now: Timestamp) -> bool {
        let recent = self.of(agent);
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now.unix();
        let known = recent.seen_at.is_some_and(|at| (at..at + SEEN_SECONDS).contains(&now));
        if !known {
            recent.seen_at = Some(now);
        }
        !known
    }

    /// Whether an agent may tell of another end. One report may tell of more than are left, or what has gathered in a long time could
    /// never be told.
    pub(super) fn may_tell(&self, agent: AgentId, now: Timestamp) -> Result<(), Error> {
        let recent = self.of(agent);
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.may_tell(now.unix()).map_err(|retry_after| Error::TooManyEnds { retry_after })
    }

    /// Counts ends that were told.
    pub(super) fn told(&self, agent: AgentId, ends: u32, now: Timestamp) {
        let recent = self.of(agent);
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.ends.push_back((now.unix(), ends));
    }

    fn of(&self, agent: AgentId) -> Arc<Mutex<Recent>> {
        let made = self.0.get_or_insert_with(&agent, || Ok::<_, std::convert::Infallible>(Arc::default()));
        made.unwrap_or_else(|never| match never {})
    }
}

impl Recent {
    fn take(&mut self, signed_at: i64, jti: &str, now: i64) -> Result<(), AgentRefusal> {
        // A clock that was set back forgets what it thinks is to come: those requests count for no time that is near.
        self.requests.retain(|(at, _)| (now - JTI_SECONDS..=now + MOST_SKEW).contains(at));
        let lately = self.requests.iter().filter(|(at, _)| *at > now - MINUTE);
        let (mut count, mut first) = (0, now);
        for (at, _) in lately {
            count += 1;
            first = first.min(*at);
        }
        if count >= MOST_REQUESTS_A_MINUTE {
            return Err(AgentRefusal::TooMany { retry_after: (first + MINUTE - now).max(1) });
        }
        if !(now - MOST_SKEW..=now + MOST_SKEW).contains(&signed_at) {
            // Counted, or a wrong clock would cost a signature each.
            self.requests.push_back((now, hash(jti)));
            return Err(AgentRefusal::ClockSkew);
        }
        let hash = hash(jti);
        if self.requests.iter().any(|(_, known)| *known == hash) {
            return Err(AgentRefusal::Replayed);
        }
        self.requests.push_back((now, hash));
        Ok(())
    }

    /// Whether there is room for another end, or in how many seconds there is.
    fn may_tell(&mut self, now: i64) -> Result<(), i64> {
        self.ends.retain(|(at, _)| (now - HOUR + 1..=now).contains(at));
        let told: u32 = self.ends.iter().map(|(_, ends)| ends).sum();
        match self.ends.front() {
            Some((first, _)) if told >= MOST_ENDS_AN_HOUR => Err(first + HOUR - now),
            Some(_) | None => Ok(()),
        }
    }
}

fn hash(jti: &str) -> [u8; 16] {
    let mut hash = [0; 16];
    hash.copy_from_slice(&Sha256::digest(jti)[..16]);
    hash
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_counts_once() {
        let mut recent = Recent::default();
        assert_eq!(recent.take(1_000, "a", 1_000), Ok(()));
        assert_eq!(recent.take(1_000, "a", 1_001), Err(AgentRefusal::Replayed));
        assert_eq!(recent.take(1_000, "b", 1_060), Ok(()));
        assert_eq!(recent.take(1_000, "c", 1_061), Err(AgentRefusal::ClockSkew));
        assert_eq!(recent.take(1_061, "a", 1_061), Err(AgentRefusal::Replayed));
        assert_eq!(recent.take(1_122, "d", 1_061), Err(AgentRefusal::ClockSkew));
        assert_eq!(recent.take(1_000_000, "e", 1_000_000), Ok(()));
        assert_eq!(recent.take(1_000, "f", 1_000), Ok(()), "the clock was set back");
    }

    #[test]
    fn sixty_in_a_minute() {
        let mut recent = Recent::default();
        for number in 0..60 {
            assert_eq!(recent.take(1_000, &number.to_string(), 1_000), Ok(()));
        }
        let many = AgentRefusal::TooMany { retry_after: 30 };
        assert_eq!(recent.take(1_030, "x", 1_030), Err(many));
        assert_eq!(recent.take(1_060, "x", 1_060), Ok(()));
    }

    #[test]
    fn ends_are_told_again_when_their_hour_is_over() {
        let mut recent = Recent::default();
        assert_eq!(recent.may_tell(0), Ok(()));
        recent.ends.extend([(0, MOST_ENDS_AN_HOUR - 1), (10, 1_000)]);
        assert_eq!(recent.may_tell(10), Err(3_590));
        assert_eq!(recent.may_tell(3_600), Err(10), "more were told at once than were left");
        assert_eq!(recent.may_tell(3_610), Ok(()));
        recent.ends.push_back((9_000_000, MOST_ENDS_AN_HOUR));
        assert_eq!(recent.may_tell(3_611), Ok(()), "the clock was set back");
    }

    proptest! {
        #[test]
        fn nothing_is_taken_twice_and_memory_is_bounded(steps in prop::collection::vec((0_u8..40, 0_i64..20, -70_i64..70), 1..400)) {
            let (mut recent, mut now, mut taken) = (Recent::default(), 1_000_000, std::collections::HashMap::new());
            for (jti, later, skew) in steps {
                now += later;
                let signed_at = now + skew;
                if recent.take(signed_at, &jti.to_string(), now).is_ok() {
                    prop_assert!(skew.abs() <= MOST_SKEW);
                    // The very same request again: it was signed at one instant.
                    let before = taken.insert(jti, now);
                    prop_assert!(before.is_none_or(|before| now - before > JTI_SECONDS));
                }
                prop_assert!(recent.requests.len() <= 3 * MOST_REQUESTS_A_MINUTE as usize);
            }
        }
    }
}
