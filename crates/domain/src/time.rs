//! Time as the domain keeps it: whole seconds, UTC, from 1970 to the end of year 9999.

use std::fmt;
use std::str::FromStr;

use ::time::OffsetDateTime;
use ::time::format_description::well_known::Rfc3339;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Invalid;

mod bounds;

pub use bounds::{EndTime, StartTime};

const SECONDS_OF_DAY: i64 = 24 * 60 * 60;

/// An instant in whole seconds since 1970-01-01T00:00:00Z; RFC 3339 as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

crate::described!(shown Timestamp = crate::openapi::formatted("date-time"););

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const MIN: Self = Self(0);
    /// 9999-12-31T23:59:59Z, the last second that RFC 3339 can write.
    pub const MAX: Self = Self(253_402_300_799);

    /// By how many seconds the clocks of two servers, or of a server and who asks it, may differ.
    pub const SKEW_SECONDS: i64 = 60;

    /// The instant `seconds` after 1970, if it lies within [`MIN`](Self::MIN) and [`MAX`](Self::MAX).
    pub fn from_unix(seconds: i64) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0).contains(&seconds).then_some(Self(seconds))
    }

    /// Seconds since 1970.
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// Days since 1970, in UTC.
    pub const fn day(self) -> i64 {
        self.0 / SECONDS_OF_DAY
    }

    /// The day as people write it, in UTC: `2027-01-31`.
    pub fn date(self) -> String {
        self.to_string().chars().take(10).collect()
    }

    /// Seconds until the next day begins, in UTC.
    pub const fn seconds_to_midnight(self) -> i64 {
        SECONDS_OF_DAY - self.0 % SECONDS_OF_DAY
    }

    /// This instant moved by `seconds`, held within the range.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds).clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Whether it lies further ahead of `now` than clocks differ: then a wrong clock wrote it, or `now` is wrong.
    #[must_use]
    pub const fn is_ahead_of(self, now: Self) -> bool {
        self.0 > now.0.saturating_add(Self::SKEW_SECONDS)
    }

    /// This instant moved by `days` of 24 hours, held within the range.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        self.plus_seconds(days.saturating_mul(SECONDS_OF_DAY))
    }

    /// The same time of day one calendar year later; from 29 February, 28 February.
    #[must_use]
    pub fn plus_one_year(self) -> Self {
        let date = self.date_time();
        let year = date.year() + 1;
        let moved = date
            .replace_year(year)
            .or_else(|_| date.replace_day(28).and_then(|date| date.replace_year(year)));
        moved.map_or(Self::MAX, |date| Self(date.unix_timestamp().min(Self::MAX.0)))
    }

    fn date_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.0).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.date_time().format(&Rfc3339).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl FromStr for Timestamp {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("invalid_time", "is not an RFC 3339 time such as 2027-01-31T12:00:00Z");
        // Not moved to UTC: the last hours of the year 9999 are in the year 10000 elsewhere.
        let parsed = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| wrong())?;
        Self::from_unix(parsed.unix_timestamp()).ok_or_else(out_of_range)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

fn out_of_range() -> Invalid {
    Invalid::new("time_out_of_range", "lies outside the years 1970 to 9999")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_year_later_is_the_same_day_and_second() {
        assert_eq!(at("2026-11-21T08:30:15Z").plus_one_year(), at("2027-11-21T08:30:15Z"));
        assert_eq!(at("2028-02-29T00:00:00Z").plus_one_year(), at("2029-02-28T00:00:00Z"));
        assert_eq!(at("9999-06-01T00:00:00Z").plus_one_year(), Timestamp::MAX);
    }

    #[test]
    fn offsets_are_folded_to_utc_and_fractions_are_cut() {
        assert_eq!(at("2026-01-01T01:00:00.999+01:00").to_string(), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for text in ["", "2026-01-01", "2026-02-30T00:00:00Z", "1969-12-31T23:59:59Z", "1764000000"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_beyond_the_range_is_refused() {
        for text in ["9999-12-31T23:59:59-01:00", "1970-01-01T00:00:00+00:01", "0000-01-01T00:00:00+23:59"] {
            assert_eq!(text.parse::<Timestamp>().unwrap_err().code, "time_out_of_range", "{text}");
        }
        assert_eq!(at("9999-12-31T23:59:59+01:00").unix(), Timestamp::MAX.unix() - 3_600);
    }

    proptest! {
        #[test]
        fn nothing_panics(seconds: i64, by: i64, text in any::<String>()) {
            let _ = text.parse::<Timestamp>();
            let Some(at) = Timestamp::from_unix(seconds.rem_euclid(Timestamp::MAX.0 + 1)) else { return Ok(()) };
            for moved in [at.plus_seconds(by), at.plus_days(by), at.plus_one_year()] {
                prop_assert!((Timestamp::MIN..=Timestamp::MAX).contains(&moved));
                prop_assert_eq!(moved.to_string().parse::<Timestamp>().unwrap(), moved);
                prop_assert_eq!(moved.date().len(), 10);
            }
            prop_assert!((1..=SECONDS_OF_DAY).contains(&at.seconds_to_midnight()));
        }

        #[test]
        fn every_written_time_is_read_or_refused(
            year in 0..10_000_u32, month in 0..14_u32, day in 0..33_u32, hour in 0..25_u32, second in 0..62_u32,
            zone in -24..25_i32,
        ) {
            let sign = if zone < 0 { '-' } else { '+' };
            let zone = zone.abs();
            let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:00:{second:02}{sign}{zone:02}:00");
            if let Ok(at) = text.parse::<Timestamp>() {
                prop_assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at);
            }
        }
    }
}
