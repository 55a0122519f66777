//! How far a sink has come in a chain.

use crate::Timestamp;

/// For how many seconds a syslog receiver may still lose what it has read, if it is killed.
pub const SETTLED_AFTER: i64 = 10;

/// A place in a chain: what was sent up to there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reached {
    /// The number of the last event.
    pub seq: i64,
    /// The number that the last checkpoint signs.
    pub signed: i64,
}

/// How far a sink has come in the chain of one organization.
///
/// Syslog has no answer that a message was kept: what a receiver has read and not yet written is lost if it is killed. So where a
/// connection breaks off, the sink goes back to what was taken [`SETTLED_AFTER`] seconds before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SinkCursor {
    /// What the sink has taken.
    pub reached: Reached,
    /// When it had taken that, in seconds since 1970.
    pub reached_at: i64,
    /// What it had taken at some time before that.
    pub mark: Reached,
    /// When that was.
    pub mark_at: i64,
    /// What it had taken long before.
    pub settled: Reached,
}

impl SinkCursor {
    /// At the beginning, or behind what is not to be sent.
    pub fn at(reached: Reached) -> Self {
        Self { reached, mark: reached, settled: reached, reached_at: 0, mark_at: 0 }
    }

    /// After the sink has taken more.
    #[must_use]
    pub fn advanced(self, reached: Reached, now: Timestamp) -> Self {
        let (now, settled) = (now.unix(), self.settled(now));
        // The mark moves on once it is settled, so that there is always one that is soon to be.
        let moves = self.mark <= settled;
        let (mark, mark_at) = if moves { (self.reached, self.reached_at) } else { (self.mark, self.mark_at) };
        Self { reached, reached_at: now, mark, mark_at, settled }
    }

    /// After a connection has broken off: from there on it is sent again.
    #[must_use]
    pub fn rewound(self, now: Timestamp) -> Self {
        Self::at(self.settled(now))
    }

    /// What no receiver loses any more.
    fn settled(self, now: Timestamp) -> Reached {
        let old = |at: i64| now.unix() - at >= SETTLED_AFTER;
        match (old(self.reached_at), old(self.mark_at)) {
            (true, _) => self.reached,
            (false, true) => self.mark.max(self.settled),
            (false, false) => self.settled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_767_225_600 + seconds).unwrap()
    }

    fn reached(seq: i64) -> Reached {
        Reached { seq, signed: 0 }
    }

    #[test]
    fn what_was_taken_long_ago_is_not_sent_again() {
        let cursor = SinkCursor::at(reached(7)).advanced(reached(9), at(0));
        assert_eq!(cursor.rewound(at(SETTLED_AFTER - 1)).reached, reached(7));
        assert_eq!(cursor.rewound(at(SETTLED_AFTER)).reached, reached(9));
    }

    #[test]
    fn what_has_settled_stays_so() {
        let cursor =
            SinkCursor::default().advanced(reached(2), at(0)).advanced(reached(3), at(SETTLED_AFTER));
        assert_eq!(cursor.rewound(at(SETTLED_AFTER)).reached, reached(2));
        let cursor = cursor.advanced(reached(4), at(SETTLED_AFTER + 1));
        assert_eq!(cursor.rewound(at(SETTLED_AFTER + 1)).reached, reached(2));
        assert_eq!(cursor.rewound(at(2 * SETTLED_AFTER)).reached, reached(3));
    }

    #[test]
    fn of_a_steady_stream_the_last_seconds_are_sent_again() {
        let mut cursor = SinkCursor::default();
        for second in 0..100 {
            cursor = cursor.advanced(reached(second + 1), at(second));
            let back = second + 1 - cursor.rewound(at(second)).reached.seq;
            assert!(back >= SETTLED_AFTER.min(second + 1), "{second}: {back}");
            assert!(back <= 2 * SETTLED_AFTER + 2, "{second}: {back}");
        }
        let back = cursor.rewound(at(99));
        assert_eq!(back.rewound(at(99)), back, "once");
    }

    #[test]
    fn a_clock_that_is_set_back_sends_again_rather_than_too_little() {
        let cursor = SinkCursor::at(reached(1)).advanced(reached(5), at(1_000));
        assert_eq!(cursor.rewound(at(0)).reached, reached(1));
    }
}
