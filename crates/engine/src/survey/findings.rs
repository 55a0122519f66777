//! What is late, failing or full, in words. Pure.

use std::fmt::Write as _;

use keyward_domain::{JobState, JobStatus, Timestamp};
use keyward_storage::{Backlog, Health, MOST_COUNTED, Waiting};
use serde::Serialize;

use super::{Disk, Load, Survey};

const MINUTE: i64 = 60;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// For how long a mail may wait before that is told, in seconds.
const MAIL_WAITS: i64 = 10 * MINUTE;

/// The same of a message for a webhook endpoint, and of a place in a registry that is to be looked at.
const MESSAGE_WAITS: i64 = 15 * MINUTE;

/// By how many milliseconds clocks may differ before that is told, and before it is an error.
const CLOCKS_DIFFER: (i64, i64) = (2_000, Timestamp::SKEW_SECONDS * 1_000);

/// How urgent a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something is not as it should be, and everything works.
    Warning,
    /// Something does not work, or is about to.
    Error,
}

impl Severity {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What was found, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingCode {
    /// The database does not answer.
    DatabaseUnreachable,
    /// It does not write.
    DatabaseReadOnly,
    /// All connections to it are in use, and requests wait for one.
    ConnectionsExhausted,
    /// A job has not been done for too long.
    JobLate,
    /// The last run of a job failed, or what it put off still waits.
    JobFailing,
    /// Mail waits too long.
    MailBacklog,
    /// Messages for webhook endpoints wait too long.
    WebhookBacklog,
    /// Webhook endpoints were given up.
    WebhookDisabled,
    /// Places in registries wait too long to be looked at.
    RegistryBacklog,
    /// The log that is written beside answers is nearly full.
    LogFull,
    /// Entries of that log were lost.
    LogShed,
    /// Passwords wait to be hashed.
    HashingBusy,
    /// A disk is nearly full.
    DiskFull,
    /// The upstream of a registry gives no answer.
    UpstreamSilent,
    /// This server's clock and the database's differ.
    ClockDiffers,
    /// A server has seen a later time than this one's clock shows.
    ClockBehind,
    /// Organizations have no active signing key.
    SigningKeyMissing,
    /// A signing key signs for longer than it should.
    SigningKeyDue,
}

impl FindingCode {
    /// Every code.
    pub const ALL: [Self; 18] = [
        Self::DatabaseUnreachable,
        Self::DatabaseReadOnly,
        Self::ConnectionsExhausted,
        Self::JobLate,
        Self::JobFailing,
        Self::MailBacklog,
        Self::WebhookBacklog,
        Self::WebhookDisabled,
        Self::RegistryBacklog,
        Self::LogFull,
        Self::LogShed,
        Self::HashingBusy,
        Self::DiskFull,
        Self::UpstreamSilent,
        Self::ClockDiffers,
        Self::ClockBehind,
        Self::SigningKeyMissing,
        Self::SigningKeyDue,
    ];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DatabaseUnreachable => "database_unreachable",
            Self::DatabaseReadOnly => "database_read_only",
            Self::ConnectionsExhausted => "connections_exhausted",
            Self::JobLate => "job_late",
            Self::JobFailing => "job_failing",
            Self::MailBacklog => "mail_backlog",
            Self::WebhookBacklog => "webhook_backlog",
            Self::WebhookDisabled => "webhook_disabled",
            Self::RegistryBacklog => "registry_backlog",
            Self::LogFull => "log_full",
            Self::LogShed => "log_shed",
            Self::HashingBusy => "hashing_busy",
            Self::DiskFull => "disk_full",
            Self::UpstreamSilent => "upstream_silent",
            Self::ClockDiffers => "clock_differs",
            Self::ClockBehind => "clock_behind",
            Self::SigningKeyMissing => "signing_key_missing",
            Self::SigningKeyDue => "signing_key_due",
        }
    }
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What, for programs.
    pub code: FindingCode,
    /// How urgent it is.
    pub severity: Severity,
    /// Which of several: a job, a folder, the host of a registry.
    pub subject: Option<String>,
    /// What, in a sentence.
    pub message: String,
}

/// All that is not as it should be, the most urgent first. `shed` entries of the log were lost since the start of this server.
pub fn all(survey: &Survey, load: &Load, shed: u64, now: Timestamp) -> Vec<Finding> {
    let mut found = Found::default();
    found.database(survey, load);
    survey.jobs.iter().for_each(|job| found.job(job, now));
    if let Some(backlog) = &survey.backlog {
        found.backlog(backlog, now);
        found.upstreams(backlog);
        found.signing_keys(backlog);
    }
    found.memory(load, shed);
    survey.disks.iter().for_each(|disk| found.disk(disk));
    found.clock(survey);
    let mut found = found.0;
    found.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.code));
    found
}

#[derive(Default)]
struct Found(Vec<Finding>);

impl Found {
    fn warn(&mut self, code: FindingCode, subject: Option<&str>, message: String) {
        self.add(Severity::Warning, code, subject, message);
    }

    fn err(&mut self, code: FindingCode, subject: Option<&str>, message: String) {
        self.add(Severity::Error, code, subject, message);
    }

    fn add(&mut self, severity: Severity, code: FindingCode, subject: Option<&str>, message: String) {
        self.0.push(Finding { code, severity, subject: subject.map(str::to_owned), message });
    }

    fn database(&mut self, survey: &Survey, load: &Load) {
        match (load.database, &survey.fault) {
            (Health::Unreachable, _) | (Health::Ready, Some(_)) => {
                let why = survey.fault.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
                self.err(
                    FindingCode::DatabaseUnreachable,
                    None,
                    format!("The database does not answer{why}."),
                );
            }
            (Health::ReadOnly, _) => self.err(
                FindingCode::DatabaseReadOnly,
                None,
                "The database answers and does not write: its disk is full, or it is a standby.".to_owned(),
            ),
            (Health::Ready, None) => {}
        }
        let exhausted = load.pools.iter().find(|pool| pool.open >= pool.most && pool.idle == 0);
        if let (Some(pool), true) = (exhausted, load.waiting_transactions > 0) {
            self.warn(
                FindingCode::ConnectionsExhausted,
                Some(pool.name),
                format!(
                    "All {} connections to the database are in use, and {} transactions wait for one.",
                    pool.most, load.waiting_transactions
                ),
            );
        }
    }

    fn job(&mut self, job: &JobStatus, now: Timestamp) {
        let (name, health) = (job.name.as_str(), &job.health);
        match job.state(now) {
            JobState::Ok | JobState::Running => {}
            JobState::Late => {
                let last = match job.finished_at {
                    Some(at) => format!("its last run ended {} ago", span(now.unix() - at.unix())),
                    None => "it has never run".to_owned(),
                };
                let message = format!(
                    "The job {name} is late: it is due every {}, and {last}. No server does it, or one hangs in it.",
                    span(job.period)
                );
                self.err(FindingCode::JobLate, Some(name), message);
            }
            JobState::Failing => {
                let mut message = format!(
                    "The job {name} has failed {}",
                    match health.failures {
                        1 => "once".to_owned(),
                        failures => format!("{failures} times in a row"),
                    }
                );
                if let Some(since) = health.failing_since {
                    let _ = write!(message, ", since {since}");
                }
                let error = health.last_error.as_deref().unwrap_or_default().replace(char::is_control, " ");
                if !error.is_empty() {
                    let _ = write!(message, ": {error}");
                }
                self.err(FindingCode::JobFailing, Some(name), format!("{}.", message.trim_end_matches('.')));
            }
        }
    }

    fn backlog(&mut self, backlog: &Backlog, now: Timestamp) {
        let mut waits = |code, waiting: &Waiting, longest: i64, things: &str| {
            let age = waiting.oldest_at.map_or(0, |at| now.unix() - at.unix());
            if age >= longest {
                let count = match waiting.entries {
                    MOST_COUNTED => format!("{MOST_COUNTED} or more"),
                    entries => entries.to_string(),
                };
                let message = format!("{count} {things}; the first has waited for {}.", span(age));
                self.warn(code, None, message);
            }
        };
        waits(FindingCode::MailBacklog, &backlog.mails, MAIL_WAITS, "mails wait to be handed over");
        waits(
            FindingCode::WebhookBacklog,
            &backlog.deliveries,
            MESSAGE_WAITS,
            "messages wait for webhook endpoints that work",
        );
        waits(
            FindingCode::RegistryBacklog,
            &backlog.hints,
            MESSAGE_WAITS,
            "places in registries wait to be looked at",
        );
        if backlog.endpoints_disabled > 0 {
            self.warn(
                FindingCode::WebhookDisabled,
                None,
                format!(
                    "{} webhook endpoints were given up because they kept failing; their organizations were told.",
                    backlog.endpoints_disabled
                ),
            );
        }
    }

    fn upstreams(&mut self, backlog: &Backlog) {
        for upstream in &backlog.silent {
            let fault = upstream.fault.replace(char::is_control, " ");
            self.warn(
                FindingCode::UpstreamSilent,
                Some(&upstream.host),
                format!("The upstream of the registry {} gives no answer: {fault}.", upstream.host),
            );
        }
    }

    fn signing_keys(&mut self, backlog: &Backlog) {
        if backlog.organizations_without_key > 0 {
            self.err(
                FindingCode::SigningKeyMissing,
                None,
                format!(
                    "{} organizations have no active signing key, so nothing can be issued in their name.",
                    backlog.organizations_without_key
                ),
            );
        }
        if backlog.old_keys > 0 {
            let since = backlog.oldest_key_since.map(|at| format!(", the oldest since {at}"));
            self.warn(
                FindingCode::SigningKeyDue,
                None,
                format!(
                    "{} signing keys have been active for more than two years{}: rotate them.",
                    backlog.old_keys,
                    since.unwrap_or_default()
                ),
            );
        }
    }

    fn memory(&mut self, load: &Load, shed: u64) {
        let log = &load.log;
        if log.bytes * 5 >= log.most_bytes * 4 {
            self.warn(
                FindingCode::LogFull,
                None,
                format!(
                    "{} entries wait to be written to the log of registries, in {} of {} KiB: when it is full, entries are lost.",
                    log.entries,
                    log.bytes / 1024,
                    log.most_bytes / 1024
                ),
            );
        }
        if shed > 0 {
            self.warn(
                FindingCode::LogShed,
                None,
                format!("{shed} entries of the log of registries were lost since this server was started."),
            );
        }
        if load.hashing.waiting * 2 >= load.hashing.most_waiting {
            self.warn(
                FindingCode::HashingBusy,
                None,
                format!(
                    "{} of {} places to wait for the hashing of a password are taken: people can't sign in when all are.",
                    load.hashing.waiting, load.hashing.most_waiting
                ),
            );
        }
    }

    fn disk(&mut self, disk: &Disk) {
        // A share of a small disk, and a fixed amount of a large one.
        let below = |share: u64, amount: u64| disk.free < (disk.size / 100 * share).min(amount);
        let few_files = disk.free_files.is_some_and(|files| files < 1_000);
        let message = match few_files {
            true => format!(
                "The disk of the {} folder takes {} more files.",
                disk.folder,
                disk.free_files.unwrap_or(0)
            ),
            false => format!(
                "The disk of the {} folder has {} MiB left of {} MiB.",
                disk.folder,
                disk.free / MIB,
                disk.size / MIB
            ),
        };
        if below(2, GIB) || disk.free < 50 * MIB || few_files {
            self.err(FindingCode::DiskFull, Some(disk.folder), message);
        } else if below(10, 5 * GIB) {
            self.warn(FindingCode::DiskFull, Some(disk.folder), message);
        }
    }

    fn clock(&mut self, survey: &Survey) {
        if let Some(ahead) = survey.clock_ahead_ms.filter(|ahead| ahead.abs() > CLOCKS_DIFFER.0) {
            let severity = if ahead.abs() > CLOCKS_DIFFER.1 { Severity::Error } else { Severity::Warning };
            let way = if ahead > 0 { "ahead of" } else { "behind" };
            let message = format!(
                "The clock of this server is {} ms {way} the database's: set both by NTP.",
                ahead.abs()
            );
            self.add(severity, FindingCode::ClockDiffers, None, message);
        }
        let seen = survey.latest_seen_at.filter(|seen| seen.is_ahead_of(survey.at));
        if let Some(seen) = seen {
            self.warn(
                FindingCode::ClockBehind,
                None,
                format!(
                    "A server has seen the time {seen}, and this server's clock shows {}: one of them is wrong. \
                     Until clocks go on evenly for six hours, nothing old is deleted.",
                    survey.at
                ),
            );
        }
    }
}

/// A span of time, in the largest unit of which there are two.
fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} seconds"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests;
