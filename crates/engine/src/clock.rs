//! What the engine must be given: the time, and randomness.

use keyward_domain::Timestamp;

/// Tells the time. The server's reads the machine's; a test's is set by hand.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, for the order of ids.
    fn unix_millis(&self) -> u64;

    /// The instant in whole seconds.
    fn now(&self) -> Timestamp {
        let seconds = i64::try_from(self.unix_millis() / 1_000).unwrap_or(i64::MAX);
        Timestamp::from_unix(seconds).unwrap_or(Timestamp::MAX)
    }
}

/// Fills bytes that nobody can guess. The server's are the machine's; a test's follow from a seed.
pub trait Entropy: Send + Sync {
    /// Fills all of `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}
