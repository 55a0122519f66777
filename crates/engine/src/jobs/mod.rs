//! What the server does by itself: mails, notices, rotation, retention, sweeps. Each kind is a [`Job`] with a row in the table
//! `jobs`, and a [`Runner`] does them all.
//!
//! Two kinds of claims see to it that of many servers one does each thing. A job of which every run is one server's
//! ([`Turns::OneServer`]) is claimed as a whole, in its row. A job that every server does at once ([`Turns::EveryServer`]) takes
//! its things singly, each by a claim in the thing's own row: mail goes out by whichever server is free.
//!
//! To add a job: a file here, or wherever what it needs is at hand, and a line in [`all`] or one where the server adds jobs to
//! its [`Background`](crate::Background).

mod audit_chains;
mod bucket_alerts;
mod deletions;
mod deployment_alerts;
mod item;
mod key_rotation;
mod mails;
mod notices;
mod retention;
mod runner;

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use keyward_domain::job::Backoff;
use keyward_domain::{JobStatus, Timestamp};

use crate::audit_sink::stream::AuditStreams;
use crate::webhook::deliver::Deliveries;
use crate::webhook::occurrence::FindOccurrences;
use crate::{Engine, Result, Retention};

pub use item::ItemRun;
pub use mails::{Mails, Undelivered};
pub use runner::{LEASE_SECONDS, Runner, STOP_SECONDS, Turn};

/// Something to be done from time to time.
pub trait Job {
    /// By which it is known in the database, in logs and to the operator: `registry_sweeps`.
    fn name(&self) -> &'static str;

    /// How often, and by how many servers.
    fn schedule(&self) -> Schedule;

    /// Does a part of it: as much as fits in one transaction, or one thing. What it holds in memory when its server is killed
    /// must be found again by the next.
    fn step<'a>(&'a self, engine: &'a Engine) -> Stepping<'a>;
}

/// A step under way, on the thread it began on.
pub type Stepping<'a> = Pin<Box<dyn Future<Output = Result<Step>> + 'a>>;

/// What came of a step. An error says that the job itself can't go on; it is tried again after a pause that gets longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// So many things were done, and now there is nothing more: the next turn comes after the period.
    Done(u64),
    /// So many things were done, and there may be more.
    More(u64),
    /// One thing could not be done and is put off in its own row, with the reason. There may be more.
    PutOff(String),
}

/// How often a job has its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Between two turns.
    pub period: Duration,
    /// Who has them.
    pub turns: Turns,
    /// Between two steps of a turn, so that others can write.
    pub breath: Duration,
}

/// Who has the turns of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turns {
    /// Of all servers, one: whichever is there first.
    OneServer,
    /// Each server, all at once. What they do is claimed singly.
    EveryServer,
}

impl Schedule {
    /// One server's, every `period`.
    pub const fn one_server(period: Duration) -> Self {
        Self { period, turns: Turns::OneServer, breath: Duration::ZERO }
    }

    /// Every server's, every `period`.
    pub const fn every_server(period: Duration) -> Self {
        Self { period, turns: Turns::EveryServer, breath: Duration::ZERO }
    }

    /// The same, with a pause between two steps.
    #[must_use]
    pub const fn with_breath(self, breath: Duration) -> Self {
        Self { breath, ..self }
    }

    /// The period in seconds, 1 or more.
    fn seconds(self) -> i64 {
        i64::try_from(self.period.as_secs()).unwrap_or(i64::MAX).max(1)
    }

    /// When it is tried again after failures. Not later than a period, so that nothing is put off by more than that.
    fn backoff(self) -> Backoff {
        Backoff { first: 5.min(self.seconds()), longest: self.seconds().max(10), most: None }
    }
}

/// The jobs that need nothing but the engine.
pub fn all(engine: &Arc<Engine>, retention: Retention) -> Vec<Rc<dyn Job>> {
    vec![
        Rc::new(Deliveries::new(Arc::clone(engine))),
        Rc::new(AuditStreams::new(Arc::clone(engine))),
        Rc::new(audit_chains::AuditChains),
        Rc::new(bucket_alerts::BucketAlerts),
        Rc::new(deletions::Deletions),
        Rc::new(deployment_alerts::DeploymentAlerts),
        Rc::new(FindOccurrences::default()),
        Rc::new(key_rotation::KeyRotation),
        Rc::new(notices::Notices),
        Rc::new(retention::RemoveOld::new(retention)),
    ]
}

impl Engine {
    /// How the jobs of all servers stand, by name. What [`JobStatus::state`] says rests on the clock of whoever asks.
    pub async fn job_statuses(&self) -> Result<Vec<JobStatus>> {
        Ok(self.store.read().await?.jobs().all().await?)
    }
}

/// For how long `now` is before `then`, in whole seconds.
fn until(now: Timestamp, then: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(then.unix() - now.unix()).unwrap_or_default())
}
