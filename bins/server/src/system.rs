//! The machine's clock and randomness: the edge where they enter.

use std::time::{SystemTime, UNIX_EPOCH};

use keyward_engine::{Clock, Entropy};

/// The machine's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the edge where the time enters")]
    fn unix_millis(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The machine's randomness.
pub(crate) struct SystemEntropy;

impl SystemEntropy {
    /// Fills `bytes`. A machine without randomness can't make keys, so nothing goes on without it.
    #[expect(clippy::expect_used, reason = "going on without randomness would make keys that can be guessed")]
    pub(crate) fn bytes(bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives no random bytes");
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        Self::bytes(bytes);
    }
}
