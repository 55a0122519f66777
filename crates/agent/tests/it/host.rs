//! A host: places for an agent's files, and how it joins and runs there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use keyward_agent::config::Config;
use keyward_agent::deployer::{Deployer, Source, Standing, Tell};
use keyward_agent::identity::Identity;
use keyward_agent::paths::Paths;
use keyward_agent::run::{self, RunError, Stop};
use keyward_agent::server::{Address, Join, JoinError};
use keyward_protocol::desired::Deployment;
use keyward_protocol::enrolment::{Facts, Mode};
use keyward_protocol::report::{DeploymentHealth, Drift, Phase};
use uuid::Uuid;

use crate::server::{CODE, Server};

pub struct Host {
    pub paths: Paths,
    pub folder: tempfile::TempDir,
}

impl Host {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(folder.path().join("etc/agent.toml"), folder.path().join("state"));
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        // No engine of the machine that runs the tests.
        let none = folder.path().join("none.sock");
        std::fs::write(paths.config(), format!("socket = {:?}\ncompose = \"/nonexistent\"\n", none)).unwrap();
        Self { paths, folder }
    }

    /// One that has joined.
    pub fn joined(server: &Server, mode: Mode) -> Self {
        let host = Self::new();
        host.join(server, mode).unwrap();
        host
    }

    pub fn join(&self, server: &Server, mode: Mode) -> Result<Identity, JoinError> {
        let address = Address::parse(&server.url(), false).unwrap();
        let join = Join {
            address: &address,
            code: CODE,
            mode,
            replace: false,
            plain_http: false,
            facts: Facts::default(),
        };
        join.run(&self.paths, &Config::load(self.paths.config()).unwrap())
    }

    pub fn client(&self) -> keyward_agent::server::Server {
        let config = Config::load(self.paths.config()).unwrap();
        keyward_agent::server::Server::open(&self.paths, &config).unwrap()
    }

    pub fn configure(&self, text: &str) {
        let before = std::fs::read_to_string(self.paths.config()).unwrap();
        std::fs::write(self.paths.config(), format!("{text}\n{before}")).unwrap();
    }

    /// Everything that is kept, for comparing.
    pub fn content(&self) -> BTreeMap<String, Vec<u8>> {
        let mut all = BTreeMap::new();
        collect(self.paths.state(), &mut all);
        all
    }

    pub fn run(&self, deployer: Arc<Recorder>) -> Running {
        let stop = Arc::new(Stop::default());
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let (paths, stopping, lines) = (self.paths.clone(), Arc::clone(&stop), Arc::clone(&log));
        let thread = std::thread::spawn(move || {
            let log = move |line: &str| lines.lock().unwrap().push(line.to_owned());
            run::run(&paths, Some(deployer), &stopping, Arc::new(log))
        });
        Running { stop, log, thread: Some(thread) }
    }
}

fn collect(folder: &Path, all: &mut BTreeMap<String, Vec<u8>>) {
    for found in std::fs::read_dir(folder).into_iter().flatten() {
        let path = found.unwrap().path();
        if path.is_dir() {
            collect(&path, all);
        } else {
            all.insert(path.display().to_string(), std::fs::read(&path).unwrap());
        }
    }
}

/// An agent that runs in this process.
pub struct Running {
    stop: Arc<Stop>,
    pub log: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<Result<(), RunError>>>,
}

impl Running {
    pub fn end(mut self) -> Result<(), RunError> {
        self.stop.stop();
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A deployer that writes down what it is asked, and says at once that it runs.
#[derive(Default)]
pub struct Recorder {
    pub calls: Mutex<Vec<Call>>,
    /// How often it was called.
    pub count: std::sync::atomic::AtomicUsize,
    pub known: Mutex<Vec<Uuid>>,
    /// Whether it panics.
    pub broken: Mutex<Option<Uuid>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    CarryOut(Uuid, u32),
    Resume(Uuid),
}

impl Recorder {
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

pub fn standing(revision: u32, phase: Phase) -> Standing {
    Standing { revision, running: Some(revision), phase, health: DeploymentHealth::Healthy }
}

impl Deployer for Recorder {
    fn carry_out(&self, order: &Deployment, source: &dyn Source, tell: &dyn Tell) {
        self.count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let call = Call::CarryOut(order.id, order.revision);
        let mut calls = self.calls.lock().unwrap();
        let last = calls.iter().rfind(|call| matches!(call, Call::CarryOut(id, _) if *id == order.id));
        if last == Some(&call) {
            // As it is said of deployers: nothing is left to do.
            return;
        }
        calls.push(call);
        drop(calls);
        let broken = *self.broken.lock().unwrap();
        assert_ne!(broken, Some(order.id), "as it is to");
        for file in &order.files {
            source.file(&file.sha256).unwrap();
        }
        self.known.lock().unwrap().push(order.id);
        tell.transition(order.id, standing(order.revision, Phase::Received));
        tell.transition(order.id, standing(order.revision, Phase::Running));
    }

    fn resume(&self, deployment: Uuid, _: &dyn Source, _: &dyn Tell) {
        self.calls.lock().unwrap().push(Call::Resume(deployment));
    }

    fn known(&self) -> Vec<Uuid> {
        let mut known = self.known.lock().unwrap().clone();
        known.sort();
        known.dedup();
        known
    }

    fn look(&self, _: Uuid) -> Option<(Standing, Vec<Drift>)> {
        None
    }
}
