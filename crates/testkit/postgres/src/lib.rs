//! A PostgreSQL server in a temporary folder, for as long as a test run lasts.
//!
//! A shell holds the server and waits for the end of its own standard input, which is a pipe from this process. However this
//! process ends, the pipe closes, and the shell stops the server and removes its folder.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

/// Stops what its arguments start, and removes the folder `$1`, once nothing more can be read.
const SUPERVISOR: &str = r#"
trap '' INT
folder=$1
shift
"$@" >"$folder/log" 2>&1 &
server=$!
while read -r _; do :; done
kill -INT "$server"
wait "$server"
rm -rf "$folder"
"#;

/// A file system without a disk.
const MEMORY: &str = "/dev/shm";

/// How much must be free there: the log of a busy server takes a gibibyte.
const MEMORY_MIB: u64 = 4 * 1024;

/// What becomes of the data if the machine fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It is lost: for tests.
    None,
    /// A commit is on the disk, as in production: for measurements.
    Full,
}

/// Stopped and removed when dropped, and when the process ends.
pub struct Postgres {
    supervisor: Child,
    port: u16,
    folder: PathBuf,
}

impl Postgres {
    /// Makes a cluster and starts it on a free port of the loopback interface.
    pub fn start(durability: Durability) -> Result<Self> {
        let programs = programs().context("PostgreSQL is not installed")?;
        let folder = folder(durability)?;
        if is_root()? {
            // PostgreSQL refuses to run as root; Debian's package made this user.
            let owned = Command::new("chown").arg("postgres").arg(folder.path()).status()?;
            ensure!(owned.success(), "there is no user postgres to run PostgreSQL as");
        }
        let data = folder.path().join("data");
        let mut initdb = as_postgres(&programs.join("initdb"))?;
        initdb.arg("-D").arg(&data).args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]);
        let initdb = initdb.arg("--no-sync").stdout(Stdio::null()).status().context("starting initdb")?;
        ensure!(initdb.success(), "initdb failed");

        let port = free_port()?;
        let mut server = as_postgres(&programs.join("postgres"))?;
        server.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k", ""]);
        server.args(["-c", "max_connections=300"]);
        if durability == Durability::None {
            server.args(["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"]);
        }
        let supervisor = Command::new("sh")
            .args(["-c", SUPERVISOR, "sh"])
            .arg(folder.path())
            .arg(server.get_program())
            .args(server.get_args())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .context("starting postgres")?;
        let postgres = Self { supervisor, port, folder: folder.keep() };
        postgres.wait(&programs)?;
        Ok(postgres)
    }

    /// How its own database is reached.
    pub fn url(&self) -> String {
        self.database("postgres")
    }

    /// How one of its databases is reached.
    pub fn database(&self, name: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }

    /// Makes an empty database and gives its address.
    pub fn create(&self, name: &str) -> Result<String> {
        let createdb = programs().context("PostgreSQL is not installed")?.join("createdb");
        let created = Command::new(createdb)
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres", name])
            .status()?;
        ensure!(created.success(), "createdb failed");
        Ok(self.database(name))
    }

    fn wait(&self, programs: &Path) -> Result<()> {
        let mut ready = Command::new(programs.join("pg_isready"));
        ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(30) {
            if ready.status().context("starting pg_isready")?.success() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        bail!("postgres was not ready within 30 seconds:\n{log}")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}

/// Where the data is kept: in memory, if it may be lost and there is room. Each database is a thousand files, and a file
/// system on a disk looks through all that were lately removed before it makes another.
fn folder(durability: Durability) -> Result<TempDir> {
    let mut folder = tempfile::Builder::new();
    folder.prefix("keyward-postgres");
    let in_memory = durability == Durability::None && free_mib(MEMORY).is_some_and(|free| free >= MEMORY_MIB);
    Ok(if in_memory { folder.tempdir_in(MEMORY)? } else { folder.tempdir()? })
}

/// How much is free in a folder; `None` if that is not known.
fn free_mib(folder: &str) -> Option<u64> {
    let told = Command::new("df").args(["--output=avail", "-BM", folder]).output().ok()?;
    String::from_utf8(told.stdout).ok()?.lines().last()?.trim().trim_end_matches('M').parse().ok()
}

/// The folder of PostgreSQL's newest programs: where Debian puts them, or where `pg_config` says.
pub fn programs() -> Option<PathBuf> {
    let complete = |bin: &PathBuf| bin.join("postgres").exists() && bin.join("initdb").exists();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<_> =
        versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).filter(complete).collect();
    found.sort_by_key(|bin| version(bin));
    found.pop().or_else(|| {
        let told = Command::new("pg_config").arg("--bindir").output().ok()?;
        Some(PathBuf::from(String::from_utf8(told.stdout).ok()?.trim())).filter(complete)
    })
}

/// The `15` of `/usr/lib/postgresql/15/bin`.
fn version(bin: &Path) -> Option<u32> {
    bin.parent()?.file_name()?.to_str()?.parse().ok()
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn is_root() -> Result<bool> {
    Ok(Command::new("id").arg("-u").output()?.stdout.trim_ascii() == b"0")
}

/// A program of PostgreSQL, by the user `postgres` where we are root. `setpriv` becomes the program, so that
/// its process is the one that is stopped.
fn as_postgres(program: &Path) -> Result<Command> {
    if !is_root()? {
        return Ok(Command::new(program));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program).current_dir("/");
    Ok(command)
}
