//! Starts and ends as people name them: an instant, or a day in UTC.
//!
//! A day that is named as an end is part of what ends: it ends with its last second. So the two are types of their own,
//! and a field that is an end can't be read as a start.

use std::fmt;
use std::str::FromStr;

use ::time::Date;
use ::time::macros::{date, format_description};

use super::{SECONDS_OF_DAY, Timestamp, out_of_range};
use crate::Invalid;

/// From when on something is: a day stands for its first second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StartTime(pub Timestamp);

/// From when on something is no longer: a day stands for the first second of the next, and so is included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndTime(pub Timestamp);

impl FromStr for StartTime {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        read(text, Timestamp::from_unix).map(Self)
    }
}

crate::described!(StartTime = day_or_instant(););

impl FromStr for EndTime {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // The last day there is ends with the last instant there is.
        let end = |midnight| Timestamp::from_unix(midnight).map(|start| start.plus_seconds(SECONDS_OF_DAY));
        read(text, end).map(Self)
    }
}

crate::described!(EndTime = day_or_instant(););

impl From<StartTime> for Timestamp {
    fn from(start: StartTime) -> Self {
        start.0
    }
}

impl From<EndTime> for Timestamp {
    fn from(end: EndTime) -> Self {
        end.0
    }
}

/// That it lies within the years 1970 to 9999 is said in words.
#[cfg(feature = "openapi")]
fn day_or_instant() -> serde_json::Value {
    use crate::openapi::formatted;

    serde_json::json!({"anyOf": [formatted("date"), formatted("date-time")]})
}

fn read(text: &str, of_midnight: impl FnOnce(i64) -> Option<Timestamp>) -> Result<Timestamp, Invalid> {
    match day(text) {
        Some(day) => of_midnight(day).ok_or_else(out_of_range),
        None => text.parse().map_err(|fault: Invalid| match fault.code {
            "invalid_time" => Invalid::new(
                "invalid_time",
                "is neither a day such as 2027-01-31 nor an RFC 3339 time such as 2027-01-31T12:00:00Z",
            ),
            _ => fault,
        }),
    }
}

/// Seconds from 1970 to the midnight at which the day `2027-01-31` begins.
fn day(text: &str) -> Option<i64> {
    // Years of more digits and signs are no days.
    if text.len() != "2027-01-31".len() {
        return None;
    }
    let day = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
    Some((day - date!(1970 - 01 - 01)).whole_seconds())
}

impl Timestamp {
    /// This instant as the end of something: the last day that is included, or day and time where it isn't the end of
    /// a day.
    pub fn as_end(self) -> impl fmt::Display {
        fmt::from_fn(move |f| {
            let whole = self == Self::MAX || (self.0 > 0 && self.0 % SECONDS_OF_DAY == 0);
            if whole { f.write_str(&self.plus_seconds(-1).date()) } else { self.day_and_time(f) }
        })
    }

    /// This instant as the start of something: the first day, or day and time where it isn't the start of a day.
    pub fn as_start(self) -> impl fmt::Display {
        fmt::from_fn(move |f| {
            if self.0 % SECONDS_OF_DAY == 0 { f.write_str(&self.date()) } else { self.day_and_time(f) }
        })
    }

    /// `2027-01-31 12:00 UTC`, with seconds where there are any.
    fn day_and_time(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_string();
        let shown = if self.0 % 60 == 0 { 16 } else { 19 };
        write!(f, "{} UTC", text.get(..shown).unwrap_or(&text).replace('T', " "))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start(text: &str) -> Timestamp {
        text.parse::<StartTime>().unwrap().0
    }

    fn end(text: &str) -> Timestamp {
        text.parse::<EndTime>().unwrap().0
    }

    #[test]
    fn a_day_named_as_the_end_is_included() {
        assert_eq!(end("2026-12-31").to_string(), "2027-01-01T00:00:00Z");
        assert_eq!(start("2026-12-31").to_string(), "2026-12-31T00:00:00Z");
        assert!(start("2028-02-29") < end("2028-02-29"));
        assert_eq!(end("2026-12-31T12:00:00+02:00").to_string(), "2026-12-31T10:00:00Z");
        assert_eq!(end("9999-12-31"), Timestamp::MAX);
    }

    #[test]
    fn what_was_typed_is_what_is_shown() {
        for day in ["1970-01-01", "2026-12-31", "2028-02-29", "9999-12-31"] {
            assert_eq!(end(day).as_end().to_string(), day);
            assert_eq!(start(day).as_start().to_string(), day);
        }
        assert_eq!(end("2026-12-31T10:30:00Z").as_end().to_string(), "2026-12-31 10:30 UTC");
        assert_eq!(start("2026-12-31T10:30:05Z").as_start().to_string(), "2026-12-31 10:30:05 UTC");
        assert_eq!(Timestamp::MIN.as_end().to_string(), "1970-01-01 00:00 UTC");
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in
            ["2027-02-29", "2027-1-31", "27-01-31", "20270131", "+027-01-31", "2027-01-31 ", "2027-13-01"]
        {
            assert_eq!(text.parse::<EndTime>().unwrap_err().code, "invalid_time", "{text}");
        }
        for text in ["1969-12-31", "0000-01-01", "9999-12-31T23:59:59-01:00"] {
            assert_eq!(text.parse::<EndTime>().unwrap_err().code, "time_out_of_range", "{text}");
            assert_eq!(text.parse::<StartTime>().unwrap_err().code, "time_out_of_range", "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_day_goes_and_returns(seconds in 0..=Timestamp::MAX.unix()) {
            let day = Timestamp::from_unix(seconds).unwrap().date();
            prop_assert_eq!(end(&day).as_end().to_string(), day.clone());
            prop_assert_eq!(start(&day).as_start().to_string(), day.clone());
            prop_assert!(start(&day).unix() <= seconds && seconds <= end(&day).unix());
        }

        #[test]
        fn no_text_panics(text in any::<String>(), days in "[0-9+-]{4}-[0-9]{2}-[0-9]{2}") {
            for text in [text, days] {
                let _ = (text.parse::<StartTime>(), text.parse::<EndTime>());
            }
        }
    }
}
