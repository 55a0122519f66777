//! The program: what its commands print, and how they end.
#![allow(clippy::unwrap_used, reason = "tests")]

// The server of the library's own tests.
#[path = "../../../../crates/agent/tests/it/server.rs"]
#[allow(dead_code, reason = "not all of it goes wrong here")]
mod server;

mod idle;
mod two;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use keyward_agent::protocol::enrolment::Mode;
use server::{CODE, Server};

struct Host {
    folder: tempfile::TempDir,
    /// Another program than the one of this build.
    program: Option<std::path::PathBuf>,
}

impl Host {
    fn new() -> Self {
        let host = Self { folder: tempfile::tempdir().unwrap(), program: None };
        // No engine and no Compose of the machine that runs the tests.
        std::fs::write(
            host.config(),
            "# ours\nsocket = \"/nonexistent/engine.sock\"\ncompose = \"/nonexistent/compose\"\n",
        )
        .unwrap();
        host
    }

    fn config(&self) -> std::path::PathBuf {
        self.folder.path().join("agent.toml")
    }

    fn command(&self, args: &[&str]) -> Command {
        let built = Path::new(env!("CARGO_BIN_EXE_keyward-agent"));
        let mut command = Command::new(self.program.as_deref().unwrap_or(built));
        command.args(args).env_clear().stdin(Stdio::null());
        command.env("KEYWARD_AGENT_CONFIG", self.config());
        command.env("KEYWARD_AGENT_STATE", self.folder.path().join("state"));
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// The exit code, and what was printed.
    fn ends(&self, args: &[&str]) -> (i32, String) {
        let output = self.run(args);
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    }
}

/// Until the child has ended, for half a minute at most.
fn ended(child: &mut Child) -> i32 {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn terminate(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}

#[test]
fn a_host_joins_runs_and_leaves() {
    let server = Server::start();
    let host = Host::new();
    let (code, text) = host.ends(&["status"]);
    assert_eq!(code, 1);
    assert!(text.contains("has not joined"), "{text}");
    let (code, text) = host.ends(&["join", &server.url(), CODE]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Berlin 1") && text.contains("Fingerprint: "), "{text}");
    assert!(!text.contains(CODE), "the code is told: {text}");
    // Once more, and with a code that is spent.
    assert_eq!(host.ends(&["join", &server.url(), CODE]).0, 1);
    let (code, text) = Host::new().ends(&["join", &server.url(), CODE]);
    assert_eq!(code, 1, "{text}");
    let (code, text) = host.ends(&["status"]);
    assert_eq!(code, 1, "it does not run: {text}");
    let mut agent = host.command(&["run"]).stderr(Stdio::null()).spawn().unwrap();
    server.until("it asks", |state| state.reports.last().map(drop));
    let (code, text) = host.ends(&["status"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("news come at once") && text.contains("manage"), "{text}");
    // A second one, and a leave meanwhile, are refused.
    assert_eq!(host.ends(&["run"]).0, 2);
    assert_eq!(host.ends(&["leave"]).0, 1);
    terminate(&agent);
    assert_eq!(ended(&mut agent), 0);
    assert_eq!(host.ends(&["leave"]).0, 0);
    assert!(server.state().agent.is_none());
    assert_eq!(host.ends(&["status"]).0, 1);
}

#[test]
fn a_witness_joins_as_one() {
    let server = Server::start();
    let host = Host::new();
    let (code, text) = host.ends(&["join", &server.url(), CODE, "--witness"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("only looks"), "{text}");
    assert_eq!(server.state().mode, Mode::Witness);
}

#[test]
fn a_server_is_not_joined_in_the_clear() {
    let host = Host::new();
    let (code, text) = host.ends(&["join", "http://keys.example.com", CODE]);
    assert_eq!(code, 1);
    assert!(text.contains("--plain-http"), "{text}");
    let (code, text) = host.ends(&["join", "keys.example.com", CODE]);
    assert_eq!(code, 1);
    assert!(text.contains("https://keys.example.com"), "{text}");
    assert!(!host.folder.path().join("state/identity.json").exists());
    // Nobody is there.
    assert_eq!(host.ends(&["join", "http://127.0.0.1:9", CODE]).0, 2);
}

#[test]
fn consents_are_lines_of_the_owners_file() {
    let host = Host::new();
    let id = "0192f0c1-7a00-7000-8000-000000000003";
    let (code, text) = host.ends(&["allow", "shop", "cap:NET_ADMIN"]);
    assert_eq!(code, 2);
    assert!(text.contains("keyward-agent status"), "{text}");
    assert_eq!(host.ends(&["allow", id, "cap:NET_ADMIN"]).0, 0);
    assert_eq!(host.ends(&["allow", id, " "]).0, 2);
    let text = std::fs::read_to_string(host.config()).unwrap();
    assert!(text.starts_with("# ours\n") && text.contains("allow = [\"cap:NET_ADMIN\"]"), "{text}");
    assert_eq!(host.ends(&["deny", id, "cap:NET_ADMIN"]).0, 0);
    assert_eq!(host.ends(&["pause"]).0, 0);
    assert!(std::fs::read_to_string(host.config()).unwrap().contains("pause = true"));
    assert_eq!(host.ends(&["resume"]).0, 0);
    assert_eq!(host.ends(&["show", id]).0, 1);
    assert_eq!(host.ends(&["compose", id, "ps"]).0, 1);
    assert_eq!(host.ends(&["compose", id, "down", "-v"]).0, 1);
    std::fs::write(host.config(), "puase = true\n").unwrap();
    let (code, text) = host.ends(&["status"]);
    assert_eq!(code, 1, "{text}");
    let (code, text) = host.ends(&["allow", id, "cap:NET_ADMIN"]);
    assert!(code == 2 && text.contains("line 1"), "{text}");
}

#[test]
fn the_unit_is_printed() {
    let host = Host::new();
    let (code, text) = host.ends(&["install-service", "--print"]);
    assert_eq!(code, 0, "{text}");
    for line in ["Restart=always", "NoNewPrivileges=yes", "WantedBy="] {
        assert!(text.contains(line), "{text}");
    }
    assert!(text.contains(" run --config "), "{text}");
    if !Path::new("/run/systemd/system").exists() {
        assert_eq!(host.ends(&["install-service"]).0, 2);
    }
}

#[test]
fn wrong_usage_ends_with_two() {
    let host = Host::new();
    for args in [&["nonsense"][..], &["join"], &["allow", "x"], &["compose", "x"]] {
        assert_eq!(host.run(args).status.code(), Some(2), "{args:?}");
    }
    assert_eq!(host.ends(&["--version"]), (0, format!("keyward-agent {}\n", env!("CARGO_PKG_VERSION"))));
}
