//! The program that reads Compose files: a version of Compose from 2.20 on, or 1.29.
//!
//! It runs in a group of processes of its own, without the agent's environment, for a bounded time.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::Read;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use sha2::{Digest as _, Sha256};

/// Where programs are looked for, by Compose too.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where Compose usually is: as a plug-in of Docker's, which runs by itself as well, or alone.
const USUAL: [&str; 7] = [
    "/usr/local/lib/docker/cli-plugins/docker-compose",
    "/usr/local/libexec/docker/cli-plugins/docker-compose",
    "/usr/lib/docker/cli-plugins/docker-compose",
    "/usr/libexec/docker/cli-plugins/docker-compose",
    "/usr/local/bin/docker-compose",
    "/usr/bin/docker-compose",
    "/bin/docker-compose",
];

/// In the environment of what is run for a deployment, with its id: so that what outlives the agent is found.
const MARK: &str = "KEYWARD_AGENT_DEPLOYMENT";

/// The most bytes of what is kept of an output.
const MOST_OUTPUT: usize = 4 * 1024 * 1024;

/// How long asking for its version may take.
const VERSION_PATIENCE: Duration = Duration::from_secs(30);

/// A program that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compose {
    path: PathBuf,
    version: String,
    generation: Generation,
}

/// What a version can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// 1.29: no JSON, and an own way to name containers.
    One,
    /// From 2.20 on.
    Two,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// None of the usual places has one.
    #[error(
        "Docker Compose was not found; install the package docker-compose-plugin, or name the program in agent.toml (compose)"
    )]
    Missing,
    /// It does not say what it is.
    #[error("{} does not run: {message}", .path.display())]
    Broken {
        /// Which.
        path: PathBuf,
        /// What it says.
        message: String,
    },
    /// It can't do what is needed.
    #[error("{} is {version}, which is not supported; Docker Compose 2.20 or later, or 1.29, is needed", .path.display())]
    Unsupported {
        /// Which.
        path: PathBuf,
        /// What it is.
        version: String,
    },
}

/// What a run left.
#[derive(Debug, Clone)]
pub struct Output {
    /// How it ended.
    pub end: End,
    /// What it wrote to its standard output.
    pub stdout: String,
    /// What it wrote to its standard error.
    pub stderr: String,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this.
    Code(i32),
    /// By a signal of somebody else's.
    Signal(i32),
    /// By us, since it took too long.
    TimedOut,
}

/// What is run.
#[derive(Debug)]
pub struct Run<'a> {
    /// The engine's socket.
    pub socket: &'a Path,
    /// The home folder that it sees; without anybody's settings.
    pub home: &'a Path,
    /// Of which deployment.
    pub deployment: &'a str,
    /// From which folder.
    pub folder: &'a Path,
    /// The values of the deployment.
    pub values: &'a BTreeMap<String, String>,
    /// How long it may take.
    pub patience: Duration,
}

impl Compose {
    /// The program that the customer names, else the first of the usual ones that is supported.
    ///
    /// # Errors
    /// If there is none.
    pub fn find(named: Option<&Path>) -> Result<Self, ComposeError> {
        if let Some(path) = named {
            return Self::at(path);
        }
        let mut first = None;
        for path in USUAL.map(Path::new).into_iter().filter(|path| path.exists()) {
            match Self::at(path) {
                Ok(compose) => return Ok(compose),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or(ComposeError::Missing))
    }

    fn at(path: &Path) -> Result<Self, ComposeError> {
        let broken = |message: String| ComposeError::Broken { path: path.to_owned(), message };
        let mut command = Command::new(path);
        command.args(["version", "--short"]).env_clear().env("PATH", PATH).current_dir("/");
        let output = wait(command, VERSION_PATIENCE).map_err(|error| broken(error.to_string()))?;
        let text = output.stdout.trim();
        if output.end != End::Code(0) && text.is_empty() {
            return Err(broken(output.stderr.lines().last().unwrap_or("no version").to_owned()));
        }
        let unsupported = |version: &str| ComposeError::Unsupported {
            path: path.to_owned(),
            version: version.chars().take(100).collect(),
        };
        let generation = generation(text).ok_or_else(|| unsupported(text))?;
        Ok(Self { path: path.to_owned(), version: text.trim_start_matches('v').to_owned(), generation })
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What it can do.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The SHA-256 of the program in hexadecimal digits.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn sha256(&self) -> std::io::Result<String> {
        let mut file = std::fs::File::open(&self.path)?;
        let (mut hash, mut bytes) = (Sha256::new(), vec![0; 64 * 1024]);
        loop {
            match file.read(&mut bytes)? {
                0 => break,
                count => hash.update(&bytes[..count]),
            }
        }
        Ok(hash.finalize().iter().fold(String::new(), |mut text, byte| {
            _ = write!(text, "{byte:02x}");
            text
        }))
    }

    /// Runs it and waits for its end.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn run<S: AsRef<OsStr>>(&self, run: &Run<'_>, args: &[S]) -> std::io::Result<Output> {
        wait(self.command(run, args), run.patience)
    }

    /// The command, not run yet.
    pub fn command<S: AsRef<OsStr>>(&self, run: &Run<'_>, args: &[S]) -> Command {
        let mut host = std::ffi::OsString::from("unix://");
        host.push(run.socket);
        let mut command = Command::new(&self.path);
        command
            .args(args)
            .env_clear()
            .envs(run.values)
            .env("PATH", PATH)
            .env("HOME", run.home)
            .env("DOCKER_HOST", host)
            .env(MARK, run.deployment)
            .current_dir(run.folder);
        command
    }
}

/// What a version is, by its text: `1.29.2`, `v2.24.0`, `5.6.1-desktop.1`.
fn generation(version: &str) -> Option<Generation> {
    let mut numbers = version.trim_start_matches('v').split(['.', '-', '+', ' ']);
    let major: u32 = numbers.next()?.parse().ok()?;
    let minor: u32 = numbers.next()?.parse().ok()?;
    match (major, minor) {
        (1, 29) => Some(Generation::One),
        (2, 20..) | (3.., _) => Some(Generation::Two),
        _ => None,
    }
}

/// Runs a command in a group of processes of its own; the group is ended whole.
fn wait(mut command: Command, patience: Duration) -> std::io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn()?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let end = wait_for_end(&mut child, patience)?;
    // Whatever it started and left behind.
    kill_group(&child);
    Ok(Output { end, stdout: stdout.text(), stderr: stderr.text() })
}

fn wait_for_end(child: &mut Child, patience: Duration) -> std::io::Result<End> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        if let Some(status) = child.try_wait()? {
            let signal = status.signal().map(End::Signal);
            return Ok(status.code().map(End::Code).or(signal).unwrap_or(End::Code(-1)));
        }
        if started.elapsed() >= patience {
            kill_group(child);
            child.kill()?;
            child.wait()?;
            return Ok(End::TimedOut);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

fn kill_group(child: &Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // Gone already, most of the time.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// What is read of an output, by a thread: a program that writes without end is not stopped by it, nor does it fill the memory.
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

fn collect(from: Option<impl Read + Send + 'static>) -> Collected {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&bytes);
    let thread = from.map(|mut from| {
        std::thread::spawn(move || {
            let mut piece = [0; 16 * 1024];
            while let Ok(count @ 1..) = from.read(&mut piece) {
                let Ok(mut kept) = kept.lock() else { return };
                let room = MOST_OUTPUT.saturating_sub(kept.len()).min(count);
                kept.extend_from_slice(&piece[..room]);
            }
        })
    });
    Collected { bytes, thread }
}

impl Collected {
    /// What there is within a moment after the end: a process that has left the group may hold the pipe for ever.
    fn text(self) -> String {
        let until = Instant::now() + Duration::from_secs(2);
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        let bytes = self.bytes.lock().map(|bytes| bytes.clone()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Ends what an agent that was killed had left running for a deployment, and waits until it is gone.
///
/// # Errors
/// If it does not end.
pub fn end_leftovers(deployment: &str) -> std::io::Result<()> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let left = leftovers(deployment)?;
        if left.is_empty() {
            return Ok(());
        }
        for pid in left {
            // It may have ended by itself.
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        if Instant::now() >= until {
            return Err(std::io::Error::other("what an earlier agent had started does not end"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Processes of ours that run for a deployment, by what stands in their environment. Those that have ended have none.
fn leftovers(deployment: &str) -> std::io::Result<Vec<Pid>> {
    let mark = format!("{MARK}={deployment}");
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Ok(entry) = entry else { continue };
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| **name != *own) else { continue };
        let Some(pid) = name.parse().ok().and_then(Pid::from_raw) else { continue };
        // Those of others can't be read, and are none of ours.
        let Ok(environment) = std::fs::read(entry.path().join("environ")) else { continue };
        if environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            found.push(pid);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        for (text, expected) in [
            ("1.29.2", Some(Generation::One)),
            ("v2.20.0", Some(Generation::Two)),
            ("2.24.6-desktop.1", Some(Generation::Two)),
            ("5.6.1", Some(Generation::Two)),
            ("1.28.0", None),
            ("2.19.9", None),
            ("podman-compose version: 1.0.6", None),
            ("", None),
        ] {
            assert_eq!(generation(text), expected, "{text}");
        }
    }

    fn shell(script: &str, patience: Duration) -> Output {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        wait(command, patience).unwrap()
    }

    #[test]
    fn a_run_is_bounded_in_time_and_output() {
        let output = shell("echo out; echo err >&2; exit 3", Duration::from_secs(20));
        assert_eq!((output.end, output.stdout.as_str(), output.stderr.as_str()), (End::Code(3), "out\n", "err\n"));
        let started = Instant::now();
        // A child in the background holds the pipes.
        assert_eq!(shell("sleep 60 & sleep 60", Duration::from_millis(200)).end, End::TimedOut);
        assert!(started.elapsed() < Duration::from_secs(30));
        let output = shell("head -c 9000000 /dev/zero", Duration::from_secs(60));
        assert_eq!(output.stdout.len(), MOST_OUTPUT);
    }

    #[test]
    fn what_was_left_running_is_found_and_ended() {
        let id = format!("test-{}", std::process::id());
        let mut command = Command::new("/bin/sleep");
        command.arg("600").env(MARK, &id).process_group(0);
        let mut child = command.spawn().unwrap();
        // Found once it has become that program.
        while leftovers(&id).unwrap().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let waits = std::thread::spawn(move || child.wait().unwrap());
        end_leftovers(&id).unwrap();
        assert_eq!(waits.join().unwrap().signal(), Some(9));
        end_leftovers("of-nobody").unwrap();
    }
}
