//! Whether a clock may decide what is old enough to be deleted.
//!
//! A clock that is a year ahead makes everything look old. So what deletes by age looks at the clock often, keeps what it
//! saw, and deletes nothing until the clock has gone on evenly for some hours. Why so: `docs/decisions/0013-clocks.md`.

use crate::Timestamp;

/// What was seen of the clock, by whichever server looked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SteadyClock {
    /// The latest time that was seen.
    pub seen_at: Timestamp,
    /// Since when it has gone on evenly.
    pub steady_since: Timestamp,
}

impl SteadyClock {
    /// How many seconds the clock may have gone on between two looks. Looks come every ten minutes.
    pub const LONGEST_STEP: i64 = 30 * 60;

    /// For how many seconds it must have gone on evenly.
    pub const TRUSTED_AFTER: i64 = 6 * 60 * 60;

    /// After another look. Servers take turns, and their clocks differ a little.
    #[must_use]
    pub fn seen(self, now: Timestamp) -> Self {
        let step = now.unix() - self.seen_at.unix();
        if (-Timestamp::SKEW_SECONDS..=Self::LONGEST_STEP).contains(&step) {
            Self { seen_at: self.seen_at.max(now), ..self }
        } else {
            Self { seen_at: now, steady_since: now }
        }
    }

    /// Whether what is old by this clock is old.
    pub fn is_trusted(self) -> bool {
        self.seen_at.unix() - self.steady_since.unix() >= Self::TRUSTED_AFTER
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const YEAR: i64 = 365 * 24 * 60 * 60;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(2 * YEAR + seconds).unwrap()
    }

    fn unknown() -> SteadyClock {
        SteadyClock { seen_at: Timestamp::MIN, steady_since: Timestamp::MIN }
    }

    #[test]
    fn a_clock_is_trusted_after_six_even_hours() {
        let mut clock = unknown();
        for minutes in (0..360).step_by(10) {
            clock = clock.seen(at(minutes * 60));
            assert!(!clock.is_trusted(), "{minutes}");
        }
        clock = clock.seen(at(360 * 60));
        assert!(clock.is_trusted());
        assert!(!clock.seen(at(360 * 60 + YEAR)).is_trusted(), "ahead");
        assert!(!clock.seen(at(360 * 60 + YEAR)).seen(at(360 * 60 + 75)).is_trusted(), "and right again");
        assert!(!clock.seen(at(360 * 60 - YEAR)).is_trusted(), "behind");
        assert!(clock.seen(at(360 * 60 - 30)).is_trusted(), "another server's");
    }

    proptest! {
        /// However servers look and however often a clock is wrong for less than six hours, whenever a clock is trusted it
        /// is not ahead.
        #[test]
        fn a_clock_that_is_wrong_for_a_while_is_never_trusted(
            steps in proptest::collection::vec((1_i64..=1_800, -1_i64..=12), 1..400),
        ) {
            let (mut clock, mut time, mut wrong_until, mut ahead) = (unknown(), 0_i64, -1_i64, false);
            for (step, kind) in steps {
                time += step;
                // It was seen to be right in between, or it was wrong for longer.
                if kind == 0 && time > wrong_until && !ahead {
                    wrong_until = time + SteadyClock::TRUSTED_AFTER - 1;
                }
                ahead = time < wrong_until;
                clock = clock.seen(at(if ahead { time + YEAR } else { time }));
                prop_assert!(!(ahead && clock.is_trusted()));
            }
        }
    }
}
