//! Agents that are killed at each step, and what their successors make of it.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use keyward_agent::apply::Applier;
use keyward_agent::deployer::{Deployer as _, Standing, Tell};
use keyward_agent::paths::Paths;
use keyward_protocol::desired::Deployment;
use keyward_protocol::report::{Drift, Phase, Step};
use keyward_testkit_engines::{ComposeVersion, EngineKind};
use uuid::Uuid;

use super::host::{Host, Server, ask, engines, is_running_healthy, new_id, port, until};
use super::{PAIRS, is_long};

/// What the child is given, in the host's folder.
const SCENARIO: &str = "scenario.json";

/// Where the child writes what it tells.
const TOLD: &str = "told";

/// In the child's environment, the host's folder.
const AS_AGENT: &str = "KEYWARD_TEST_AS_AGENT";

/// How long a successor may take.
const CONVERGES: Duration = Duration::from_secs(60);

/// How a kill comes about.
#[derive(Debug, Clone, Copy)]
enum Kill {
    /// Where the step begins, with all that the agent has started.
    AtStart,
    /// So long after, and the agent alone: Compose goes on without it.
    After(Duration),
}

/// A server and an outbox in files.
struct Files {
    server: Server,
    told: Mutex<std::fs::File>,
}

impl Tell for Files {
    fn transition(&self, _: Uuid, now: Standing) {
        writeln!(self.told.lock().unwrap(), "{}", serde_json::to_string(&now.phase).unwrap()).unwrap();
    }

    fn state(&self, _: Uuid, _: Standing, _: Vec<Drift>) {}
}

/// No test by itself: the agent that tests start, and kill.
#[test]
fn acts_as_an_agent() {
    let Some(folder) = std::env::var_os(AS_AGENT) else { return };
    let folder = Path::new(&folder);
    let (order, files): (Deployment, _) =
        serde_json::from_slice(&std::fs::read(folder.join(SCENARIO)).unwrap()).unwrap();
    let server = Server { files: Mutex::new(files), ..Server::default() };
    let told = std::fs::OpenOptions::new().create(true).append(true).open(folder.join(TOLD)).unwrap();
    let files = Files { server, told: Mutex::new(told) };
    let applier = Applier::new(Paths::new(folder.join("agent.toml"), folder.join("state")));
    applier.resume(order.id, &files.server, &files);
    applier.carry_out(&order, &files.server, &files);
}

fn start(host: &Host, halt: Option<Step>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "apply::kills::acts_as_an_agent", "--nocapture"]).env(AS_AGENT, host.folder());
    if let Some(step) = halt {
        command.env("KEYWARD_AGENT_HALT", step.as_str());
    }
    command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Asks the application again and again; how long it was away at most.
struct Pinger {
    ends: std::sync::Arc<std::sync::atomic::AtomicBool>,
    thread: Option<std::thread::JoinHandle<Duration>>,
}

impl Pinger {
    fn start(port: u16) -> Self {
        let ends = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let end = std::sync::Arc::clone(&ends);
        let thread = std::thread::spawn(move || {
            let (mut answered, mut longest) = (Instant::now(), Duration::ZERO);
            while !end.load(std::sync::atomic::Ordering::SeqCst) {
                if ask(port).is_some() {
                    answered = Instant::now();
                }
                longest = longest.max(answered.elapsed());
                std::thread::sleep(Duration::from_millis(50));
            }
            longest
        });
        Self { ends, thread: Some(thread) }
    }

    fn longest(mut self) -> Duration {
        self.ends.store(true, std::sync::atomic::Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap()
    }
}

/// An application on a host, through many kills.
struct Rounds<'a> {
    host: &'a Host,
    server: Server,
    id: Uuid,
    port: u16,
    revision: u32,
    volumes: Vec<String>,
}

impl<'a> Rounds<'a> {
    fn new(host: &'a Host) -> Self {
        let mut rounds = Self {
            host,
            server: Server::default(),
            id: new_id(),
            port: port(),
            revision: 0,
            volumes: Vec::new(),
        };
        let order = rounds.next();
        let standing = host.carry_out(&order, &rounds.server);
        assert!(is_running_healthy(&standing, 1), "{standing:?}");
        rounds.volumes = host.volumes(&order);
        rounds
    }

    /// The next revision, written down for the child.
    fn next(&mut self) -> Deployment {
        self.revision += 1;
        let tag = if self.revision % 2 == 1 { "1" } else { "2" };
        let compose = self.host.compose(tag, self.port, "");
        let conf = format!("revision {}", self.revision);
        let order = self.host.order(
            self.id,
            &self.server,
            self.revision,
            &[("compose.yaml", &compose), ("app.conf", &conf)],
        );
        let scenario = serde_json::to_vec(&(&order, &*self.server.files.lock().unwrap())).unwrap();
        std::fs::write(self.host.folder().join(SCENARIO), scenario).unwrap();
        order
    }

    /// Kills an agent in the middle of an update, and lets another one go on; how long that took, and how long nothing answered.
    fn round(&mut self, step: Step, kill: Kill) -> (Duration, Duration) {
        let order = self.next();
        let what = format!("{step:?} {kill:?} of revision {} on {:?}", self.revision, self.host.kind);
        let halted = self.host.paths.state().join("halted");
        let _ = std::fs::remove_file(&halted);
        let pinger = Pinger::start(self.port);
        match kill {
            Kill::AtStart => {
                let mut agent = start(self.host, Some(step));
                until(&what, || halted.exists());
                end(&mut agent);
            }
            Kill::After(pause) => {
                let mut agent = start(self.host, None);
                let journal = self.host.paths.deployment(self.id).join("journal");
                let begun = || {
                    let text = std::fs::read_to_string(&journal).unwrap_or_default();
                    let of_revision =
                        text.starts_with(&format!("{{\"entry\":\"order\",\"revision\":{},", self.revision));
                    of_revision && text.contains(&format!("\"step\":\"{}\"", step.as_str()))
                };
                until(&what, begun);
                std::thread::sleep(pause);
                end(&mut agent);
            }
        }
        let started = Instant::now();
        let mut successor = start(self.host, None);
        while successor.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < CONVERGES, "{what} did not converge");
            std::thread::sleep(Duration::from_millis(20));
        }
        let took = started.elapsed();
        let down = pinger.longest();
        self.check(&order, &what);
        assert!(down <= Duration::from_secs(30), "{what}: down for {down:?}");
        (took, down)
    }

    fn check(&self, order: &Deployment, what: &str) {
        let told = std::fs::read_to_string(self.host.folder().join(TOLD)).unwrap();
        let last: Phase = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        assert_eq!(last, Phase::Running, "{what}");
        let (standing, drift) = self.host.applier().look(self.id).unwrap();
        assert!(is_running_healthy(&standing, self.revision), "{what}: {standing:?}");
        assert_eq!(drift, [], "{what}");
        assert_eq!(self.host.rows(self.id).len(), 1, "{what}");
        assert_eq!(self.host.volumes(order), self.volumes, "{what}");
        let expected = format!("{}-acme", if self.revision % 2 == 1 { "1" } else { "2" });
        until(what, || ask(self.port).as_deref() == Some(&expected));
    }
}

/// Kills the agent. What it has started is in groups of their own, and goes on.
fn end(agent: &mut Child) {
    agent.kill().unwrap();
    agent.wait().unwrap();
}

/// Each step once, on one of the pairs; in the long form twice on each.
#[test]
fn an_agent_killed_at_any_step_is_followed_by_one_that_ends_it() {
    if engines().is_none() {
        return;
    }
    let started = Instant::now();
    let results = std::thread::scope(|scope| {
        let pairs = PAIRS.into_iter().enumerate();
        let threads: Vec<_> = pairs.map(|(index, pair)| scope.spawn(move || on_pair(index, pair))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>().concat()
    });
    let (count, converged) = (results.len(), results.iter().map(|(took, _)| *took).max().unwrap());
    let down = results.iter().map(|(_, down)| *down).max().unwrap();
    eprintln!(
        "{count} kills in {:?}: converged within {converged:?}, down for {down:?} at most",
        started.elapsed()
    );
    assert_eq!(count, if is_long() { 2 * 13 * 4 } else { 13 });
}

fn on_pair(index: usize, (engine, compose): (EngineKind, ComposeVersion)) -> Vec<(Duration, Duration)> {
    let host = Host::new(engine, compose);
    let mut rounds = Rounds::new(&host);
    let mut results = Vec::new();
    for (number, step) in Step::ALL.into_iter().enumerate() {
        // At another moment in each round; Compose takes about a second.
        let pause = Duration::from_millis(u64::try_from((number * 7 + index * 3) % 12).unwrap() * 100);
        if is_long() {
            results.push(rounds.round(step, Kill::AtStart));
            results.push(rounds.round(step, Kill::After(pause)));
        } else if number % PAIRS.len() == index {
            let exact = !matches!(step, Step::Up | Step::Settle);
            results.push(rounds.round(step, if exact { Kill::AtStart } else { Kill::After(pause) }));
        }
    }
    results
}
