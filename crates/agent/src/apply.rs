//! Brings a revision about: the thirteen steps, the way back, and what follows from what the journal says after a crash.
//!
//! ```text
//! accept ► resolve ► write ► read ► config ► needs ► checks ► pull ► pin │ before ► up ► settle ► commit
//!                        nothing of what runs is touched up to here      │      └────────┴─► back to the revision before
//! ```
//!
//! | to find | look in |
//! |---|---|
//! | what an order leads to, and what a crash leaves | this file, `work` |
//! | steps 1 to 7 | `prepare`, `checks` |
//! | step 8 | `pull` |
//! | steps 9 to 13 | `up`, `stall`, `settle`, `health` |
//! | the way back | `back` |
//! | orders to stop and to remove | `end` |
//! | what else there is than was brought about | `look` |
//! | what people see of it on the host | `shown` |
//! | what is kept on the disk | `folder`, `journal`, `state` |
//! | how Compose is run | `compose_run` |

use std::time::Duration;

use keyward_protocol::desired::{Deployment, Order};
use keyward_protocol::report::{Block, Drift, Failure, Phase, ServiceLines, Step};
use uuid::Uuid;

use crate::deployer::{Deployer, Source, Standing, Tell};
use crate::engine::model::Container;
use crate::paths::Paths;

mod back;
mod checks;
mod compose_run;
mod end;
mod folder;
mod health;
mod held;
mod image;
mod journal;
mod look;
mod plan;
mod prepare;
mod pull;
mod settle;
mod shown;
mod stall;
mod state;
mod up;
mod work;

pub use shown::{CommandError, Written};

use folder::Folder;
use journal::{Journal, UnderWay};
use state::{Open, Outcome, State, Waiting};
use work::Work;

/// The label of every container of a deployment; its value is the deployment's id.
pub const LABEL: &str = "dev.keyward.deployment";

/// How often what may get better by itself is tried.
const MOST_TRIES: u32 = 5;

/// How long after a try the next one is, in seconds: within an hour all have been.
const PAUSES: [i64; 4] = [30, 120, 600, 1800];

/// Changes the host by its container engine and Compose.
#[derive(Debug, Clone)]
pub struct Applier {
    paths: Paths,
    halt: Option<Step>,
}

/// Why a revision is not brought about now.
#[derive(Debug)]
enum Stopped {
    /// A person has to do something first.
    Blocked {
        by: Block,
        items: Vec<keyward_protocol::report::BlockItem>,
        /// The consents that would let it go on.
        open: Vec<String>,
    },
    /// It may get better by itself.
    Transient { step: Step, message: String },
    /// It can't.
    Failed { step: Step, message: String, services: Vec<ServiceLines> },
    /// The disk of the agent itself is in trouble.
    Disk(std::io::Error),
    /// The agent is about to end: it goes on at the next start.
    Ending,
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error)
    }
}

impl Applier {
    /// With what is kept at these places. What `agent.toml` says is read anew for each order.
    pub fn new(paths: Paths) -> Self {
        Self { paths, halt: halt() }
    }

    fn folder(&self, id: Uuid) -> Folder {
        Folder::new(self.paths.deployment(id))
    }

    /// Does something with a deployment under its lock. What can't be kept on the disk is told, and left for later.
    fn locked(&self, id: Uuid, then: impl FnOnce(&Folder) -> std::io::Result<()>) -> std::io::Result<()> {
        let folder = self.folder(id);
        match folder.lock()? {
            Some(_lock) => then(&folder),
            None => Err(std::io::Error::other("another program is changing this deployment")),
        }
    }

    fn carry_out_locked(
        &self,
        folder: &Folder,
        order: &Deployment,
        source: &dyn Source,
        tell: &dyn Tell,
    ) -> std::io::Result<()> {
        self.finish(folder, order.id, source, tell)?;
        if Journal::new(folder.journal()).under_way()?.is_some() {
            // The agent is about to end, half-way: the next start needs the journal as it is.
            return Ok(());
        }
        let state: State = folder.state()?;
        if order.revision < state.highest {
            // A server never takes a number back.
            return Ok(());
        }
        let mut work = Work::new(self, folder.clone(), order.clone(), state, source, tell);
        if !work.is_due()? {
            return Ok(());
        }
        work.begin()
    }

    /// Ends what was under way when an agent was last stopped.
    fn finish(&self, folder: &Folder, id: Uuid, source: &dyn Source, tell: &dyn Tell) -> std::io::Result<()> {
        let journal = Journal::new(folder.journal());
        let Some(under_way) = journal.under_way()? else {
            return self.tell_again(folder, id, tell);
        };
        compose_run::end_leftovers(&id.to_string())?;
        let state: State = folder.state()?;
        let Some(order) = order_of(folder, &under_way)? else {
            // It was not even written down: the server will say it again.
            return journal.append(&journal::Entry::End);
        };
        let mut work = Work::new(self, folder.clone(), order, state, source, tell);
        if under_way.order == Order::Run && (under_way.back.is_some() || under_way.step >= Some(Step::Up)) {
            work.go_on(under_way)
        } else {
            work.begin()
        }
    }

    /// An outcome that may not have been told before a crash.
    fn tell_again(&self, folder: &Folder, id: Uuid, tell: &dyn Tell) -> std::io::Result<()> {
        let mut state: State = folder.state()?;
        let running = state.current;
        let Some(outcome) = state.outcome.as_mut().filter(|outcome| !outcome.told) else { return Ok(()) };
        tell.transition(id, outcome.standing(running));
        outcome.told = true;
        folder.write_state(&state)
    }
}

/// The order that was under way, if it had been accepted.
fn order_of(folder: &Folder, under_way: &UnderWay) -> std::io::Result<Option<Deployment>> {
    let of_revision = || folder.revision_order(under_way.revision);
    let fits =
        |order: &Deployment| order.revision == under_way.revision && order.attempt == under_way.attempt;
    Ok(match folder.order()?.filter(fits) {
        Some(order) => Some(Deployment { order: under_way.order, ..order }),
        None => of_revision()?.filter(fits),
    })
}

impl Deployer for Applier {
    fn carry_out(&self, order: &Deployment, source: &dyn Source, tell: &dyn Tell) {
        let done = self.locked(order.id, |folder| self.carry_out_locked(folder, order, source, tell));
        if let Err(error) = done {
            self.tell_trouble(order, &error, tell);
        }
    }

    fn resume(&self, deployment: Uuid, source: &dyn Source, tell: &dyn Tell) {
        if !self.folder(deployment).exists() {
            return;
        }
        let done = self.locked(deployment, |folder| self.finish(folder, deployment, source, tell));
        if let (Err(error), Ok(Some(order))) = (done, self.folder(deployment).order()) {
            self.tell_trouble(&order, &error, tell);
        }
    }

    fn known(&self) -> Vec<Uuid> {
        let entries = std::fs::read_dir(self.paths.deployments()).into_iter().flatten().flatten();
        let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<Uuid>().ok());
        ids.filter(|id| !self.is_removed(*id)).collect()
    }

    fn look(&self, deployment: Uuid) -> Option<(Standing, Vec<Drift>)> {
        look::look(&self.paths, &self.folder(deployment), deployment)
    }
}

impl Applier {
    fn is_removed(&self, id: Uuid) -> bool {
        let state = self.folder(id).state::<State>();
        let removed = |outcome: Outcome| matches!(outcome.phase, Phase::Removed { .. });
        state.is_ok_and(|state| state.outcome.is_some_and(removed))
    }

    /// Tells that it can't go on: the agent's disk or the engine is in trouble. That is not kept, so that the next call tries again, and
    /// it is a state, which replaces the one before, however often it is told.
    fn tell_trouble(&self, order: &Deployment, error: &std::io::Error, tell: &dyn Tell) {
        let state: State = self.folder(order.id).state().unwrap_or_default();
        let failure = Failure {
            step: Step::Accept,
            message: format!("The agent can't go on now, and tries again: {error}"),
            tries: 1,
            services: Vec::new(),
        };
        let health = state.outcome.map_or(keyward_protocol::DeploymentHealth::Down, |outcome| outcome.health);
        let standing = Standing {
            revision: order.revision,
            running: state.current,
            phase: Phase::Failed { failure },
            health,
        };
        tell.state(order.id, standing, Vec::new());
    }
}

/// The service that a container is of.
fn service_of(container: &Container) -> &str {
    container.config.labels.get("com.docker.compose.service").map_or("", String::as_str)
}

/// When to try again after so many tries, in seconds from now. `None` after the last.
fn pause(tries: u32) -> Option<i64> {
    let index = usize::try_from(tries.saturating_sub(1)).ok()?;
    PAUSES.get(index).copied().filter(|_| tries < MOST_TRIES)
}

/// In builds for tests, at which step to stand still for ever, so that it is killed exactly there.
#[cfg(debug_assertions)]
fn halt() -> Option<Step> {
    let step = std::env::var_os("KEYWARD_AGENT_HALT")?;
    Step::ALL.into_iter().find(|known| Some(known.as_str()) == step.to_str())
}

#[cfg(not(debug_assertions))]
fn halt() -> Option<Step> {
    None
}

/// How long an application may be waited for while Compose is at work.
const UP_PATIENCE: Duration = Duration::from_secs(600);
