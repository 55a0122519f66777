//! Whole seconds since 1970, and their RFC 3339 form.

use alloc::{format, string::String};
use core::{fmt, time::Duration};

/// An instant: whole seconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// This crate reads no clock. On a machine with one:
///
/// ```
/// use keyward_token::UnixSeconds;
///
/// let now = UnixSeconds::from(std::time::UNIX_EPOCH.elapsed()?);
/// # assert!(now > UnixSeconds::new(1_700_000_000));
/// # Ok::<(), std::time::SystemTimeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(i64);

impl UnixSeconds {
    /// 1970-01-01T00:00:00Z, the earliest instant a token may carry.
    pub const MIN: Self = Self(0);
    /// 9999-12-31T23:59:59Z, the latest instant a token may carry.
    pub const MAX: Self = Self(253_402_300_799);

    /// The instant so many seconds after 1970-01-01T00:00:00Z.
    pub const fn new(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub const fn as_i64(self) -> i64 {
        self.0
    }

    /// The instant in UTC as `2026-11-21T04:35:47+00:00`, the form PASETO's documents use.
    /// `None` outside of [`MIN`](Self::MIN)..=[`MAX`](Self::MAX).
    pub fn to_rfc3339(self) -> Option<String> {
        if !(Self::MIN..=Self::MAX).contains(&self) {
            return None;
        }
        let (days, clock) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let (year, month, day) = civil(days);
        let (hour, minute, second) =
            (clock.div_euclid(3600), clock.div_euclid(60).rem_euclid(60), clock.rem_euclid(60));
        Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00"))
    }

    /// Reads `YYYY-MM-DDThh:mm:ss` followed by `Z` or `+00:00`: whole seconds, UTC, nothing else.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let text = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00"))?;
        let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2] =
            text.as_bytes()
        else {
            return None;
        };
        let (year, month, day) = (decimal(&[y1, y2, y3, y4])?, decimal(&[m1, m2])?, decimal(&[d1, d2])?);
        let (hour, minute, second) = (decimal(&[h1, h2])?, decimal(&[n1, n2])?, decimal(&[s1, s2])?);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = days(year, month, day);
        if civil(days) != (year, month, day) {
            return None; // a month or day that the calendar does not have
        }
        let seconds =
            [days.saturating_mul(DAY), hour.saturating_mul(3600), minute.saturating_mul(60), second];
        let instant = Self(seconds.iter().fold(0, |sum: i64, part| sum.saturating_add(*part)));
        (Self::MIN..=Self::MAX).contains(&instant).then_some(instant)
    }

    /// A plain decimal number of seconds within the range a token may carry.
    pub(crate) fn from_claim(seconds: u64) -> Option<Self> {
        let instant = Self(i64::try_from(seconds).ok()?);
        (Self::MIN..=Self::MAX).contains(&instant).then_some(instant)
    }

    #[cfg(any(feature = "clock-floor", feature = "status-list"))]
    pub(crate) fn saturating_add(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX)))
    }

    /// How many seconds after another instant this one is; none if it is before.
    pub(crate) fn seconds_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    pub(crate) fn saturating_sub(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(i64::try_from(seconds).unwrap_or(i64::MAX)))
    }
}

impl From<i64> for UnixSeconds {
    fn from(seconds: i64) -> Self {
        Self(seconds)
    }
}

/// From the time elapsed since 1970, cut to whole seconds.
impl From<Duration> for UnixSeconds {
    fn from(since_epoch: Duration) -> Self {
        Self(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_rfc3339() {
            Some(text) => f.write_str(&text),
            None => write!(f, "{} s after 1970", self.0),
        }
    }
}

const DAY: i64 = 86_400;

/// The date so many days after 1970-01-01, in the proleptic Gregorian calendar (Hinnant's `civil_from_days`).
#[allow(clippy::arithmetic_side_effects)] // callers stay within the years 0..=9999
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Days from 1970-01-01 to a date of four-digit year and two-digit month and day.
#[allow(clippy::arithmetic_side_effects)] // every part has four digits at most
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn decimal(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number: i64, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        Some(number.saturating_mul(10).saturating_add(i64::from(digit)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_goes_and_returns() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00+00:00"),
            (951_782_400, "2000-02-29T00:00:00+00:00"),
            (1_640_995_200, "2022-01-01T00:00:00+00:00"),
            (2_147_483_648, "2038-01-19T03:14:08+00:00"),
            (253_402_300_799, "9999-12-31T23:59:59+00:00"),
        ] {
            assert_eq!(UnixSeconds::new(seconds).to_rfc3339().unwrap(), text);
            assert_eq!(UnixSeconds::from_rfc3339(text), Some(UnixSeconds::new(seconds)));
        }
        for seconds in (0..253_402_300_799).step_by(86_399 * 37) {
            let instant = UnixSeconds::new(seconds);
            assert_eq!(UnixSeconds::from_rfc3339(&instant.to_rfc3339().unwrap()), Some(instant));
        }
        assert_eq!(UnixSeconds::new(-1).to_rfc3339(), None);
        assert_eq!(UnixSeconds::new(253_402_300_800).to_rfc3339(), None);
    }

    #[test]
    fn only_whole_seconds_of_utc_are_read() {
        assert!(UnixSeconds::from_rfc3339("2022-01-01T00:00:00Z").is_some());
        for text in [
            "",
            "Z",
            "2022-01-01",
            "2022-01-01T00:00:00",
            "2022-01-01 00:00:00Z",
            "2022-01-01t00:00:00z",
            "2022-01-01T00:00:00.5Z",
            "2022-01-01T00:00:00+01:00",
            "2022-01-01T00:00:00-00:00",
            "2021-02-29T00:00:00Z",
            "2022-13-01T00:00:00Z",
            "2022-00-01T00:00:00Z",
            "2022-04-31T00:00:00Z",
            "2022-01-01T24:00:00Z",
            "2016-12-31T23:59:60Z",
            "1969-12-31T23:59:59Z",
            "+022-01-01T00:00:00Z",
            "20220101T000000Z",
            "2022-01-01T00:00:00ZZ",
            " 2022-01-01T00:00:00Z",
            "2022-01-00T00:00:00Z",
        ] {
            assert_eq!(UnixSeconds::from_rfc3339(text), None, "{text}");
        }
    }
}
