//! What the server has not been told yet, kept until it has taken it.
//!
//! Every transition is told once, under a `seq` that is never used twice, whatever is killed when. Of states only the last one counts.
//! When too much waits, the oldest transitions go, and are counted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyward_protocol::report::{DeploymentReport, DeploymentState, Drift, Reports, Taken, Transition};
use uuid::Uuid;

use crate::deployer::{Standing, Tell};
use crate::disk;

use self::queue::Queue;

mod file;
mod fit;
mod queue;

/// The most transitions that wait.
pub const MOST_TRANSITIONS: usize = 1_000;

/// The most bytes of all that waits, as JSON.
pub const MOST_BYTES: usize = 1024 * 1024;

/// The most bytes of transitions that are told at once: with the states beside them well below what a server reads.
const MOST_AT_ONCE: usize = 256 * 1024;

/// What the server has not been told yet.
pub struct Outbox {
    folder: PathBuf,
    now: Box<dyn Fn() -> i64 + Send + Sync>,
    queues: Mutex<BTreeMap<Uuid, Queue>>,
    news: Condvar,
    /// Whether whoever waits is to look, though nothing has happened.
    nudged: AtomicBool,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// How the deployments of a folder stand, for a program that only looks: another one may be writing.
pub fn states(folder: &Path) -> BTreeMap<Uuid, DeploymentState> {
    let found = std::fs::read_dir(folder).into_iter().flatten().flatten();
    found
        .filter_map(|found| {
            let id = found.file_name().to_str()?.parse().ok()?;
            Some((id, file::read(&found.path()).ok()?.last_state()?))
        })
        .collect()
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many transitions the server has taken.
    pub taken: usize,
    /// Whether anything else waits.
    pub more: bool,
}

impl Outbox {
    /// Opens what is kept in a folder. `now` is the time by the server's clock.
    ///
    /// # Errors
    /// If the folder can't be made or read.
    pub fn open(folder: &Path, now: impl Fn() -> i64 + Send + Sync + 'static) -> std::io::Result<Self> {
        disk::make_folder(folder)?;
        let mut queues = BTreeMap::new();
        for found in std::fs::read_dir(folder)? {
            let path = found?.path();
            let id = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
            if let Some(id) = id {
                queues.insert(id, Queue::open(path)?);
            }
        }
        let (folder, now) = (folder.to_owned(), Box::new(now));
        Ok(Self {
            folder,
            now,
            queues: Mutex::new(queues),
            news: Condvar::new(),
            nudged: AtomicBool::new(false),
        })
    }

    /// What is to be told now, if anything is.
    pub fn batch(&self) -> Option<Vec<DeploymentReport>> {
        let mut room = MOST_AT_ONCE;
        let now = (self.now)();
        let reports: Vec<_> = self
            .queues()
            .iter_mut()
            .filter_map(|(id, queue)| queue.report(*id, now, &mut room))
            .take(Reports::MOST)
            .collect();
        (!reports.is_empty()).then_some(reports)
    }

    /// The server has taken some of what it was told.
    pub fn taken(&self, told: &[DeploymentReport], taken: &Taken) -> Progress {
        let mut queues = self.queues();
        let mut count = 0;
        for report in told {
            let up_to = taken.deployments.iter().find(|taken| taken.deployment == report.deployment);
            if let Some(queue) = queues.get_mut(&report.deployment) {
                count += queue.taken(report, up_to.map(|taken| taken.seq));
            }
        }
        Progress { taken: count, more: queues.values().any(Queue::has_news) }
    }

    /// Gives up what the server refuses to read, so that it stands in no other's way.
    pub fn give_up(&self, told: &[DeploymentReport]) {
        let mut queues = self.queues();
        for report in told {
            if let Some(queue) = queues.get_mut(&report.deployment) {
                queue.give_up(report);
            }
        }
    }

    /// Forgets deployments of which nothing is left, here and in what is desired.
    pub fn forget_removed(&self, desired: impl Fn(Uuid) -> bool) {
        self.queues().retain(|id, queue| desired(*id) || !queue.is_over() || !queue.remove());
    }

    /// Waits until there is something new to tell, or somebody nudges, for `most` at most; whether anything is new.
    pub fn wait(&self, most: Duration) -> bool {
        let is_idle = |queues: &mut BTreeMap<Uuid, Queue>| {
            !self.nudged.swap(false, Ordering::Relaxed) && !queues.values().any(Queue::has_news)
        };
        let waited = self.news.wait_timeout_while(self.queues(), most, is_idle);
        waited.unwrap_or_else(PoisonError::into_inner).0.values().any(Queue::has_news)
    }

    /// Whether there is something to tell.
    pub fn has_news(&self) -> bool {
        self.queues().values().any(Queue::has_news)
    }

    /// Ends a wait, or the next one.
    pub fn nudge(&self) {
        let _held = self.queues();
        self.nudged.store(true, Ordering::Relaxed);
        self.news.notify_all();
    }

    /// How a deployment stands, as it was last told or is to be.
    pub fn known_state(&self, deployment: Uuid) -> Option<DeploymentState> {
        self.queues().get(&deployment).and_then(|queue| queue.state().cloned())
    }

    /// How many transitions wait, and how many were lost because too much did.
    pub fn count(&self) -> (usize, u64) {
        let queues = self.queues();
        (queues.values().map(Queue::len).sum(), queues.values().map(Queue::lost).sum())
    }

    fn change(&self, deployment: Uuid, how: impl FnOnce(&mut Queue)) {
        let mut queues = self.queues();
        let queue =
            queues.entry(deployment).or_insert_with(|| Queue::new(self.folder.join(deployment.to_string())));
        how(queue);
        bound(&mut queues);
        drop(queues);
        self.news.notify_all();
    }

    fn queues(&self) -> MutexGuard<'_, BTreeMap<Uuid, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tell for Outbox {
    fn transition(&self, deployment: Uuid, now: Standing) {
        let at = (self.now)();
        self.change(deployment, |queue| queue.transition(at, now));
    }

    fn state(&self, deployment: Uuid, now: Standing, drift: Vec<Drift>) {
        self.change(deployment, |queue| queue.set_state(now, drift));
    }
}

/// Lets the oldest transitions go until what waits is within the bounds.
fn bound(queues: &mut BTreeMap<Uuid, Queue>) {
    let is_over = |queues: &BTreeMap<Uuid, Queue>| {
        queues.values().map(Queue::len).sum::<usize>() > MOST_TRANSITIONS
            || queues.values().map(Queue::bytes).sum::<usize>() > MOST_BYTES
    };
    while is_over(queues) {
        let oldest = queues
            .values_mut()
            .filter_map(|queue| queue.oldest().map(|at| (at, queue)))
            .min_by_key(|(at, _)| *at);
        let Some((_, queue)) = oldest else { return };
        queue.drop_oldest();
    }
}

/// What comes of a standing in a report.
fn state_of(seq: u64, now: Standing, drift: Vec<Drift>) -> DeploymentState {
    let Standing { revision, running, phase, health } = now;
    fit::state(DeploymentState { seq, revision, running, phase, health, drift })
}

fn transition_of(seq: u64, at: i64, now: Standing) -> Transition {
    fit::transition(Transition { seq, at, revision: now.revision, phase: now.phase, health: now.health })
}
