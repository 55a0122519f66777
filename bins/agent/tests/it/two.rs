//! Two agents on one host, as programs, before one engine: neither touches what is the other's, and none tells a secret.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use keyward_agent::apply::LABEL;
use keyward_agent::engine::api::Engine;
use keyward_agent::protocol::desired::{
    Cause, Deployment, Entry, FileRef, LicenseEntry, Order, PullCredential, Volumes,
};
use keyward_agent::protocol::report::Phase;
use keyward_testkit_engines::{ComposeVersion, EngineKind, Engines, Recorder, compose, free_port, missing};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::server::{CODE, Server};
use crate::{Host, ended, terminate};

const CONF: &str = "license={{ .LicenseKeys.app }}\n";

/// One agent, with its server and what it is told to run.
struct Party {
    server: Server,
    host: Host,
    recorder: Recorder,
    id: Uuid,
    port: u16,
    secrets: Vec<String>,
    agent: Option<Child>,
}

impl Party {
    fn start(engines: &Engines, number: u128) -> Self {
        let (server, host) = (Server::start(), Host::new());
        let socket = host.folder.path().join("engine.sock");
        let recorder = Recorder::start(socket.clone(), &engines.socket(EngineKind::Docker)).unwrap();
        let compose = compose(ComposeVersion::Five);
        let config = format!("socket = {socket:?}\ncompose = {compose:?}\n[limits]\nfree_disk_mib = 64\n");
        std::fs::write(host.config(), config).unwrap();
        let secrets: Vec<_> = (0..10).map(|index| format!("canary-{number}{index}-Zx9 q'v/w\"$")).collect();
        server.change(|state| {
            state.credentials = vec![PullCredential {
                registry: engines.registry().to_owned(),
                username: "agent".into(),
                password: secrets[9].clone(),
            }];
        });
        assert_eq!(host.ends(&["join", &server.url(), CODE]).0, 0);
        let log = File::create(host.folder.path().join("log")).unwrap();
        let agent = Some(host.command(&["run"]).stderr(log).spawn().unwrap());
        let id = Uuid::from_u128((u128::from(std::process::id()) << 32) | number);
        Self { server, host, recorder, id, port: free_port().unwrap(), secrets, agent }
    }

    fn order(&self, engines: &Engines, revision: u32, tag: &str, more: &str) -> Deployment {
        let compose = format!(
            "services:\n  app:\n    image: {}\n    restart: unless-stopped\n    stop_grace_period: 1s\n    \
             environment: {{VERSION: \"{tag}\", SECRET: \"${{S0}}\", ALL: \"${{S1}}${{S2}}${{S3}}${{S4}}\"{more}}}\n    \
             healthcheck: {{test: [CMD, /probe, health], interval: 1s, timeout: 1s, retries: 3, start_period: 1s}}\n    \
             ports: [\"127.0.0.1:{}:8080\"]\n    volumes: [\"data:/data\", \"./app.conf:/app.conf:ro\"]\n\
             volumes: {{data: {{}}}}\n",
            engines.image(tag),
            self.port
        );
        let files = [("compose.yaml", compose.as_str()), ("app.conf", CONF)].map(|(name, text)| {
            let sha256: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
            self.server.state().files.insert(sha256.clone(), text.to_owned());
            FileRef { name: name.to_owned(), sha256 }
        });
        let values = self.secrets[..8].iter().enumerate();
        Deployment {
            id: self.id,
            name: "Shop".into(),
            project: format!("kw-shop-{}", &self.id.simple().to_string()[20..]),
            application: "shop".into(),
            version: format!("{revision}.0"),
            revision,
            cause: Cause::Update,
            attempt: 1,
            order: Order::Run,
            files: files.into(),
            values: values.map(|(index, secret)| (format!("S{index}"), secret.clone())).collect(),
            licenses: BTreeMap::from([("app".to_owned(), LicenseEntry::Token(self.secrets[8].clone()))]),
            images: ["1", "2", "3", "4", "5"]
                .map(|tag| (engines.image(tag), engines.digest(tag).to_owned()))
                .into(),
            health_seconds: Some(25),
            no_way_back: false,
        }
    }

    fn tell(&self, order: Deployment) {
        self.server.change(|state| state.entries = vec![Entry::Deployment(Box::new(order))]);
    }

    /// Where the revision has come to in the end.
    fn outcome(&self, revision: u32) -> Phase {
        self.server.until("the order is carried out", |state| {
            let last = state.transitions.get(&self.id)?.last()?;
            let is_over = matches!(
                last.phase,
                Phase::Running
                    | Phase::RolledBack { .. }
                    | Phase::Failed { .. }
                    | Phase::Blocked { .. }
                    | Phase::Removed { .. }
            );
            (last.revision == revision && is_over).then(|| last.phase.clone())
        })
    }

    fn label(&self) -> String {
        format!("{LABEL}={}", self.id)
    }

    /// Ids and names of all that is its own now, with since when its containers run.
    fn own(&self, engine: &Engine) -> Vec<String> {
        let rows = engine.containers(&self.label()).unwrap();
        let mut own: Vec<_> = rows.iter().map(|row| row.id.clone()).collect();
        own.extend(rows.iter().map(|row| engine.container(&row.id).unwrap().unwrap().state.started_at));
        let project = format!("com.docker.compose.project=kw-shop-{}", &self.id.simple().to_string()[20..]);
        own.extend(engine.networks(&project).unwrap().into_iter().map(|network| network.id));
        own.extend(engine.volumes(&project).unwrap());
        own
    }

    /// Everything that this agent has written or told, but for where values have to be for Compose and the way back.
    fn told(&self) -> String {
        let folder = self.host.folder.path();
        let mut text = std::fs::read_to_string(folder.join("log")).unwrap();
        for path in files(&folder.join("state")) {
            let within = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            let needed = within.ends_with("order.json")
                || ["/rev/", "/files/"].iter().any(|part| within.contains(part));
            if !needed {
                text += &String::from_utf8_lossy(&std::fs::read(&path).unwrap());
            }
        }
        text += &serde_json::to_string(&self.server.state().reports).unwrap();
        text += &self.host.ends(&["show", &self.id.to_string()]).1;
        text + &self.host.ends(&["status"]).1
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            let _ = agent.kill();
            let _ = agent.wait();
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// The arguments of every program on the machine, looked at again and again, in which something stands that should not.
fn watch_arguments(ends: Arc<AtomicBool>) -> thread::JoinHandle<Vec<String>> {
    thread::spawn(move || {
        let mut found = Vec::new();
        while !ends.load(Ordering::SeqCst) {
            for entry in std::fs::read_dir("/proc").unwrap().flatten() {
                let text = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                let text = String::from_utf8_lossy(&text).into_owned();
                if text.contains("canary-") {
                    found.push(text);
                }
            }
            thread::sleep(Duration::from_millis(20));
        }
        found
    })
}

#[test]
fn two_agents_on_one_host_touch_nothing_of_each_other_and_tell_no_secret() {
    let demanded = std::env::var_os("KEYWARD_TEST_ENGINES").is_some();
    let missing = missing();
    if !missing.is_empty() && !demanded {
        eprintln!("left out: two agents before one engine; not on this machine: {}", missing.join(", "));
        return;
    }
    let engines = Engines::start().unwrap();
    let engine = Engine::new(&engines.socket(EngineKind::Docker));
    let ends = Arc::new(AtomicBool::new(false));
    let watch = watch_arguments(Arc::clone(&ends));
    let parties = [Party::start(&engines, 1), Party::start(&engines, 2)];
    let [one, other] = &parties;
    // Both fetch and start the same at the same time.
    parties.iter().for_each(|party| party.tell(party.order(&engines, 1, "1", "")));
    parties.iter().for_each(|party| assert_eq!(party.outcome(1), Phase::Running));
    let before = other.own(&engine);
    // A container, since when it runs, a network and a volume.
    assert_eq!(before.len(), 4, "{before:?}");
    other.recorder.take();
    one.recorder.take();

    // Two revisions on, the first one's image is cleaned up; the other still runs it.
    for (revision, tag) in [(2, "2"), (3, "3")] {
        one.tell(one.order(&engines, revision, tag, ""));
        assert_eq!(one.outcome(revision), Phase::Running);
    }
    one.tell(one.order(&engines, 4, "4", ", CRASH: \"1\""));
    assert!(matches!(one.outcome(4), Phase::RolledBack { to: 3, .. }), "{:?}", one.outcome(4));
    let mut none = one.order(&engines, 5, "5", "");
    none.images.insert(engines.image("5"), format!("sha256:{}", "0".repeat(64)));
    one.tell(none);
    assert!(matches!(one.outcome(5), Phase::Failed { .. }), "{:?}", one.outcome(5));
    let own = one.own(&engine);
    let texts = parties.each_ref().map(Party::told);
    one.tell(Deployment {
        order: Order::Remove { volumes: Volumes::Delete },
        ..one.order(&engines, 6, "3", "")
    });
    assert_eq!(one.outcome(6), Phase::Removed { volumes_deleted: true });
    assert!(one.own(&engine).is_empty());
    assert_eq!(other.own(&engine), before);
    let by_digest = format!("{}@{}", engines.image("1").rsplit_once(':').unwrap().0, engines.digest("1"));
    assert!(engine.image(&by_digest).unwrap().is_some());
    // What either agent, and Compose for it, has asked the engine to change.
    let writes = |party: &Party| -> Vec<String> {
        party.recorder.take().into_iter().filter(|request| !request.starts_with("GET ")).collect()
    };
    let names = |writes: &[String], own: &[String]| {
        writes.iter().filter(|write| own.iter().any(|name| write.contains(name.as_str()))).count()
    };
    let (of_one, of_other) = (writes(one), writes(other));
    assert!(!of_one.is_empty() && names(&of_one, &own) > 0, "{of_one:?}");
    assert_eq!((names(&of_one, &before), names(&of_other, &own)), (0, 0), "{of_one:?} {of_other:?}");
    // The other goes on by itself, and needs no registry for what it has.
    other.tell(other.order(&engines, 2, "2", ""));
    assert_eq!(other.outcome(2), Phase::Running);

    ends.store(true, Ordering::SeqCst);
    assert_eq!(watch.join().unwrap(), Vec::<String>::new());
    for (party, text) in parties.iter().zip(texts) {
        let text = text + &party.told();
        assert!(text.contains("Shop") && !text.contains("canary-"), "{}", around(&text));
    }
    assert!(one.told().contains("[redacted]"), "nothing was to be hidden");
    let begun = Instant::now();
    for mut party in parties {
        let mut agent = party.agent.take().unwrap();
        terminate(&agent);
        assert_eq!(ended(&mut agent), 0);
        for row in engine.containers(&party.label()).unwrap() {
            engine.remove_container(&row.id, true).unwrap();
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(60));
}

/// What stands around the first secret.
fn around(text: &str) -> String {
    let at = text.find("canary-").unwrap_or(0);
    String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(300)..text.len().min(at + 100)]).into_owned()
}
