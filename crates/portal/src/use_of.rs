//! What licenses are used for: a part of the pages of licenses and customers, the vendor's and the customer's own.

use keyward_domain::Timestamp;
use keyward_domain::license_use::{DAYS, SeenVersion, UseDay, UseDays, sum};
use keyward_engine::{CustomerUse, LicenseUse};

use crate::chart::Chart;
use crate::console::artifacts::size;
use crate::page::minute;

/// What a page shows of the use of a license or a customer.
pub(crate) struct Used {
    /// How many days are looked at, today's too.
    pub days: u16,
    /// The validations of each.
    pub chart: Chart,
    /// When it was last validated, and how.
    pub last: String,
    /// How much was pulled.
    pub pulls: String,
    pub answers: Vec<AnswerRow>,
    pub today: u64,
    pub total: u64,
    pub versions: Vec<VersionRow>,
}

/// How often validations were answered one way.
pub(crate) struct AnswerRow {
    pub status: String,
    pub today: u64,
    pub total: u64,
}

pub(crate) struct VersionRow {
    pub version: Option<String>,
    pub first_seen_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub status: String,
}

/// A status as people read it.
pub(crate) fn words(status: &str) -> String {
    status.replace('_', " ")
}

impl From<SeenVersion> for VersionRow {
    fn from(seen: SeenVersion) -> Self {
        let SeenVersion { version, first_seen_at, last_seen_at, status } = seen;
        Self { version, first_seen_at, last_seen_at, status: words(status.as_str()) }
    }
}

impl Used {
    fn of(days: &UseDays, now: Timestamp, last: String) -> Self {
        let today = now.day();
        let validations = |day| days.get(&day).map_or(0, UseDay::validations);
        let bars: Vec<_> = (today - i64::from(DAYS) + 1..=today).map(|day| (day, validations(day))).collect();
        let (total, today) = (sum(days), days.get(&today).cloned().unwrap_or_default());
        let answers = total.answers.iter().map(|(status, count)| AnswerRow {
            status: words(status),
            today: today.answers.get(status).copied().unwrap_or(0),
            total: *count,
        });
        let pulls = match total.pulls {
            0 => "none".to_owned(),
            pulls => format!("{pulls} ({})", size(total.bytes)),
        };
        Self {
            days: DAYS,
            chart: Chart::of(&bars, now),
            last,
            pulls,
            answers: answers.collect(),
            today: today.validations(),
            total: total.validations(),
            versions: Vec::new(),
        }
    }

    /// Of a license.
    pub(crate) fn of_license(used: LicenseUse, now: Timestamp) -> Self {
        let last = used.activity.map_or_else(
            || "never".to_owned(),
            |activity| {
                let (at, status) = (minute(activity.last_validated_at), words(activity.status.as_str()));
                let version = activity
                    .version
                    .map_or_else(|| "no version named".to_owned(), |it| format!("version {it}"));
                format!("{at} UTC: {status}, {version}, from {}", activity.address.ip())
            },
        );
        Self {
            versions: used.versions.into_iter().map(VersionRow::from).collect(),
            ..Self::of(&used.days, now, last)
        }
    }

    /// Of all licenses of a customer.
    pub(crate) fn of_customer(used: CustomerUse, now: Timestamp) -> Self {
        let last =
            used.last_validated_at.map_or_else(|| "never".to_owned(), |at| format!("{} UTC", minute(at)));
        Self::of(&used.days, now, last)
    }
}
