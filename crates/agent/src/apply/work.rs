//! One order at work: what it has at hand, how it is journalled and told, and how it ends.

use std::io;
use std::path::{Path, PathBuf};

use keyward_compose::Need;
use keyward_protocol::desired::{Deployment, LicenseEntry, Order};
use keyward_protocol::report::{Block, BlockItem, DeploymentHealth, Failure, Phase, Step};

use super::compose_run::{Output, Run};
use super::{
    Applier, Folder, Journal, Open, Outcome, State, Stopped, UnderWay, Waiting, journal, look, pause,
};
use crate::compose_program::ComposeProgram;
use crate::config::{Config, DELETE_VOLUMES};
use crate::deployer::{Source, Standing, Tell};
use crate::engine::api::Engine;
use crate::paths::Paths;
use crate::redact::Redactor;

/// The most characters of a message.
const MOST_MESSAGE: usize = 1000;

/// An order that is carried out.
pub(super) struct Work<'a> {
    pub paths: &'a Paths,
    pub folder: Folder,
    pub journal: Journal,
    pub order: Deployment,
    pub state: State,
    pub source: &'a dyn Source,
    pub tell: &'a dyn Tell,
    pub config: Config,
    /// Why `agent.toml` can't be followed, if it can't.
    pub config_error: Option<String>,
    pub redactor: Redactor,
    halt: Option<Step>,
}

/// What commands are run with.
pub(super) struct Tools {
    pub engine: Engine,
    pub podman: bool,
    pub compose: ComposeProgram,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        applier: &'a Applier,
        folder: Folder,
        order: Deployment,
        state: State,
        source: &'a dyn Source,
        tell: &'a dyn Tell,
    ) -> Self {
        let (config, config_error) = match Config::load(applier.paths.config()) {
            Ok(config) => (config, None),
            Err(error) => (Config::default(), Some(error.to_string())),
        };
        let redactor = Redactor::new(secrets(&order));
        Self {
            paths: &applier.paths,
            journal: Journal::new(folder.journal()),
            folder,
            order,
            state,
            source,
            tell,
            config,
            config_error,
            redactor,
            halt: applier.halt,
        }
    }

    /// Whether there is anything to do.
    pub(super) fn is_due(&mut self) -> io::Result<bool> {
        if let Some(outcome) = self.state.outcome.as_ref().filter(|outcome| outcome.is_of(&self.order)) {
            if !outcome.open.0.is_empty() {
                return Ok(self.allows_all(&outcome.open));
            }
            return self.is_to_be_repaired();
        }
        let waiting = self.state.waiting.as_ref().filter(|waiting| waiting.is_of(&self.order));
        Ok(waiting.is_none_or(|waiting| self.source.now() >= waiting.next))
    }

    /// Whether a person has allowed by now what was waited for.
    fn allows_all(&self, open: &Open) -> bool {
        self.config_error.is_none()
            && open.0.iter().all(|text| match text.parse::<Need>() {
                _ if text == DELETE_VOLUMES => self.config.may_delete_volumes(self.order.id),
                Ok(need) => self.allows(&need),
                Err(_) => false,
            })
    }

    /// Whether a need is covered by a consent in `agent.toml`.
    pub(super) fn allows(&self, need: &Need) -> bool {
        let allowed = self.config.deployment(self.order.id).allow;
        allowed.iter().filter_map(|text| text.parse::<Need>().ok()).any(|consent| consent.covers(need))
    }

    /// Whether something was changed by hand that is brought back, once.
    fn is_to_be_repaired(&mut self) -> io::Result<bool> {
        let runs =
            matches!(&self.state.outcome, Some(Outcome { phase: Phase::Running, order: Order::Run, .. }));
        if !runs || !self.config.deployment(self.order.id).repair {
            return Ok(false);
        }
        let Some(gone) = look::is_gone_by_hand(self.paths, &self.folder, self.order.id) else {
            return Ok(false);
        };
        let due = gone && !self.state.repaired;
        if gone != self.state.repaired {
            self.state.repaired = gone;
            self.folder.write_state(&self.state)?;
        }
        Ok(due)
    }

    /// Carries the order out from its first step.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        let (revision, attempt, order) = (self.order.revision, self.order.attempt, self.order.order);
        self.journal.begin(revision, attempt, order)?;
        let done = match order {
            Order::Run => self.run(),
            Order::Stop => self.stop(),
            Order::Remove { volumes } => self.remove(volumes),
        };
        self.ended(done)
    }

    /// Goes on with what had changed something already.
    pub(super) fn go_on(&mut self, under_way: UnderWay) -> io::Result<()> {
        let done = match under_way.back {
            Some((to, failure)) => self.go_back(None, to, failure),
            None => self.run_on(),
        };
        self.ended(done)
    }

    fn ended(&mut self, done: Result<(), Stopped>) -> io::Result<()> {
        match done {
            Ok(()) | Err(Stopped::Ending) => Ok(()),
            Err(Stopped::Disk(error)) => Err(error),
            Err(Stopped::Blocked { by, items, open }) => {
                let items = items.into_iter().map(|item| self.told(by, item)).collect();
                self.end(Phase::Blocked { by, items }, Open(open))
            }
            Err(Stopped::Failed { step, message, services }) => {
                let failure = Failure { services, ..self.failure(step, &message) };
                self.end(Phase::Failed { failure }, Open::default())
            }
            Err(Stopped::Transient { step, message }) => self.put_off(step, &message),
        }
    }

    /// Keeps and tells how the order ended. Nothing is under way afterwards.
    pub(super) fn end(&mut self, phase: Phase, open: Open) -> io::Result<()> {
        let health = self.health();
        self.state.highest = self.state.highest.max(self.order.revision);
        self.state.waiting = None;
        self.state.outcome = Some(Outcome {
            revision: self.order.revision,
            attempt: self.order.attempt,
            order: self.order.order,
            phase,
            health,
            told: false,
            open,
        });
        self.folder.write_state(&self.state)?;
        self.journal.append(&journal::Entry::End)?;
        let running = self.state.current;
        if let Some(outcome) = &mut self.state.outcome {
            self.tell.transition(self.order.id, outcome.standing(running));
            outcome.told = true;
        }
        self.folder.write_state(&self.state)
    }

    /// Tries again later what may get better by itself, or gives it up.
    fn put_off(&mut self, step: Step, message: &str) -> io::Result<()> {
        let before = self.state.waiting.as_ref().filter(|waiting| waiting.is_of(&self.order));
        let tries = before.map_or(0, |waiting| waiting.failure.tries) + 1;
        let failure = Failure { tries, ..self.failure(step, message) };
        let Some(pause) = pause(tries) else {
            return self.end(Phase::Failed { failure }, Open::default());
        };
        self.state.waiting = Some(Waiting {
            revision: self.order.revision,
            attempt: self.order.attempt,
            failure,
            next: self.source.now().saturating_add(pause),
        });
        self.folder.write_state(&self.state)?;
        self.journal.append(&journal::Entry::End)
    }

    /// An item as it leaves the host. The words of a need stay: by them it is allowed.
    fn told(&self, by: Block, item: BlockItem) -> BlockItem {
        match by {
            Block::Needs => item,
            Block::Order | Block::Values | Block::Files | Block::Checks => {
                BlockItem { message: self.redactor.line(&item.message, MOST_MESSAGE), ..item }
            }
        }
    }

    pub(super) fn failure(&self, step: Step, message: &str) -> Failure {
        Failure { step, message: self.redactor.line(message, MOST_MESSAGE), tries: 1, services: Vec::new() }
    }

    /// Journals a step, and tells if the deployment stands elsewhere by it.
    pub(super) fn step(&self, step: Step) -> Result<(), Stopped> {
        if self.source.is_ending() {
            return Err(Stopped::Ending);
        }
        self.journal.append(&journal::Entry::Step { step })?;
        let phase = match step {
            Step::Accept => Some(Phase::Received),
            Step::Resolve => Some(Phase::Resolving),
            Step::Read => Some(Phase::Checking),
            Step::Pull => Some(Phase::Pulling),
            Step::Up => Some(Phase::Applying),
            Step::Settle => Some(Phase::Settling),
            Step::Write
            | Step::Config
            | Step::Needs
            | Step::Checks
            | Step::Pin
            | Step::Before
            | Step::Commit => None,
        };
        if let Some(phase) = phase {
            self.tell(phase);
        }
        self.halt_at(step);
        Ok(())
    }

    /// Tells where the deployment stands.
    pub(super) fn tell(&self, phase: Phase) {
        let standing = Standing {
            revision: self.order.revision,
            running: self.state.current,
            phase,
            health: self.health(),
        };
        self.tell.transition(self.order.id, standing);
    }

    /// In a test, stands still until the process is killed.
    fn halt_at(&self, step: Step) {
        if self.halt == Some(step) {
            let _ = std::fs::write(self.paths.state().join("halted"), step.as_str());
            loop {
                std::thread::sleep(std::time::Duration::from_secs(60));
            }
        }
    }

    /// How what runs is now; as it was last known, if the engine can't be asked.
    fn health(&self) -> DeploymentHealth {
        let known = self.state.outcome.as_ref().map(|outcome| outcome.health.clone());
        look::health(self.paths, &self.folder, self.order.id, self.state.current)
            .or(known)
            .unwrap_or(DeploymentHealth::Down)
    }

    /// The engine and Compose.
    pub(super) fn tools(&self) -> Result<Tools, Stopped> {
        let mut items = Vec::new();
        let mut missing = |message: String| items.push(BlockItem { message, command: None });
        if let Some(error) = &self.config_error {
            missing(format!("{error}."));
        }
        let socket = crate::engine::find_socket(self.config.socket.as_deref());
        if socket.is_none() {
            missing(
                "No container engine was found; Docker, or podman with its socket, has to be installed."
                    .into(),
            );
        }
        let compose = ComposeProgram::find(self.config.compose.as_deref());
        if let Err(error) = &compose {
            missing(format!("{error}."));
        }
        match (socket, compose, items.is_empty()) {
            (Some(socket), Ok(compose), true) => {
                let engine = Engine::new(&socket);
                let away = |error: crate::engine::EngineError| Stopped::Transient {
                    step: Step::Config,
                    message: format!("{error}."),
                };
                let podman = engine.is_podman().map_err(away)?;
                Ok(Tools { engine, podman, compose })
            }
            _ => Err(Stopped::Blocked { by: Block::Checks, items, open: Vec::new() }),
        }
    }

    /// The home folder that Compose sees: empty, so that nobody's settings count.
    fn home(&self) -> io::Result<PathBuf> {
        let home = self.paths.state().join("home");
        crate::disk::make_folder(&home)?;
        Ok(home)
    }

    /// Runs Compose for a revision of this deployment. `order` is the one that the revision was made by.
    pub(super) fn compose(
        &self,
        tools: &Tools,
        order: &Deployment,
        files: &str,
        args: &[&str],
        patience: std::time::Duration,
        is_over: &mut dyn FnMut() -> bool,
    ) -> io::Result<Output> {
        let (folder, home) = (self.folder.project_folder(files), self.home()?);
        let run = Run {
            socket: tools.engine.socket(),
            home: &home,
            deployment: &self.order.id.to_string(),
            folder: &folder,
            values: &order.values,
            patience,
        };
        let environment = folder.join(".env");
        let mut all = vec!["--ansi", "never", "-p", &order.project, "--project-directory", text(&folder)?];
        if environment.is_file() {
            all.extend(["--env-file", text(&environment)?]);
        }
        all.extend(args);
        run.run(&tools.compose, &all, is_over)
    }

    pub(super) fn label(&self) -> String {
        format!("{}={}", super::LABEL, self.order.id)
    }
}

/// Everything of an order that nobody else is to see.
pub(super) fn secrets(order: &Deployment) -> impl Iterator<Item = &str> {
    let tokens = order.licenses.values().filter_map(|license| match license {
        LicenseEntry::Token(token) => Some(token.as_str()),
        LicenseEntry::Missing(_) => None,
    });
    order.values.values().map(String::as_str).chain(tokens)
}

/// A path as an argument.
pub(super) fn text(path: &Path) -> io::Result<&str> {
    path.to_str().ok_or_else(|| io::Error::other(format!("{} is no text", path.display())))
}
