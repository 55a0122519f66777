//! The real server program, in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::http::Http;
use crate::root;
use keyward_testkit_postgres::free_port;

/// Killed when dropped.
pub(crate) struct Server {
    process: Child,
    port: u16,
    database: Option<String>,
    folder: TempDir,
    program: PathBuf,
}

/// An organization on the server.
pub(crate) struct Tenant {
    /// Speaks in its name.
    pub http: Http,
    /// Its id.
    pub id: String,
    /// Its slug.
    pub slug: String,
}

impl Server {
    /// Starts it on a fresh database: a SQLite file, or the PostgreSQL database of this URL.
    pub(crate) fn start(database: Option<String>) -> Result<Self> {
        Self::start_with(database, &[])
    }

    /// The same, built for speed.
    pub(crate) fn start_release() -> Result<Self> {
        Self::start_program(program("release", "keyward-server")?, None, &[])
    }

    /// The same, with settings besides.
    pub(crate) fn start_with(database: Option<String>, settings: &[(&str, String)]) -> Result<Self> {
        Self::start_program(program("debug", "keyward-server")?, database, settings)
    }

    fn start_program(
        program: PathBuf,
        database: Option<String>,
        settings: &[(&str, String)],
    ) -> Result<Self> {
        let (folder, port) = (tempfile::tempdir()?, free_port()?);
        let mut serve = command(&program, &folder, port, database.as_deref(), &["serve"]);
        let log = std::fs::File::create(folder.path().join("said"))?;
        if settings.iter().any(|(name, _)| *name == "KEYWARD_LOG") {
            serve.stderr(std::fs::File::create(folder.path().join("log"))?);
        }
        let process = serve.envs(settings.iter().map(|(name, value)| (*name, value.as_str()))).stdout(log);
        let process = process.spawn().context("starting keyward-server")?;
        let mut server = Self { process, port, database, folder, program };
        server.wait()?;
        Ok(server)
    }

    /// The link that a first start prints.
    pub(crate) fn setup_link(&mut self) -> Result<String> {
        let said = std::fs::read_to_string(self.folder.path().join("said"))?;
        let link = said.split_whitespace().find(|word| word.contains("/setup/"));
        link.map(str::to_owned).with_context(|| format!("no setup link in: {said}"))
    }

    /// What it has logged, if it was started with a log that is kept.
    pub(crate) fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.folder.path().join("log"))?)
    }

    /// The folder with its data.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// `kill -9`, and a new start on what it left.
    pub(crate) fn kill_and_restart(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        let mut serve = command(&self.program, &self.folder, self.port, self.database.as_deref(), &["serve"]);
        self.process = serve.stdout(Stdio::null()).spawn().context("starting keyward-server")?;
        self.wait()
    }

    /// Founds an organization beside the running server; its token is the operator's too.
    pub(crate) fn tenant(&self, name: &str) -> Result<Tenant> {
        let args = ["bootstrap", "--organization", name, "--email", "owner@vendor.example", "--operator"];
        let mut bootstrap = command(&self.program, &self.folder, self.port, self.database.as_deref(), &args);
        let output = bootstrap.output()?;
        ensure!(output.status.success(), "bootstrap: {}", String::from_utf8_lossy(&output.stderr));
        let made: Value =
            serde_json::from_slice(&output.stdout).context("bootstrap prints one JSON object")?;
        let text =
            |name: &str| made[name].as_str().map(str::to_owned).with_context(|| format!("{name} is missing"));
        text("email")?;
        let (id, slug) = (text("organization_id")?, text("organization_slug")?);
        Ok(Tenant { http: Http::new(self.url(), text("token")?), id, slug })
    }

    /// How many bytes of memory it takes.
    pub(crate) fn memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the system tells it")?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1024)
    }

    /// The port it answers at.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn wait(&mut self) -> Result<()> {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(30) {
            if let Some(status) = self.process.try_wait()? {
                bail!("the server ended with {status}");
            }
            if Http::is_ready(&self.url()) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("the server was not ready within 30 seconds")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(program: &Path, folder: &TempDir, port: u16, database: Option<&str>, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(folder.path())
        .env("KEYWARD_LISTEN", format!("127.0.0.1:{port}"))
        .env("KEYWARD_DATA_DIR", folder.path().join("data"))
        .env("KEYWARD_LOG", "warn,actix_http::h1=off");
    for ambient in ["DATABASE_URL", "KEYWARD_PUBLIC_URL", "KEYWARD_CONFIG", "KEYWARD_MASTER_KEY"] {
        command.env_remove(ambient);
    }
    if let Some(url) = database {
        command.env("DATABASE_URL", url);
    }
    command
}

/// A program of this workspace, as it was just built.
pub(crate) fn program(profile: &str, name: &str) -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    Ok(target.map_or_else(|| root().map(|root| root.join("target")), Ok)?.join(profile).join(name))
}
