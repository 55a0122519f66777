//! A thread for each deployment, which carries out what is desired of it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use keyward_protocol::desired::{Deployment, Entry, PullCredentials};
use keyward_protocol::report::{Block, BlockItem, DeploymentHealth, Phase};
use uuid::Uuid;

use super::{AnyDeployer, Shared};
use crate::deployer::{Source, SourceError, Standing, Tell as _};
use crate::server::AskError;

/// The threads of all deployments.
#[derive(Clone)]
pub(super) struct Workers {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    deployer: Option<AnyDeployer>,
    slots: Mutex<BTreeMap<Uuid, Slot>>,
    changed: Condvar,
}

/// What a thread has to do.
#[derive(Default)]
struct Slot {
    /// Whether what was under way at the last stop is to be ended first.
    resume: bool,
    /// What was said last.
    said: Option<Said>,
    /// Whether that is still to be done.
    due: bool,
    busy: bool,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, PartialEq)]
enum Said {
    Order(Box<Deployment>),
    /// Nothing can be done, because the server or the customer's file says so.
    Blocked(Block, BlockItem),
}

enum Task {
    Resume,
    Do(Said),
}

impl Workers {
    pub(super) fn new(shared: Arc<Shared>, deployer: Option<AnyDeployer>) -> Self {
        let (slots, changed) = (Mutex::default(), Condvar::new());
        Self { inner: Arc::new(Inner { shared, deployer, slots, changed }) }
    }

    /// Ends what was under way at the last stop, for every deployment that this host has something of.
    pub(super) fn resume_known(&self) {
        for id in self.inner.deployer.iter().flat_map(|deployer| deployer.known()) {
            self.change(id, |slot| slot.resume = true);
        }
    }

    /// Has what is desired carried out. What is not mentioned is left alone.
    pub(super) fn follow(&self, entries: &[Entry]) {
        let Some(deployer) = &self.inner.deployer else { return };
        let most = self.inner.shared.config().limits.deployments;
        let mut known = deployer.known();
        let mut told = Vec::new();
        for entry in entries {
            let id = entry.id();
            if told.contains(&id) {
                continue;
            }
            told.push(id);
            let said = match entry {
                _ if !known.contains(&id) && known.len() >= most => too_many(most),
                Entry::Deployment(deployment) => {
                    known.push(id);
                    Said::Order(deployment.clone())
                }
                Entry::Fault { fault, .. } => {
                    Said::Blocked(Block::Order, BlockItem { message: fault.clone(), command: None })
                }
            };
            self.change(id, |slot| {
                if slot.said.as_ref() != Some(&said) {
                    slot.said = Some(said);
                    slot.due = true;
                }
            });
        }
    }

    /// Has all of it done again: the customer's file has changed, and what stood in the way may be gone.
    pub(super) fn again(&self) {
        let mut slots = self.inner.slots();
        for slot in slots.values_mut() {
            slot.due = slot.said.is_some();
        }
        drop(slots);
        self.inner.changed.notify_all();
    }

    /// Looks at what runs, and goes on with what was left for later: a try that is due again, or a repair.
    pub(super) fn look(&self) {
        let Some(deployer) = &self.inner.deployer else { return };
        let mut slots = self.inner.slots();
        let ordered = slots.values_mut().filter(|slot| matches!(slot.said, Some(Said::Order(_))));
        ordered.for_each(|slot| slot.due = true);
        let told: Vec<Uuid> = slots
            .iter()
            .filter(|(_, slot)| slot.due || slot.busy || slot.resume)
            .map(|(id, _)| *id)
            .collect();
        drop(slots);
        self.inner.changed.notify_all();
        // Of the others nothing is ordered, or while the agent is paused; they are only looked at.
        let paused = self.inner.shared.config().pause;
        for id in deployer.known().into_iter().filter(|id| paused || !told.contains(id)) {
            self.inner.look(id);
        }
    }

    /// Waits for all threads, but not beyond `until`: what is under way then goes on at the next start.
    pub(super) fn end(&self, until: Instant) {
        let mut slots = self.inner.slots();
        self.inner.changed.notify_all();
        while slots.values().any(|slot| slot.busy) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.inner.changed.wait_timeout(slots, left.min(std::time::Duration::from_secs(1)));
            slots = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let threads: Vec<_> = slots.values_mut().filter_map(|slot| slot.thread.take()).collect();
        drop(slots);
        for thread in threads {
            let _ = thread.join();
        }
    }

    fn change(&self, id: Uuid, how: impl FnOnce(&mut Slot)) {
        let mut slots = self.inner.slots();
        let slot = slots.entry(id).or_default();
        how(slot);
        if slot.thread.is_none() && (slot.due || slot.resume) {
            let inner = Arc::clone(&self.inner);
            let spawned = thread::Builder::new().name("deployment".to_owned()).spawn(move || inner.work(id));
            match spawned {
                Ok(thread) => slot.thread = Some(thread),
                Err(error) => self.inner.shared.log(&format!("can't start a thread: {error}")),
            }
        }
        drop(slots);
        self.inner.changed.notify_all();
    }
}

impl Inner {
    fn slots(&self) -> MutexGuard<'_, BTreeMap<Uuid, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, id: Uuid) {
        while let Some(task) = self.task(id) {
            // A fault in one deployment's code is to hurt no other.
            if catch_unwind(AssertUnwindSafe(|| self.carry_out(id, task))).is_err() {
                self.shared
                    .log(&format!("deployment {id}: the agent has a fault; it waits for another order"));
            }
            if let Some(slot) = self.slots().get_mut(&id) {
                slot.busy = false;
            }
            self.changed.notify_all();
        }
    }

    /// Waits for something to do; `None` when the agent is to end.
    fn task(&self, id: Uuid) -> Option<Task> {
        let mut slots = self.slots();
        loop {
            if self.shared.stop.is_stopping() {
                return None;
            }
            let slot = slots.get_mut(&id)?;
            let paused = self.shared.config().pause;
            let task = if std::mem::take(&mut slot.resume) {
                // Also while paused: a host is not left half-way.
                Some(Task::Resume)
            } else if slot.due && !paused {
                slot.due = false;
                slot.said.clone().map(Task::Do)
            } else {
                None
            };
            if task.is_some() {
                slot.busy = true;
                return task;
            }
            slots = self.changed.wait(slots).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn carry_out(&self, id: Uuid, task: Task) {
        let Some(deployer) = &self.deployer else { return };
        match task {
            Task::Resume => deployer.resume(id, self, &self.shared.outbox),
            Task::Do(Said::Order(order)) => deployer.carry_out(&order, self, &self.shared.outbox),
            Task::Do(Said::Blocked(by, item)) => return self.block(id, by, item),
        }
        self.look(id);
    }

    /// Says how it is, if that is something else than was said.
    fn look(&self, id: Uuid) {
        if let Some((standing, drift)) = self.deployer.as_ref().and_then(|deployer| deployer.look(id)) {
            self.shared.outbox.state(id, standing, drift);
        }
    }

    /// Says what stands in the way, once. What runs goes on.
    fn block(&self, id: Uuid, by: Block, item: BlockItem) {
        let phase = Phase::Blocked { by, items: vec![item] };
        let known = self.shared.outbox.known_state(id);
        if known.as_ref().is_some_and(|state| state.phase == phase) {
            return;
        }
        let seen = self.deployer.as_ref().and_then(|deployer| deployer.look(id));
        let standing = match (seen, known) {
            (Some((standing, _)), _) => Standing { phase, ..standing },
            (None, Some(state)) => {
                Standing { revision: state.revision, running: state.running, phase, health: state.health }
            }
            (None, None) => Standing { revision: 0, running: None, phase, health: DeploymentHealth::Down },
        };
        self.shared.outbox.transition(id, standing);
    }
}

fn too_many(most: usize) -> Said {
    let message = format!(
        "This host takes on {most} deployments at most, as `limits.deployments` in its agent.toml says."
    );
    Said::Blocked(Block::Checks, BlockItem { message, command: None })
}

impl Source for Inner {
    fn file(&self, sha256: &str) -> Result<String, SourceError> {
        self.shared.server.file(sha256).map_err(source_error)
    }

    fn pull_credentials(&self, deployment: Uuid) -> Result<PullCredentials, SourceError> {
        self.shared.server.pull_credentials(deployment).map_err(source_error)
    }

    fn now(&self) -> i64 {
        self.shared.server.now()
    }

    fn is_ending(&self) -> bool {
        self.shared.stop.is_stopping()
    }
}

fn source_error(error: AskError) -> SourceError {
    if error.may_pass() {
        SourceError::Away(error.to_string())
    } else {
        SourceError::Refused(error.to_string())
    }
}
