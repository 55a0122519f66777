//! A host with an engine, the agent's folders, and what an agent is told.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use keyward_agent::apply::Applier;
use keyward_agent::deployer::{Deployer as _, Source, SourceError, Standing, Tell};
use keyward_agent::engine::api::Engine;
use keyward_agent::engine::model::{Container, ContainerRow};
use keyward_agent::paths::Paths;
use keyward_protocol::desired::{
    Cause, Deployment, FileRef, LicenseEntry, Order, PullCredential, PullCredentials,
};
use keyward_protocol::report::{DeploymentHealth, Drift, Phase};
use keyward_testkit_engines::{ComposeVersion, EngineKind, Engines, Recorder, compose, free_port, missing};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The engines of this run. `None` if they can't be had and are not demanded, which is said.
pub(crate) fn engines() -> Option<&'static Engines> {
    static ENGINES: OnceLock<Option<Engines>> = OnceLock::new();
    let engines = ENGINES.get_or_init(|| {
        let demanded = std::env::var_os("KEYWARD_TEST_ENGINES").is_some();
        let missing = missing();
        if !missing.is_empty() && !demanded {
            eprintln!("left out: tests with container engines; not on this machine: {}", missing.join(", "));
            return None;
        }
        Some(Engines::start().unwrap())
    });
    engines.as_ref()
}

/// A host of one test.
pub(crate) struct Host {
    pub engines: &'static Engines,
    pub kind: EngineKind,
    /// Whether Compose is of the old kind.
    pub is_old: bool,
    pub paths: Paths,
    pub recorder: Recorder,
    pub engine: Engine,
    pub config: Mutex<String>,
    folder: tempfile::TempDir,
    ids: Mutex<Vec<Uuid>>,
}

/// What an agent was told, and tells.
#[derive(Default)]
pub(crate) struct Server {
    pub files: Mutex<BTreeMap<String, String>>,
    pub told: Mutex<Vec<Standing>>,
    pub states: Mutex<Vec<(Standing, Vec<Drift>)>>,
    /// Whether it can't be reached.
    pub away: Mutex<bool>,
    /// How many seconds later it is by its clock.
    pub later: Mutex<i64>,
    pub login: Mutex<Option<(String, String)>>,
}

impl Source for Server {
    fn file(&self, sha256: &str) -> Result<String, SourceError> {
        if *self.away.lock().unwrap() {
            return Err(SourceError::Away("it is away".into()));
        }
        let files = self.files.lock().unwrap();
        files.get(sha256).cloned().ok_or_else(|| SourceError::Refused("there is no such file".into()))
    }

    fn pull_credentials(&self, _: Uuid) -> Result<PullCredentials, SourceError> {
        if *self.away.lock().unwrap() {
            return Err(SourceError::Away("it is away".into()));
        }
        let credential = |(registry, password): (String, String)| PullCredential {
            registry,
            username: "agent".into(),
            password,
        };
        let credentials = self.login.lock().unwrap().clone().map(credential).into_iter().collect();
        Ok(PullCredentials { credentials, expires_at: self.now() + 900 })
    }

    fn now(&self) -> i64 {
        keyward_agent::clock::host_now() + *self.later.lock().unwrap()
    }
}

impl Tell for Server {
    fn transition(&self, _: Uuid, now: Standing) {
        self.told.lock().unwrap().push(now);
    }

    fn state(&self, _: Uuid, now: Standing, drift: Vec<Drift>) {
        self.states.lock().unwrap().push((now, drift));
    }
}

impl Server {
    /// Where the deployment stands by what was told last.
    pub fn last(&self) -> Standing {
        self.told.lock().unwrap().last().cloned().unwrap()
    }

    /// The names of all phases that were told, in order.
    pub fn phases(&self) -> Vec<&'static str> {
        self.told.lock().unwrap().iter().map(|standing| standing.phase.as_str()).collect()
    }

    pub fn forget(&self) {
        self.told.lock().unwrap().clear();
    }
}

impl Host {
    pub fn new(kind: EngineKind, version: ComposeVersion) -> Self {
        let engines = engines().unwrap();
        let folder = tempfile::Builder::new().prefix("host").tempdir_in(engines.folder()).unwrap();
        let socket = folder.path().join("engine.sock");
        let recorder = Recorder::start(socket.clone(), &engines.socket(kind)).unwrap();
        let paths = Paths::new(folder.path().join("agent.toml"), folder.path().join("state"));
        let config =
            format!("socket = {socket:?}\ncompose = {:?}\n[limits]\nfree_disk_mib = 64\n", compose(version));
        std::fs::write(paths.config(), &config).unwrap();
        Self {
            engines,
            kind,
            is_old: version == ComposeVersion::One,
            paths,
            recorder,
            engine: Engine::new(&engines.socket(kind)),
            config: Mutex::new(config),
            folder,
            ids: Mutex::default(),
        }
    }

    pub fn applier(&self) -> Applier {
        Applier::new(self.paths.clone())
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// An application of one service with a check, on a port and with a volume. More is said by `more`, below the service.
    pub fn compose(&self, tag: &str, port: u16, more: &str) -> String {
        let image = self.engines.image(tag);
        format!(
            "services:\n  app:\n    image: {image}\n    restart: unless-stopped\n    stop_grace_period: 1s\n    \
             environment: {{VERSION: \"{tag}-${{NAME:-none}}\"{more}}}\n    \
             healthcheck: {{test: [CMD, /probe, health], interval: 1s, timeout: 1s, retries: 3, start_period: 1s}}\n    \
             ports: [\"127.0.0.1:{port}:8080\"]\n    volumes: [\"data:/data\", \"./app.conf:/app.conf:ro\"]\n\
             volumes: {{data: {{}}}}\n"
        )
    }

    /// An order to run a revision with these files.
    pub fn order(&self, id: Uuid, server: &Server, revision: u32, files: &[(&str, &str)]) -> Deployment {
        let mut known = self.ids.lock().unwrap();
        if !known.contains(&id) {
            known.push(id);
        }
        let files = files.iter().map(|(name, text)| {
            let sha256 = hash(text);
            server.files.lock().unwrap().insert(sha256.clone(), (*text).to_owned());
            FileRef { name: (*name).to_owned(), sha256 }
        });
        let tags = ["1", "2", "3", "4", "5"];
        Deployment {
            id,
            name: "Shop".into(),
            project: project(id),
            application: "shop".into(),
            version: format!("{revision}.0"),
            revision,
            cause: if revision == 1 { Cause::Install } else { Cause::Update },
            attempt: 1,
            order: Order::Run,
            files: files.collect(),
            values: BTreeMap::from([("NAME".to_owned(), "acme".to_owned())]),
            licenses: BTreeMap::from([(
                "app".to_owned(),
                LicenseEntry::Token("eyJhbGciOiJFZERTQSJ9.e30.c2ln".into()),
            )]),
            images: tags.map(|tag| (self.engines.image(tag), self.engines.digest(tag).to_owned())).into(),
            health_seconds: Some(25),
            no_way_back: false,
        }
    }

    /// Carries an order out as an agent does.
    pub fn carry_out(&self, order: &Deployment, server: &Server) -> Standing {
        self.applier().carry_out(order, server, server);
        server.last()
    }

    pub fn allow(&self, id: Uuid, needs: &[&str]) {
        let config = self.config.lock().unwrap();
        std::fs::write(self.paths.config(), format!("{config}[deployments.{id}]\nallow = {needs:?}\n"))
            .unwrap();
    }

    pub fn rows(&self, id: Uuid) -> Vec<ContainerRow> {
        self.engine.containers(&format!("{}={id}", keyward_agent::apply::LABEL)).unwrap()
    }

    pub fn containers(&self, id: Uuid) -> Vec<Container> {
        self.rows(id).iter().map(|row| self.engine.container(&row.id).unwrap().unwrap()).collect()
    }

    /// For each running container, since when it runs.
    pub fn started(&self, id: Uuid) -> BTreeMap<String, String> {
        let running = self.containers(id).into_iter().filter(|container| container.state.status == "running");
        running.map(|container| (container.id, container.state.started_at)).collect()
    }

    pub fn volumes(&self, order: &Deployment) -> Vec<String> {
        self.engine.volumes(&format!("com.docker.compose.project={}", order.project)).unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for id in self.ids.get_mut().unwrap().iter() {
            let label = format!("{}={id}", keyward_agent::apply::LABEL);
            for row in self.engine.containers(&label).unwrap_or_default() {
                let _ = self.engine.remove_container(&row.id, true);
            }
            let project = format!("com.docker.compose.project={}", project(*id));
            for network in self.engine.networks(&project).unwrap_or_default() {
                let _ = self.engine.remove_network(&network.id);
            }
        }
    }
}

fn project(id: Uuid) -> String {
    format!("kw-shop-{}", &id.simple().to_string()[20..])
}

pub(crate) fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An id that no other test of this process has.
pub(crate) fn new_id() -> Uuid {
    static NEXT: Mutex<u128> = Mutex::new(0);
    let mut next = NEXT.lock().unwrap();
    *next += 1;
    // Of the process too, since what is called after it could be left of another run.
    Uuid::from_u128((u128::from(std::process::id()) << 64) | *next)
}

pub(crate) fn port() -> u16 {
    free_port().unwrap()
}

/// What an application answers at a port.
pub(crate) fn ask(port: u16) -> Option<String> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(2))).build().into();
    agent.get(format!("http://127.0.0.1:{port}/")).call().ok()?.body_mut().read_to_string().ok()
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !so() {
        assert!(Instant::now() < end, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn is_running_healthy(standing: &Standing, revision: u32) -> bool {
    standing.phase == Phase::Running
        && standing.running == Some(revision)
        && standing.health == DeploymentHealth::Healthy
}
