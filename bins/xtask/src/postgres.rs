//! A PostgreSQL server in a temporary folder, for one run.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use crate::parts;

/// Stopped and removed when dropped.
pub(crate) struct Postgres {
    server: Child,
    port: u16,
    // Removed after the server has ended.
    folder: TempDir,
}

impl Postgres {
    /// Makes a cluster and starts it on a free port of the loopback interface.
    pub(crate) fn start() -> Result<Self> {
        let programs = parts::postgres_programs().context("PostgreSQL is not installed")?;
        let folder = tempfile::tempdir()?;
        if is_root()? {
            // PostgreSQL refuses to run as root; Debian's package made this user.
            let owned = Command::new("chown").arg("postgres").arg(folder.path()).status()?;
            ensure!(owned.success(), "there is no user postgres to run PostgreSQL as");
        }
        let data = folder.path().join("data");
        let mut initdb = as_postgres(programs.join("initdb"))?;
        initdb.arg("-D").arg(&data).args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]);
        let made = initdb.stdout(Stdio::null()).status().context("starting initdb")?;
        ensure!(made.success(), "initdb failed");
        let port = free_port()?;
        let server = as_postgres(programs.join("postgres"))?
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k", ""])
            .args(["-c", "max_connections=300"])
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log"))?)
            .spawn()
            .context("starting postgres")?;
        let mut postgres = Self { server, port, folder };
        postgres.wait()?;
        Ok(postgres)
    }

    /// How the tests reach it.
    pub(crate) fn url(&self) -> String {
        self.database("postgres")
    }

    /// How one of its databases is reached.
    pub(crate) fn database(&self, name: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }

    /// Makes an empty database.
    pub(crate) fn create(&self, name: &str) -> Result<String> {
        let createdb = parts::postgres_programs().context("PostgreSQL is not installed")?.join("createdb");
        let made = Command::new(createdb)
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres", name])
            .status()?;
        ensure!(made.success(), "createdb failed");
        Ok(self.database(name))
    }

    fn wait(&mut self) -> Result<()> {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(30) {
            if let Some(status) = self.server.try_wait()? {
                let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                bail!("postgres ended with {status}:\n{log}");
            }
            // The port opens when the server takes connections.
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("postgres did not open its port within 30 seconds")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT asks for a fast shutdown; a server that was killed would leave shared memory behind.
        let kill = format!("kill -INT {}", self.server.id());
        let asked = Command::new("sh").args(["-c", &kill]).status().is_ok_and(|status| status.success());
        if !asked {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn is_root() -> Result<bool> {
    Ok(Command::new("id").arg("-u").output()?.stdout.trim_ascii() == b"0")
}

/// A program of PostgreSQL, by the user `postgres` where we are root. `setpriv` becomes the program, so that
/// its process is the one we hold.
fn as_postgres(program: PathBuf) -> Result<Command> {
    if !is_root()? {
        return Ok(Command::new(program));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program).current_dir("/");
    Ok(command)
}
