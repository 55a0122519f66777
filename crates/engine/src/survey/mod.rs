//! How the whole installation stands, for its operator: what is late, failing or full.
//!
//! What memory knows is told at once ([`Engine::load`]). What the database knows is read at most every few seconds and within a
//! second, however often it is asked for ([`Engine::survey`]), so that nobody who watches the servers is a burden to them, or waits
//! for a database that is gone. What is to be said of it in words is in [`findings`].

mod disk;
pub mod findings;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyward_domain::permission::Operate;
use keyward_domain::{Access, JobStatus, Timestamp};
use keyward_storage::{Backlog, Health, PoolState};
use tokio::sync::Mutex;
use tokio::time::timeout;

pub use disk::Disk;
pub use findings::{Finding, FindingCode, Severity};
pub use keyward_storage as stored;

use crate::log::queue::MOST_BYTES;
use crate::{Engine, Result, causes};

/// For how long what was read is told.
const KEPT: Duration = Duration::from_secs(5);

/// How long the database may take.
const LIMIT: Duration = Duration::from_secs(1);

/// For how many seconds a signing key signs before it should be rotated: two years (NIST SP 800-57 says one to three).
pub const KEY_SECONDS: i64 = 2 * 365 * 24 * 60 * 60;

/// What was read last.
pub(crate) struct Surveys {
    folders: Arc<[(&'static str, PathBuf)]>,
    last: Mutex<Option<(Instant, Arc<Survey>)>>,
}

impl Surveys {
    pub(crate) fn of(folders: Vec<(&'static str, PathBuf)>) -> Self {
        Self { folders: folders.into(), last: Mutex::default() }
    }
}

/// What is known of the installation beyond this server's memory.
#[derive(Debug, Clone)]
pub struct Survey {
    /// When it was asked for.
    pub at: Timestamp,
    /// When the database last answered; what is said of jobs is as of then.
    pub read_at: Option<Timestamp>,
    /// The jobs of all servers.
    pub jobs: Vec<JobStatus>,
    /// What waits; `None` if the database did not answer just now.
    pub backlog: Option<Backlog>,
    /// By how many milliseconds this server's clock is ahead of the database's, if that has another.
    pub clock_ahead_ms: Option<i64>,
    /// The latest time that any server has seen.
    pub latest_seen_at: Option<Timestamp>,
    /// Why the database did not answer.
    pub fault: Option<String>,
    /// The disks of the folders that are watched over.
    pub disks: Vec<Disk>,
}

/// What this server has to do now, as its memory knows it.
#[derive(Debug, Clone)]
pub struct Load {
    /// What was last found out about the database.
    pub database: Health,
    /// `sqlite` or `postgresql`.
    pub database_kind: &'static str,
    /// The connections to it.
    pub pools: Vec<PoolState>,
    /// How many transactions wait for a connection.
    pub waiting_transactions: u64,
    /// How many transactions could not begin, since the start.
    pub refused_transactions: u64,
    /// Hashing of passwords.
    pub hashing: Hashing,
    /// The log that is written beside answers.
    pub log: LogQueue,
}

/// The hashing of passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashing {
    /// How many are hashed now.
    pub running: u64,
    /// How many may be.
    pub most_running: u64,
    /// How many wait.
    pub waiting: u64,
    /// How many may wait.
    pub most_waiting: u64,
    /// How many were hashed since the start.
    pub done: u64,
    /// How many were sent away since.
    pub refused: u64,
}

/// What waits to be written beside answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogQueue {
    /// How many entries.
    pub entries: u64,
    /// The bytes that they take.
    pub bytes: u64,
    /// How many they may take.
    pub most_bytes: u64,
    /// When the first of them happened.
    pub oldest_at: Option<Timestamp>,
}

impl Engine {
    /// What this server has to do now. Nothing is waited for.
    pub fn load(&self) -> Load {
        let (entries, bytes, oldest_at) = self.log.standing();
        Load {
            database: self.store.health(),
            database_kind: self.store.database_kind(),
            pools: self.store.pool_states(),
            waiting_transactions: self.store.waiting(),
            refused_transactions: self.store.refused(),
            hashing: self.hash_gate.standing(),
            log: LogQueue {
                entries: entries as u64,
                bytes: bytes as u64,
                most_bytes: MOST_BYTES as u64,
                oldest_at,
            },
        }
    }

    /// How the installation stands, as read within the last seconds. It takes a second at most.
    pub async fn survey(&self) -> Arc<Survey> {
        // Of many who ask at once, one reads.
        let mut last = self.surveys.last.lock().await;
        let is_kept = |(at, survey): &&(Instant, Arc<Survey>)| {
            // That the database is gone is told at once.
            at.elapsed() < KEPT && (survey.fault.is_some() || self.store.health() != Health::Unreachable)
        };
        if let Some((_, survey)) = last.as_ref().filter(is_kept) {
            return Arc::clone(survey);
        }
        let (read, disks) = tokio::join!(timeout(LIMIT, self.read_survey()), self.disks());
        let at = self.now();
        let survey = match read {
            Ok(Ok(survey)) => Survey { disks, ..survey },
            Ok(Err(error)) => Self::unread(last.as_ref(), at, causes(&error), disks),
            Err(_) => Self::unread(last.as_ref(), at, "it did not answer within a second".to_owned(), disks),
        };
        let survey = Arc::new(survey);
        *last = Some((Instant::now(), Arc::clone(&survey)));
        survey
    }

    /// The same for the operator, with what is to be said of it.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn system(&self, _: &Access<Operate>) -> (Arc<Survey>, Load, Vec<Finding>) {
        let (survey, load) = (self.survey().await, self.load());
        let found = findings::all(&survey, &load, self.metrics().log_shed.value(), self.now());
        (survey, load, found)
    }

    async fn read_survey(&self) -> Result<Survey> {
        let at = self.now();
        let tx = self.store.read().await?;
        let backlog = tx.backlog(at.plus_seconds(-KEY_SECONDS)).await?;
        let mine = i64::try_from(self.clock.unix_millis()).unwrap_or(i64::MAX);
        Ok(Survey {
            at,
            read_at: Some(at),
            jobs: tx.jobs().all().await?,
            clock_ahead_ms: backlog.database_clock_ms.map(|theirs| mine.saturating_sub(theirs)),
            backlog: Some(backlog),
            latest_seen_at: Some(tx.clock_record().find().await?.seen_at),
            fault: None,
            disks: Vec::new(),
        })
    }

    /// What is still known if the database does not answer: when jobs were done last.
    fn unread(
        last: Option<&(Instant, Arc<Survey>)>,
        at: Timestamp,
        fault: String,
        disks: Vec<Disk>,
    ) -> Survey {
        let last = last.map(|(_, survey)| survey);
        Survey {
            at,
            read_at: last.and_then(|last| last.read_at),
            jobs: last.map(|last| last.jobs.clone()).unwrap_or_default(),
            backlog: None,
            clock_ahead_ms: None,
            latest_seen_at: None,
            fault: Some(fault),
            disks,
        }
    }

    /// A folder may be far away and not answer.
    async fn disks(&self) -> Vec<Disk> {
        let folders = Arc::clone(&self.surveys.folders);
        let read = tokio::task::spawn_blocking(move || {
            folders.iter().filter_map(|(name, path)| Disk::of(name, path)).collect()
        });
        timeout(LIMIT, read).await.ok().and_then(|read| read.ok()).unwrap_or_default()
    }
}
