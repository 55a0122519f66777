//! The host's clock, which may be wrong: what is told to the server is told by the server's.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The server's clock, as far as it is known: the host's and the difference between the two.
#[derive(Debug, Clone, Default)]
pub struct ServerClock {
    ahead: Arc<AtomicI64>,
}

impl ServerClock {
    /// With so many seconds between it and the host's.
    pub fn new(ahead: i64) -> Self {
        Self { ahead: Arc::new(AtomicI64::new(ahead)) }
    }

    /// How many seconds it is ahead of the host's.
    pub fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }

    /// The server has said what time it is; how far it is ahead by that.
    pub fn learn(&self, at: i64) -> i64 {
        let ahead = at.saturating_sub(host_now());
        // As much as an answer may take on its way.
        if ahead.saturating_sub(self.ahead()).saturating_abs() > 2 {
            self.ahead.store(ahead, Ordering::Relaxed);
        }
        self.ahead()
    }

    /// The time by it, in Unix seconds.
    pub fn now(&self) -> i64 {
        host_now().saturating_add(self.ahead())
    }
}

/// The time by the host's clock, in Unix seconds.
#[expect(clippy::disallowed_methods, reason = "the agent is where the time comes in")]
pub fn host_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
