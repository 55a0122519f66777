//! Container engines, Compose and a registry in a temporary folder, for as long as a test run lasts.
//!
//! One `dockerd` and one `podman` service, each with its own root and socket, and a plain registry with images of one small program
//! that fails in the ways that applications fail in (`probe.c`). A shell holds them and waits for the end of its own standard
//! input, which is a pipe from this process: however this process ends, all is stopped, unmounted and removed.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

mod images;
mod recorder;

pub use recorder::Recorder;

const SUPERVISOR: &str = include_str!("supervisor.sh");

/// The program in the images.
const PROBE: &str = include_str!("probe.c");

/// How long an engine may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that reads Compose files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ComposeVersion {
    /// 5.6.1, in Go.
    Five,
    /// 1.29.2, in Python.
    One,
}

/// A container engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EngineKind {
    /// `dockerd`.
    Docker,
    /// `podman system service`.
    Podman,
}

/// What is missing on this machine, each with what it is for. Empty where tests with engines can run.
pub fn missing() -> Vec<&'static str> {
    let programs = ["dockerd", "runc", "podman", "docker-registry", "docker-compose", "gcc"];
    let mut missing: Vec<_> = programs.into_iter().filter(|name| find(name).is_none()).collect();
    if !compose_five().exists() {
        missing.push("target/compose/docker-compose (Compose 5)");
    }
    if !is_root() {
        missing.push("the rights of root");
    }
    missing
}

/// Where `cargo xtask … --install` puts Compose 5.
pub fn compose_five() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(3).unwrap_or(here).join("target/compose/docker-compose")
}

/// The program of that version.
pub fn compose(version: ComposeVersion) -> PathBuf {
    match version {
        ComposeVersion::Five => compose_five(),
        ComposeVersion::One => find("docker-compose").unwrap_or_default(),
    }
}

/// Stopped and removed when dropped, and when the process ends.
pub struct Engines {
    supervisor: Child,
    folder: PathBuf,
    registry: String,
    images: BTreeMap<String, String>,
}

impl Engines {
    /// Starts all of them and waits until they answer.
    ///
    /// # Errors
    /// If something is missing or does not start.
    pub fn start() -> Result<Self> {
        let missing = missing();
        ensure!(missing.is_empty(), "not on this machine: {}", missing.join(", "));
        let folder = tempfile::Builder::new().prefix("keyward-engines").tempdir()?.keep();
        let registry = format!("127.0.0.1:{}", free_port()?);
        configure(&folder, &registry)?;
        let probe = build_probe(&folder)?;
        let supervisor = Command::new("sh")
            .args(["-c", SUPERVISOR, "sh"])
            .arg(&folder)
            .arg(&registry)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting a shell")?;
        let mut engines = Self { supervisor, folder, registry, images: BTreeMap::new() };
        engines.wait()?;
        engines.images = images::publish(&engines.registry, &std::fs::read(probe)?)?;
        Ok(engines)
    }

    /// The socket of an engine.
    pub fn socket(&self, engine: EngineKind) -> PathBuf {
        self.folder.join(match engine {
            EngineKind::Docker => "docker.sock",
            EngineKind::Podman => "podman.sock",
        })
    }

    /// The address of the registry.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The reference of an image of the probe, by the name of its tag: `1` to `5`, each of another digest.
    pub fn image(&self, tag: &str) -> String {
        format!("{}/acme/probe:{tag}", self.registry)
    }

    /// The digest of that image.
    pub fn digest(&self, tag: &str) -> &str {
        &self.images[tag]
    }

    /// A folder that goes with the engines.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn wait(&mut self) -> Result<()> {
        let started = Instant::now();
        let sockets = [self.socket(EngineKind::Docker), self.socket(EngineKind::Podman)];
        while started.elapsed() < PATIENCE {
            let ready = sockets.iter().all(|socket| answers(socket).unwrap_or(false));
            if ready && TcpStream::connect(&self.registry).is_ok() {
                return Ok(());
            }
            ensure!(self.supervisor.try_wait()?.is_none(), "the engines ended");
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = |name: &str| std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        let logs = ["docker.log", "podman.log", "registry.log"].map(log).concat();
        bail!("the engines were not ready within {} seconds:\n{logs}", PATIENCE.as_secs())
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}

fn configure(folder: &Path, registry: &str) -> Result<()> {
    let networks = folder.join("networks");
    std::fs::create_dir(&networks)?;
    // An ordinary user's limits, since those of a test machine may be lower than podman's own defaults.
    let containers = format!(
        "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1000:1000\"]\n[engine]\nruntime = \"runc\"\n\
         [network]\nnetwork_config_dir = {networks:?}\n"
    );
    std::fs::write(folder.join("containers.conf"), containers)?;
    let registries = format!("[[registry]]\nlocation = \"{registry}\"\ninsecure = true\n");
    std::fs::write(folder.join("registries.conf"), registries)?;
    let storage = folder.join("registry");
    let plain = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {storage:?}}}, delete: {{enabled: true}}}}\n\
         http: {{addr: {registry:?}}}\n"
    );
    Ok(std::fs::write(folder.join("registry.yml"), plain)?)
}

fn build_probe(folder: &Path) -> Result<PathBuf> {
    let (source, program) = (folder.join("probe.c"), folder.join("probe"));
    std::fs::write(&source, PROBE)?;
    let built =
        Command::new("gcc").args(["-O1", "-s", "-static", "-o"]).arg(&program).arg(&source).status()?;
    ensure!(built.success(), "gcc could not build the probe");
    Ok(program)
}

/// Whether an engine says that it is there.
fn answers(socket: &Path) -> Result<bool> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.contains("200 OK"))
}

/// A port that was free a moment ago.
///
/// # Errors
/// If there is none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn find(program: &str) -> Option<PathBuf> {
    let places = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    places.into_iter().map(|place| Path::new(place).join(program)).find(|path| path.exists())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
