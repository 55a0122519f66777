//! What is removed once it is old: one table of rules, followed by one job. The same job mends what a clock has written that
//! was ahead.

use keyward_domain::{Timestamp, attempt, registry::habit};
use keyward_storage::{Aged, Technical, Tx};

use crate::{Engine, Result};

const DAY: i64 = 24 * 60 * 60;

/// For how many days a user of a customer stays who was invited and has not accepted.
const INVITED_DAYS: i64 = 30;

/// How many rows are removed in one transaction: few enough that others who write hardly wait, on a slow disk too.
pub(crate) const MOST_REMOVED: u64 = 250;

/// How many organizations' audit logs are cut at a time.
const MOST_CUT: u64 = 50;

/// Of how many days of products the counts are added up at a time.
const MOST_ADDED_UP: u64 = 50;

/// How many days is kept what the operator decides on; `None` for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The audit log.
    pub audit_days: Option<u32>,
    /// Messages to webhook endpoints, and what came of them.
    pub outbox_days: u32,
    /// Links, used or not, from when they were made.
    pub link_days: u32,
    /// What happened at registries, and alerts that were acknowledged.
    pub registry_log_days: Option<u32>,
    /// What licenses were used for, by the day.
    pub usage_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { audit_days: None, outbox_days: 30, link_days: 90, registry_log_days: None, usage_days: 400 }
    }
}

impl Retention {
    /// What is removed that is older than how many seconds.
    pub fn rules(&self) -> impl Iterator<Item = (Aged, i64)> {
        let days = |days: u32| i64::from(days) * DAY;
        let rules = [
            // By their end: nobody is let in by them any more.
            (Aged::Sessions, Some(0)),
            (Aged::ShownOnce, Some(0)),
            (Aged::Departures, Some(0)),
            (Aged::SignInAttempts, Some(attempt::WINDOW_SECONDS)),
            // A day longer than what they count, since clocks differ.
            (Aged::MailCounts, Some(2 * DAY)),
            // A day longer than is promised.
            (Aged::IdempotencyKeys, Some(2 * DAY)),
            (Aged::RegistryHours, Some(DAY + habit::PAST_HOURS * 3_600)),
            (Aged::RegistryNetworks, Some(habit::KNOWN_SECONDS)),
            (Aged::Links, Some(days(self.link_days))),
            (Aged::CustomerInvitations, Some(INVITED_DAYS * DAY)),
            (Aged::WebhookAttempts, Some(days(self.outbox_days))),
            (Aged::WebhookDeliveries, Some(days(self.outbox_days))),
            (Aged::Webhooks, Some(days(self.outbox_days))),
            (Aged::Outbox, Some(days(self.outbox_days))),
            (Aged::AuditEvents, self.audit_days.map(days)),
            (Aged::RegistryEvents, self.registry_log_days.map(days)),
            // Who asked from where is not kept longer than it takes to look into it.
            (Aged::UsageShares, Some(7 * DAY)),
            (Aged::LicenseUsage, Some(days(self.usage_days))),
            (Aged::LicensePulls, Some(days(self.usage_days))),
            (Aged::LicenseVersions, Some(days(self.usage_days))),
            (Aged::BucketAlerts, Some(90 * DAY)),
            (Aged::SubjectAlerts, Some(90 * DAY)),
            (Aged::Alerts, self.registry_log_days.map(days)),
        ];
        rules.into_iter().filter_map(|(what, age)| Some((what, age?)))
    }
}

/// What came of a look at what is old, or is to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tidied {
    /// There is nothing more to remove.
    Nothing,
    /// So many rows were removed, and there may be more.
    Some(u64),
    /// Another server is at it.
    Elsewhere,
    /// The clock has not gone on evenly for long enough to tell what is old.
    Unsteady,
}

impl Engine {
    /// Looks at the clock, and removes some of what is old if the clock can be trusted. To be done every ten minutes, and
    /// again after a pause while there may be more.
    pub async fn tidy(&self, retention: &Retention) -> Result<Tidied> {
        let now = self.now();
        let tx = self.store.write().await?;
        let Some(clock) = tx.clock_record().lock().await? else { return Ok(Tidied::Elsewhere) };
        let clock = clock.seen(now);
        tx.clock_record().save(clock).await?;
        let tidied = match clock.is_trusted() {
            true => self.remove_old(&tx, retention, now).await?,
            false => Tidied::Unsteady,
        };
        tx.commit_unrecorded(Technical::Retention).await?;
        Ok(tidied)
    }

    async fn remove_old(&self, tx: &Tx, retention: &Retention, now: Timestamp) -> Result<Tidied> {
        let mut removed = 0;
        for (what, age) in retention.rules() {
            if what == Aged::AuditEvents {
                // The chain goes on from a checkpoint.
                tx.cut_chains(now.plus_seconds(-age), MOST_CUT).await?;
            }
            removed += tx.remove_aged(what, now.plus_seconds(-age), MOST_REMOVED - removed).await?;
            if removed == MOST_REMOVED {
                return Ok(Tidied::Some(removed));
            }
        }
        // Yesterday's may still be counted on by servers whose clocks are behind.
        for day in tx.counter_days().divided_before(now.day() - 1, MOST_ADDED_UP).await? {
            tx.counter_days().add_up(day).await?;
            removed += 1;
        }
        if removed > 0 {
            return Ok(Tidied::Some(removed));
        }
        tx.bring_keys_back(now).await?;
        Ok(Tidied::Nothing)
    }
}
