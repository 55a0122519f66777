//! Points in time on the command line.

use anyhow::{Context as _, ensure};
use time::format_description::well_known::Rfc3339;
use time::macros::{date, format_description};
use time::{Date, OffsetDateTime};

const DAY: i64 = 24 * 60 * 60;
/// 9999-12-31T23:59:59Z, the last second that RFC 3339 can write.
const LAST: i64 = 253_402_300_799;

/// Unix seconds now.
#[expect(clippy::disallowed_methods, reason = "the program is the edge where the time enters")]
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Unix seconds from RFC 3339 or from plain seconds.
pub(crate) fn parse(text: &str) -> anyhow::Result<i64> {
    within(instant(text).context("give RFC 3339 such as 2027-01-31T12:00:00Z, or Unix seconds")?)
}

/// The start of something: an instant, or a day in UTC, which stands for its first second.
pub(crate) fn start(text: &str) -> anyhow::Result<i64> {
    day(text).map_or_else(|| bound(text), within)
}

/// The end of something: an instant, or a day in UTC, which is included.
pub(crate) fn end(text: &str) -> anyhow::Result<i64> {
    // The last day there is ends with the last second there is.
    let midnight = |day: i64| within(day).map(|day| day.saturating_add(DAY).min(LAST));
    day(text).map_or_else(|| bound(text), midnight)
}

/// So many days after an instant.
pub(crate) fn later(seconds: i64, days: u32) -> anyhow::Result<i64> {
    within(seconds.saturating_add(DAY.saturating_mul(days.into())))
}

fn bound(text: &str) -> anyhow::Result<i64> {
    let hint = "give a day such as 2027-01-31, RFC 3339 such as 2027-01-31T12:00:00Z, or Unix seconds";
    within(instant(text).context(hint)?)
}

fn instant(text: &str) -> Option<i64> {
    let seconds = text.parse().ok();
    seconds.or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp))
}

fn day(text: &str) -> Option<i64> {
    if text.len() != "2027-01-31".len() {
        return None;
    }
    let day = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
    Some((day - date!(1970 - 01 - 01)).whole_seconds())
}

fn within(seconds: i64) -> anyhow::Result<i64> {
    ensure!((0..=LAST).contains(&seconds), "lies outside the years 1970 to 9999");
    Ok(seconds)
}

/// RFC 3339 in UTC.
pub(crate) fn show(seconds: i64) -> String {
    let shown = OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|at| at.format(&Rfc3339).ok());
    shown.unwrap_or_else(|| seconds.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_day_named_as_the_end_is_included() {
        assert_eq!(show(start("2026-12-31").unwrap()), "2026-12-31T00:00:00Z");
        assert_eq!(show(end("2026-12-31").unwrap()), "2027-01-01T00:00:00Z");
        assert_eq!(show(end("2028-02-29").unwrap()), "2028-03-01T00:00:00Z");
        assert_eq!(show(later(end("2028-02-28").unwrap(), 1).unwrap()), "2028-03-01T00:00:00Z");
        assert_eq!(end("9999-12-31").unwrap(), LAST);
        assert_eq!(end("2026-12-31T10:00:00+02:00").unwrap(), parse("2026-12-31T08:00:00Z").unwrap());
    }

    #[test]
    fn what_is_beyond_the_range_is_refused() {
        let texts = ["9999-12-31T23:59:59-01:00", "1969-12-31", "-1", "9223372036854775807", "", "soon"];
        for text in texts {
            assert!(start(text).is_err() && end(text).is_err() && parse(text).is_err(), "{text}");
        }
        assert!(parse("2026-12-31").is_err(), "an instant is no day");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), seconds: i64) {
            for text in [text, seconds.to_string()] {
                let _ = (start(&text), end(&text), parse(&text), show(seconds), later(seconds, u32::MAX));
            }
        }
    }
}
