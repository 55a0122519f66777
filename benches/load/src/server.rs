//! A server process, stopped when dropped.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

pub(crate) struct Server {
    process: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// From the start of the process to the first answer.
    pub started_in: Duration,
}

impl Server {
    /// `keyward-server serve` on a database.
    pub(crate) fn keyward(program: &str, folder: &Path, database: &str) -> Result<Self> {
        let mut serve = Command::new(program);
        settings(&mut serve, folder, database);
        Self::start(|address| serve.arg("serve").env("KEYWARD_LISTEN", address), "/readyz")
    }

    /// One of the handlers it is compared with.
    pub(crate) fn own(handler: &str, database: Option<&str>) -> Result<Self> {
        let mut own = Command::new(std::env::current_exe()?);
        Self::start(|address| own.arg(handler).arg(address).args(database), "/")
    }

    fn start<'a>(command: impl FnOnce(&str) -> &'a mut Command, path: &str) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let started = Instant::now();
        let process = command(&address).stdout(Stdio::null()).spawn().context("starting a server")?;
        let mut server = Self { process, address, started_in: Duration::ZERO };
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        while started.elapsed() < Duration::from_secs(60) {
            ensure!(server.process.try_wait()?.is_none(), "a server ended at once");
            match agent.get(format!("http://{}{path}", server.address)).call() {
                Ok(answer) if answer.status() != 503 => {
                    server.started_in = started.elapsed();
                    return Ok(server);
                }
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        bail!("a server did not answer in a minute")
    }

    /// Resident memory, in MiB.
    pub(crate) fn memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib / 1_024)
    }

    /// The processor time that it has taken.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let (_, fields) = stat.rsplit_once(')').context("no name")?;
        // Of user and system, in hundredths of a second.
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        Ok(Duration::from_millis(10 * ticks.sum::<Result<u64, _>>()?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Founds an organization; its full-scope token.
pub(crate) fn bootstrap(program: &str, folder: &Path, database: &str, organization: &str) -> Result<Value> {
    let mut bootstrap = Command::new(program);
    settings(&mut bootstrap, folder, database);
    let output = bootstrap
        .args(["bootstrap", "--organization", organization, "--email", "load@vendor.example"])
        .output()?;
    ensure!(output.status.success(), "bootstrap: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn settings(command: &mut Command, folder: &Path, database: &str) {
    command.env("KEYWARD_DATA_DIR", folder).env("DATABASE_URL", database).env("KEYWARD_LOG", "warn");
}
