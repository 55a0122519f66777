//! Points in time on the command line.

use anyhow::Context as _;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Unix seconds now.
#[expect(clippy::disallowed_methods, reason = "the program is the edge where the time enters")]
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Unix seconds from RFC 3339 or from plain seconds.
pub(crate) fn parse(text: &str) -> anyhow::Result<i64> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let parsed = OffsetDateTime::parse(text, &Rfc3339);
    Ok(parsed.context("give RFC 3339 such as 2027-01-31T12:00:00Z, or Unix seconds")?.unix_timestamp())
}

/// RFC 3339 in UTC.
pub(crate) fn show(seconds: i64) -> String {
    let shown = OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|at| at.format(&Rfc3339).ok());
    shown.unwrap_or_else(|| seconds.to_string())
}
