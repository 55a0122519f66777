//! Runs Compose: in a group of processes of its own, without the agent's environment, for a bounded time.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::compose_program::{ComposeProgram, PATH};

/// In the environment of what is run for a deployment, with its id: so that what outlives the agent is found.
const MARK: &str = "KEYWARD_AGENT_DEPLOYMENT";

/// The most bytes of what is kept of an output.
const MOST_OUTPUT: usize = 4 * 1024 * 1024;

/// What a run left.
#[derive(Debug, Clone)]
pub(super) struct Output {
    /// How it ended.
    pub end: End,
    /// What it wrote to its standard output.
    pub stdout: String,
    /// What it wrote to its standard error.
    pub stderr: String,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By itself, with this.
    Code(i32),
    /// By a signal of somebody else's.
    Signal(i32),
    /// By us, since it took too long.
    TimedOut,
    /// By us, since nothing good could come of it any more.
    GivenUp,
}

/// What is run.
#[derive(Debug)]
pub(super) struct Run<'a> {
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

impl Run<'_> {
    /// Runs Compose and waits for its end, unless `is_over` says that it waits in vain.
    pub(super) fn run(
        &self,
        program: &ComposeProgram,
        args: &[&str],
        is_over: &mut dyn FnMut() -> bool,
    ) -> std::io::Result<Output> {
        let mut host = std::ffi::OsString::from("unix://");
        host.push(self.socket);
        let mut command = Command::new(&program.path);
        command
            .args(args)
            .env_clear()
            .envs(self.values)
            .env("PATH", PATH)
            .env("HOME", self.home)
            .env("DOCKER_HOST", host)
            .env(MARK, self.deployment)
            .current_dir(self.folder);
        wait(command, self.patience, is_over)
    }
}

/// Runs a command in a group of processes of its own; the group is ended whole.
fn wait(
    mut command: Command,
    patience: Duration,
    is_over: &mut dyn FnMut() -> bool,
) -> std::io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn()?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let end = wait_for_end(&mut child, patience, is_over)?;
    // Whatever it started and left behind.
    kill_group(&child);
    Ok(Output { end, stdout: stdout.text(), stderr: stderr.text() })
}

fn wait_for_end(
    child: &mut Child,
    patience: Duration,
    is_over: &mut dyn FnMut() -> bool,
) -> std::io::Result<End> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        if let Some(status) = child.try_wait()? {
            let signal = status.signal().map(End::Signal);
            return Ok(status.code().map(End::Code).or(signal).unwrap_or(End::Code(-1)));
        }
        let is_late = started.elapsed() >= patience;
        if is_late || is_over() {
            kill_group(child);
            child.kill()?;
            child.wait()?;
            return Ok(if is_late { End::TimedOut } else { End::GivenUp });
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
pub(super) fn end_leftovers(deployment: &str) -> std::io::Result<()> {
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

    fn shell(script: &str, patience: Duration) -> Output {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        wait(command, patience, &mut || false).unwrap()
    }

    #[test]
    fn a_run_is_bounded_in_time_and_output() {
        let output = shell("echo out; echo err >&2; exit 3", Duration::from_secs(20));
        assert_eq!(
            (output.end, output.stdout.as_str(), output.stderr.as_str()),
            (End::Code(3), "out\n", "err\n")
        );
        let started = Instant::now();
        // A child in the background holds the pipes.
        assert_eq!(shell("sleep 60 & sleep 60", Duration::from_millis(200)).end, End::TimedOut);
        assert!(started.elapsed() < Duration::from_secs(30));
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 60"]);
        let mut asked = 0;
        let mut third = || {
            asked += 1;
            asked == 3
        };
        assert_eq!(wait(command, Duration::from_secs(60), &mut third).unwrap().end, End::GivenUp);
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
