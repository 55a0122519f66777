//! Time as the domain keeps it: whole seconds, UTC, from 1970 to the end of year 9999.

use std::fmt;
use std::str::FromStr;

use ::time::format_description::well_known::Rfc3339;
use ::time::{OffsetDateTime, UtcOffset};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Invalid;

const SECONDS_OF_DAY: i64 = 24 * 60 * 60;

/// An instant in whole seconds since 1970-01-01T00:00:00Z; RFC 3339 as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const MIN: Self = Self(0);
    /// 9999-12-31T23:59:59Z, the last second that RFC 3339 can write.
    pub const MAX: Self = Self(253_402_300_799);

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
        let parsed = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| wrong())?.to_offset(UtcOffset::UTC);
        Self::from_unix(parsed.unix_timestamp())
            .ok_or_else(|| Invalid::new("time_out_of_range", "lies outside the years 1970 to 9999"))
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

#[cfg(test)]
mod tests {
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
}
