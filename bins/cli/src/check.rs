//! A plug-in for Nagios, Icinga and their kin: one line, and an exit code.

use anyhow::Context as _;
use clap::Args;
use keyward_token::{HealthState, UnixSeconds};

use crate::monitored::{Look, Monitored, NoLicense};
use crate::output::line;
use crate::{Outcome, instant};

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    license: Monitored,
    /// WARNING from this many days before the end on
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    warning: u32,
    /// CRITICAL from this many days before the end on
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    critical: u32,
    /// UNKNOWN with a status list that is older
    #[arg(long, value_name = "DAYS", requires = "status_list")]
    max_list_age: Option<u32>,
    /// Judge as of this instant, RFC 3339 or Unix seconds [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

/// The exit codes of the Monitoring Plugins Guidelines, the gravest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Ok,
    Unknown,
    Warning,
    Critical,
}

impl Check {
    /// Whatever happens is one of the four levels: the monitoring system knows no other.
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let (level, text) = self.judge().unwrap_or_else(|error| (Level::Unknown, format!("{error:#}")));
        say(level, &text)
    }

    fn judge(&self) -> anyhow::Result<(Level, String)> {
        let now = UnixSeconds::new(match &self.at {
            Some(text) => instant::parse(text).context("--at")?,
            None => instant::now(),
        });
        anyhow::ensure!(self.critical <= self.warning, "--critical is earlier than --warning");
        let max_list_age = self.max_list_age.map(seconds);
        match self.license.look(now, self.warning, max_list_age) {
            Ok(look) => Ok((self.level(&look, now), self.text(&look, now))),
            Err(NoLicense::Unreadable(error)) => Err(error),
            Err(NoLicense::Refused(why)) => Ok((Level::Critical, text_only(&why))),
        }
    }

    fn level(&self, look: &Look, now: UnixSeconds) -> Level {
        let by_times = match look.health.state_by_times() {
            HealthState::Fine => Level::Ok,
            HealthState::Ending => match look.health.ends_at() {
                Some(ends) if ends.as_i64().saturating_sub(now.as_i64()) > signed(seconds(self.critical)) => {
                    Level::Warning
                }
                _ => Level::Critical,
            },
            _ => Level::Critical,
        };
        match look.health.state() {
            HealthState::Revoked | HealthState::Suspended => Level::Critical,
            HealthState::Unknown(_) => by_times.max(Level::Unknown),
            _ => by_times,
        }
    }

    fn text(&self, look: &Look, now: UnixSeconds) -> String {
        let health = &look.health;
        let mut text = text_only(&health.to_string());
        if let HealthState::Unknown(_) = health.state() {
            let ends = health.ends_at().map(|ends| format!("; it ends at {ends}"));
            text.push_str(&ends.unwrap_or_default());
            for refused in &look.refused_lists {
                text.push_str("; ");
                text.push_str(&text_only(refused));
            }
        }
        let (warning, critical) = (seconds(self.warning), seconds(self.critical));
        let left = |at: UnixSeconds| at.as_i64().saturating_sub(now.as_i64());
        let mut data = Vec::new();
        if let Some(ends) = health.ends_at() {
            data.push(format!("to_end={}s;{warning}:;{critical}:", left(ends)));
        }
        if let Some(expires) = health.expires_at() {
            data.push(format!("to_grace_end={}s", left(expires)));
        }
        if let Some(age) = health.list_age_seconds() {
            let limit = self.max_list_age.map(|days| format!(";{}", seconds(days))).unwrap_or_default();
            data.push(format!("status_list_age={age}s{limit}"));
        }
        if data.is_empty() { text } else { format!("{text} | {}", data.join(" ")) }
    }
}

/// What can be said of a command line that was not understood.
pub(crate) fn wrong_usage() -> anyhow::Result<Outcome> {
    say(Level::Unknown, "wrong usage: see keyward check --help")
}

fn say(level: Level, text: &str) -> anyhow::Result<Outcome> {
    let (name, code) = match level {
        Level::Ok => ("OK", 0),
        Level::Warning => ("WARNING", 1),
        Level::Critical => ("CRITICAL", 2),
        Level::Unknown => ("UNKNOWN", 3),
    };
    line(&format!("KEYWARD {name} - {text}"))?;
    Ok(Outcome::Exit(code))
}

/// Text for people, without what would begin the numbers or a second line.
fn text_only(text: &str) -> String {
    text.chars().map(|c| if c == '|' || c.is_control() { ' ' } else { c }).collect()
}

fn seconds(days: u32) -> u64 {
    u64::from(days) * 86_400
}

fn signed(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
