//! The steps of a test run, and their report.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};
use tempfile::NamedTempFile;

use crate::parts::{self, Missing};
use crate::root;
use keyward_testkit_postgres::Postgres;

/// What passed and what failed.
#[derive(Default)]
pub(crate) struct Report {
    steps: Vec<(String, bool, u64)>,
    left_out: Vec<String>,
}

impl Report {
    /// Runs a step under a heading; a failed one does not keep the others from running.
    pub(crate) fn step(&mut self, name: &str, step: impl FnOnce() -> Result<bool>) -> Result<()> {
        println!("\n== {name}");
        let started = Instant::now();
        let passed = step()?;
        self.steps.push((name.to_owned(), passed, started.elapsed().as_secs()));
        Ok(())
    }

    /// Says at the end what could not be had on this machine.
    pub(crate) fn leave_out(&mut self, what: String) {
        self.left_out.push(what);
    }

    /// Prints all steps; whether all passed.
    pub(crate) fn print(&self) -> bool {
        println!("\n== report");
        for (name, passed, seconds) in &self.steps {
            println!("{} {seconds:>4} s  {name}", if *passed { "ok    " } else { "FAILED" });
        }
        let failed = self.steps.iter().filter(|(_, passed, _)| !passed).count();
        println!("steps: {} passed, {failed} failed", self.steps.len() - failed);
        for what in &self.left_out {
            println!("left out: {what}");
        }
        failed == 0
    }
}

/// A task of xtask that is busy with one processor while others wait, as a process of its own. What it writes is shown at its end.
pub(crate) struct Beside {
    child: Child,
    output: NamedTempFile,
}

impl Beside {
    /// Starts it.
    pub(crate) fn start(args: &[&str]) -> Result<Self> {
        let output = NamedTempFile::new()?;
        // One place in the file for both.
        let written = output.reopen()?;
        let mut task = cargo(&["xtask"])?;
        task.args(args).stdin(Stdio::null()).stdout(written.try_clone()?).stderr(written);
        Ok(Self { child: task.spawn().context("starting xtask beside itself")?, output })
    }

    /// Waits for it, as a step.
    pub(crate) fn end(mut self, report: &mut Report, name: &str) -> Result<()> {
        report.step(name, || {
            let ended = self.child.wait()?;
            println!("{}", String::from_utf8_lossy(&std::fs::read(self.output.path())?));
            Ok(ended.success())
        })
    }
}

impl Drop for Beside {
    /// It stops what it has started, so it is waited for, whatever has failed here.
    fn drop(&mut self) {
        let _ = self.child.wait();
    }
}

/// Formatting, lints and documentation.
pub(crate) fn lint(report: &mut Report) -> Result<()> {
    report.step("formatting", || succeeds(cargo(&["fmt", "--all", "--check"])?))?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    report.step("clippy", || succeeds(cargo(&clippy)?))?;
    report.step("documentation", || {
        let mut doc = cargo(&["doc", "--workspace", "--lib", "--no-deps", "--all-features"])?;
        doc.env("RUSTDOCFLAGS", "-D warnings");
        succeeds(doc)
    })
}

/// What has no tests and needs crates of its own; clippy builds it.
pub(crate) const UNTESTED: [&str; 3] =
    ["--exclude=keyward-benches", "--exclude=keyward-load", "--exclude=example-oci"];

/// What others may depend on. The other crates are not published.
const PUBLIC: [&str; 7] = [
    "keyward-token",
    "keyward-client",
    "keyward-protocol",
    "keyward-compose",
    "keyward-domain",
    "keyward-storage",
    "keyward-engine",
];

/// Whether the public crates can be packed for a registry.
pub(crate) fn package(report: &mut Report) -> Result<()> {
    report.step("packages", || {
        let mut package = cargo(&["package", "--quiet", "--no-verify", "--allow-dirty"])?;
        succeeds(package.args(PUBLIC.map(|name| format!("--package={name}"))))
    })
}

/// Whether what vendors embed compiles, as it is packed and by itself, with the Rust that it promises, and beside a program's
/// own TLS. Not part of a test run: it needs that Rust.
pub(crate) fn msrv(report: &mut Report) -> Result<()> {
    package(report)?;
    let (packed, folder) = (root()?.join("target/package"), root()?.join("target/msrv"));
    std::fs::create_dir_all(&folder)?;
    let unpacked = |name: &str| format!("{name}-{}", env!("CARGO_PKG_VERSION"));
    let patch = format!("patch.crates-io.keyward-token.path={:?}", folder.join(unpacked("keyward-token")));
    for (name, rust, features) in [
        ("keyward-token", "1.85.0", "sign,status-list,clock-floor"),
        ("keyward-token", "1.89.0", "sign,status-list,clock-floor,paseto"),
        ("keyward-client", "1.85.0", "ring,test-kit"),
    ] {
        report.step(&format!("{name} with Rust {rust}"), || {
            let archive = packed.join(format!("{}.crate", unpacked(name)));
            let mut unpack = Command::new("tar");
            if !succeeds(unpack.arg("-xzf").arg(archive).current_dir(&folder))? {
                return Ok(false);
            }
            let here = folder.join(unpacked(name));
            // Versions are chosen anew, as for a program that depends on it, and not of this workspace.
            std::fs::remove_file(here.join("Cargo.lock"))?;
            let manifest = std::fs::read_to_string(here.join("Cargo.toml"))?;
            std::fs::write(here.join("Cargo.toml"), manifest + "\n[workspace]\n")?;
            let toolchain = format!("+{rust}");
            let mut check = cargo(&[&toolchain, "check", "--lib", "--features", features])?;
            if name != "keyward-token" {
                check.args(["--config", &patch]);
            }
            succeeds(check.current_dir(&here))
        })?;
    }
    let host =
        ["test", "-p", "keyward-client", "--all-features", "--test", "it", "--", "--ignored", "crates::"];
    report.step("a program with rustls of its own", || succeeds(cargo(&host)?))
}

/// Whether the verifier compiles for a browser and for a machine without a system, as it promises.
pub(crate) fn targets(report: &mut Report, missing: Missing) -> Result<()> {
    for (target, what) in
        [("wasm32-unknown-unknown", "WebAssembly"), ("thumbv7em-none-eabihf", "a processor without a system")]
    {
        if !parts::rust_target(target, missing)? {
            report.leave_out(format!("keyward-token for {what}: rustup has no {target} here"));
            continue;
        }
        report.step(&format!("keyward-token for {what}"), || {
            let features = ["--no-default-features", "--features", "sign,status-list,clock-floor,prepared"];
            let mut check =
                cargo(&["check", "--quiet", "--locked", "-p", "keyward-token", "--target", target])?;
            succeeds(check.args(features))
        })?;
    }
    Ok(())
}

/// Every test of the workspace, on both databases.
pub(crate) fn unit(report: &mut Report, postgres: &Postgres, rest: &[&str]) -> Result<()> {
    report.step("tests", || {
        let mut test = cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"])?;
        test.args(UNTESTED);
        // Twice as many as there are cores: most tests wait for a database half of their time.
        let threads = 2 * std::thread::available_parallelism()?.get();
        test.env("RUST_TEST_THREADS", threads.to_string());
        // Here they are demanded; by itself, `cargo test` leaves out what takes container engines where there are none.
        test.env("KEYWARD_TEST_ENGINES", "1");
        succeeds(test.env("KEYWARD_TEST_POSTGRES", postgres.url()).args(rest))
    })?;
    if rest.is_empty() {
        // A vendor who verifies JWT alone builds it so.
        let bare = ["test", "-p", "keyward-token", "--lib", "--no-default-features"];
        report.step("tests of the verifier alone", || succeeds(cargo(&bare)?))?;
        let bare = ["test", "-p", "keyward-client", "--lib", "--no-default-features"];
        report.step("tests of the client without HTTP", || succeeds(cargo(&bare)?))?;
    }
    Ok(())
}

/// What the agent's own tests do, in the long form: on every engine with every Compose, with two kills in each step for each pair.
pub(crate) fn deployment_chaos(report: &mut Report) -> Result<()> {
    report.step("deployments on every engine, and agents that are killed", || {
        let mut test =
            cargo(&["test", "-p", "keyward-agent", "--test", "it", "--", "--nocapture", "apply::"])?;
        succeeds(test.env("KEYWARD_TEST_ENGINES", "1").env("KEYWARD_TEST_LONG", "1"))
    })
}

/// Server and command line, as their own tests have them: with what those add to the features of crates, so that none is built
/// twice.
pub(crate) fn programs(report: &mut Report) -> Result<()> {
    report.step("building server and command", || {
        succeeds(cargo(&["build", "--workspace", "--all-features", "--tests"])?.args(UNTESTED))
    })
}

/// Measures validation. Not part of a test run: what it finds depends on the machine.
pub(crate) fn load(report: &mut Report, args: &[&str]) -> Result<()> {
    report.step("building for release", || {
        succeeds(cargo(&["build", "--release", "-p", "keyward-server", "-p", "keyward-load"])?)
    })?;
    report.step("load", || {
        let programs = root()?.join("target/release");
        let mut load = Command::new(programs.join("keyward-load"));
        let (task, rest) = args.split_first().context("what to measure")?;
        succeeds(load.arg(task).arg(programs.join("keyward-server")).args(rest))
    })
}

/// Gives each fuzz target 30 seconds. Not part of a test run: it needs a nightly compiler, and what it finds is chance.
pub(crate) fn fuzz(report: &mut Report) -> Result<()> {
    let folder = "crates/testkit/fuzz";
    let mut names: Vec<_> = std::fs::read_dir(root()?.join(folder).join("fuzz_targets"))?
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    for name in names {
        report.step(&format!("fuzz {name}"), || {
            let run = ["+nightly", "fuzz", "run", "--fuzz-dir", folder, &name, "--", "-max_total_time=30"];
            succeeds(cargo(&run)?)
        })?;
    }
    Ok(())
}

/// Writes snapshots and generated documents anew.
pub(crate) fn bless(report: &mut Report, postgres: &Postgres) -> Result<()> {
    report.step("bless", || {
        let mut test = cargo(&["test", "--workspace", "--all-features"])?;
        test.env("KEYWARD_BLESS", "1").env("KEYWARD_TEST_POSTGRES", postgres.url());
        succeeds(test)
    })
}

/// How the names of variables begin by which cargo tells a program of its own package.
const OF_XTASK: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];

/// Cargo in the workspace's folder.
pub(crate) fn cargo(args: &[&str]) -> Result<Command> {
    let mut cargo = Command::new("cargo");
    cargo.args(args).current_dir(root()?);
    // What cargo says of xtask is no business of what it builds: build scripts look at some of it, and whatever depends on them
    // would be built once more.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| OF_XTASK.iter().any(|prefix| name.starts_with(prefix))) {
            cargo.env_remove(name);
        }
    }
    Ok(cargo)
}

/// Runs a command with its output shown; whether it ended well.
pub(crate) fn succeeds(mut command: impl std::borrow::BorrowMut<Command>) -> Result<bool> {
    let command = command.borrow_mut();
    let status = command.status().with_context(|| format!("starting {:?}", command.get_program()))?;
    Ok(status.success())
}
