//! How long to leave a server alone that is in trouble.

use std::time::Duration;

/// Grows from 5 seconds to 5 minutes; each agent waits for a while of its own, so that they don't all come back at once.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

const FIRST: Duration = Duration::from_secs(5);
const MOST: Duration = Duration::from_secs(300);

impl Backoff {
    /// It has answered.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Whether all has been well lately.
    pub(super) fn is_calm(&self) -> bool {
        self.failures == 0
    }

    /// How long to wait after another failure: between a half and all of what is due.
    pub(super) fn next(&mut self) -> Duration {
        let due = FIRST.saturating_mul(1 << self.failures.min(6)).min(MOST);
        self.failures = self.failures.saturating_add(1);
        jitter(due)
    }
}

/// Something between a half and all of a duration.
pub(super) fn jitter(duration: Duration) -> Duration {
    let mut random = [0_u8; 2];
    // Without randomness it is all of it.
    let _ = getrandom::fill(&mut random);
    let part = u32::from(u16::from_le_bytes(random));
    duration.saturating_sub(duration / 2 * part / 65_536)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_to_five_minutes_and_begins_anew() {
        let mut backoff = Backoff::default();
        let mut due = FIRST;
        for _ in 0..20 {
            let wait = backoff.next();
            assert!(wait <= due && wait >= due / 2, "{wait:?} of {due:?}");
            due = (due * 2).min(MOST);
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
