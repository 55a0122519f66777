//! The agent's life: it asks what is desired, has it carried out, looks at what runs, and tells.
//!
//! A thread asks, one tells, one waits for changes on the host, and each deployment has one of its own, so that none waits for
//! another. Nothing is ever stopped because the server is silent.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use keyward_protocol::Desired;
use keyward_protocol::enrolment::Mode;

pub use self::status::Status;
pub use self::stop::Stop;

use self::workers::Workers;
use crate::config::{Config, ConfigError};
use crate::deployer::Deployer;
use crate::disk;
use crate::outbox::Outbox;
use crate::paths::Paths;
use crate::server::{OpenError, Server};

mod backoff;
mod poll;
mod status;
mod stop;
mod tell;
mod watch;
mod workers;

/// Where lines for people go.
pub type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// What changes the host.
pub type AnyDeployer = Arc<dyn Deployer + Send + Sync>;

/// Why the agent can't run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Another one does.
    #[error("the agent is running already, with the state in {0}")]
    Running(String),
    /// The server can't be asked.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// `agent.toml` can't be followed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The state can't be used.
    #[error("can't use {path}: {source}")]
    Io {
        /// Which part of it.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// For how long the end of what is under way is waited for: less than systemd gives a service.
const ENDING: Duration = Duration::from_secs(75);

/// What the threads share.
struct Shared {
    paths: Paths,
    server: Server,
    outbox: Outbox,
    stop: Arc<Stop>,
    log: Log,
    config: Mutex<Config>,
    desired: Mutex<Option<Desired>>,
}

impl Shared {
    fn config(&self) -> Config {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn log(&self, line: &str) {
        (self.log)(line);
    }
}

/// The right to be the one that runs with this state, held as long as it lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes it.
    ///
    /// # Errors
    /// If another program has it.
    pub fn take(paths: &Paths) -> Result<Self, RunError> {
        let path = paths.lock();
        let io = |source| RunError::Io { path: path.display().to_string(), source };
        disk::make_folder(paths.state()).map_err(io)?;
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(std::fs::TryLockError::WouldBlock) => {
                Err(RunError::Running(paths.state().display().to_string()))
            }
            Err(std::fs::TryLockError::Error(source)) => Err(io(source)),
        }
    }
}

impl Lock {
    /// Whether it could be taken, without leaving a trace.
    ///
    /// # Errors
    /// If another program has it.
    pub fn look(paths: &Paths) -> Result<(), RunError> {
        if paths.lock().exists() { Self::take(paths).map(drop) } else { Ok(()) }
    }
}

/// Runs until it is told to stop. Without a deployer nothing is carried out.
///
/// # Errors
/// If it can't begin.
pub fn run(paths: &Paths, deployer: Option<AnyDeployer>, stop: &Arc<Stop>, log: Log) -> Result<(), RunError> {
    let _lock = Lock::take(paths)?;
    let config = Config::load(paths.config())?;
    let server = Server::open(paths, &config)?;
    let identity = server.identity();
    let clock = server.clock();
    let io = |source| RunError::Io { path: paths.outbox().display().to_string(), source };
    let outbox = Outbox::open(&paths.outbox(), move || clock.now()).map_err(io)?;
    let shared = Arc::new(Shared {
        paths: paths.clone(),
        server,
        outbox,
        stop: Arc::clone(stop),
        log,
        config: Mutex::new(config),
        desired: Mutex::new(None),
    });
    shared.log(&format!(
        "agent {} of “{}” at {}, mode {}",
        identity.agent,
        identity.target_name,
        identity.server,
        identity.mode.as_str()
    ));
    let deployer = deployer.filter(|_| identity.mode == Mode::Manage);
    let workers = Workers::new(Arc::clone(&shared), deployer);
    workers.resume_known();
    let (of, with) = (Arc::clone(&shared), workers.clone());
    let poll = spawn("poll", &shared, move || poll::run(&of, &with));
    let of = Arc::clone(&shared);
    let tell = spawn("tell", &shared, move || tell::run(&of));
    watch::run(&shared, &workers);
    end(&shared, &workers, [poll, tell]);
    Ok(())
}

fn spawn(name: &str, shared: &Shared, run: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map_err(|error| shared.log(&format!("can't start a thread: {error}"))).ok()
}

/// Waits until what is under way has come to a place where it can be left, then tells what is left to tell.
fn end(shared: &Shared, workers: &Workers, threads: [Option<JoinHandle<()>>; 2]) {
    shared.log("stopping");
    workers.end(Instant::now() + ENDING);
    shared.outbox.nudge();
    let [poll, tell] = threads;
    if let Some(tell) = tell {
        let _ = tell.join();
    }
    // It may be waiting for news of the server.
    shared.server.hang_up();
    if let Some(poll) = poll {
        let _ = poll.join();
    }
    shared.log("stopped");
}
