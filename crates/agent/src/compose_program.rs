//! The program that reads Compose files: Docker Compose, as a plugin of Docker or by itself.

use std::ffi::OsStr;
use std::fmt;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::server::hex;

/// Docker Compose on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeProgram {
    /// Where it is. A plugin of Docker runs by itself, too.
    pub path: PathBuf,
    /// Which it is.
    pub version: ComposeVersion,
}

/// A version of Docker Compose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComposeVersion {
    /// 1, 2 or more.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third one.
    pub patch: u32,
}

/// Why there is none that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComposeProblem {
    /// It isn't where it usually is.
    #[error(
        "Docker Compose was not found: install the package docker-compose-plugin or docker-compose, or name the program \
         by `compose` in agent.toml"
    )]
    NotFound,
    /// It is something else.
    #[error(
        "{0} is podman-compose, which does not keep to what files say about health and order: install Docker Compose"
    )]
    PodmanCompose(String),
    /// It can't be run.
    #[error("{path} can't be used: {why}")]
    Unusable {
        /// Which program.
        path: String,
        /// Why.
        why: String,
    },
    /// It is too old.
    #[error("{path} is Docker Compose {version}; it takes 2.20 or later, or 1.29")]
    TooOld {
        /// Which program.
        path: String,
        /// Its version.
        version: ComposeVersion,
    },
}

/// Where plugins of Docker are, as Docker itself looks for them.
const PLUGINS: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

/// Where programs are, whatever the agent was started with.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long it may take to say which it is.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most bytes of what it says.
const MOST_OUTPUT: u64 = 16 * 1024;

impl ComposeVersion {
    /// Reads what `version` prints: `Docker Compose version v5.6.1`, `docker-compose version 1.29.2, build unknown`.
    fn read(output: &str) -> Option<Self> {
        let line = output.lines().find_map(|line| {
            let line = line.trim();
            line.strip_prefix("Docker Compose version ")
                .or_else(|| line.strip_prefix("docker-compose version "))
        })?;
        let mut numbers = line
            .trim_start_matches('v')
            .split(|character: char| !character.is_ascii_digit())
            .map(|number| number.parse().ok());
        let mut next = || numbers.next().flatten();
        Some(Self { major: next()?, minor: next()?, patch: next().unwrap_or(0) })
    }

    fn is_enough(self) -> bool {
        (self.major, self.minor) >= (2, 20) || (self.major, self.minor) == (1, 29)
    }
}

impl fmt::Display for ComposeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl ComposeProgram {
    /// The program that the customer names, else the first of the usual ones that can be used.
    ///
    /// # Errors
    /// With what is wrong with the first that was found.
    pub fn find(named: Option<&Path>) -> Result<Self, ComposeProblem> {
        if let Some(named) = named {
            return Self::of(named);
        }
        let plugins = PLUGINS.iter().map(PathBuf::from);
        let mut first = None;
        for folder in plugins.chain(PATH.split(':').map(PathBuf::from)) {
            let path = folder.join("docker-compose");
            if !path.is_file() {
                continue;
            }
            match Self::of(&path) {
                Ok(found) => return Ok(found),
                Err(problem) => drop(first.get_or_insert(problem)),
            }
        }
        Err(first.unwrap_or(ComposeProblem::NotFound))
    }

    fn of(path: &Path) -> Result<Self, ComposeProblem> {
        let shown = || path.display().to_string();
        let unusable = |why: String| ComposeProblem::Unusable { path: shown(), why };
        let real = path.canonicalize().map_err(|error| unusable(error.to_string()))?;
        let is_podmans = |path: &Path| {
            path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.contains("podman-compose"))
        };
        if is_podmans(path) || is_podmans(&real) {
            return Err(ComposeProblem::PodmanCompose(shown()));
        }
        if let Some(known) = known(&real).filter(|known| known.path == path) {
            return Ok(known);
        }
        let stamp = Stamp::of(&real);
        let output = said(path).map_err(|error| unusable(error.to_string()))?;
        if output.contains("podman-compose") {
            return Err(ComposeProblem::PodmanCompose(shown()));
        }
        let version = ComposeVersion::read(&output)
            .ok_or_else(|| unusable("it does not say which version of Docker Compose it is".to_owned()))?;
        if !version.is_enough() {
            return Err(ComposeProblem::TooOld { path: shown(), version });
        }
        let found = Self { path: path.to_owned(), version };
        if let Ok(stamp) = stamp {
            *KNOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some((stamp, found.clone()));
        }
        Ok(found)
    }

    /// Whether it is of the old kind, 1.29.
    pub fn is_old(&self) -> bool {
        self.version.major == 1
    }

    /// The SHA-256 of the program in hexadecimal digits.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn sha256(&self) -> std::io::Result<String> {
        let mut file = std::fs::File::open(&self.path)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hex(&hash.finalize())),
                read => hash.update(buffer.get(..read).unwrap_or_default()),
            }
        }
    }
}

/// The program that was asked last, so that it is not asked for each order: the old Compose takes a second to say which it is.
static KNOWN: Mutex<Option<(Stamp, ComposeProgram)>> = Mutex::new(None);

/// How long an answer counts. A program may call another, whose change does not show.
const FRESH: Duration = Duration::from_secs(600);

/// A file as it was when it was run.
#[derive(Debug)]
struct Stamp {
    at: Instant,
    file: (u64, u64, u64, i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> std::io::Result<Self> {
        let file = path.metadata()?;
        let file = (file.dev(), file.ino(), file.len(), file.ctime(), file.ctime_nsec());
        Ok(Self { at: Instant::now(), file })
    }
}

/// What the program was a while ago, if its file is still the same.
fn known(real: &Path) -> Option<ComposeProgram> {
    let now = Stamp::of(real).ok()?;
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let (then, found) = known.as_ref()?;
    (then.file == now.file && now.at.saturating_duration_since(then.at) < FRESH).then(|| found.clone())
}

/// What a program prints when it is asked for its version, with nothing of the agent's environment.
fn said(path: &Path) -> std::io::Result<String> {
    let mut child = Command::new(path)
        .arg("version")
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let begun = Instant::now();
    let ended = loop {
        if child.try_wait()?.is_some() {
            break true;
        }
        if begun.elapsed() > PATIENCE {
            break false;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if !ended {
        child.kill()?;
        child.wait()?;
        return Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "it did not say which version it is"));
    }
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MOST_OUTPUT).read_to_end(&mut output)?;
    }
    Ok(String::from_utf8_lossy(&output).into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn versions_are_read_as_each_kind_prints_them() {
        let read = |text| ComposeVersion::read(text).map(|version| version.to_string());
        assert_eq!(read("Docker Compose version v5.6.1\n").unwrap(), "5.6.1");
        assert_eq!(read("Docker Compose version 2.26.1-4\n").unwrap(), "2.26.1");
        assert_eq!(
            read("docker-compose version 1.29.2, build unknown\ndocker-py version: 5").unwrap(),
            "1.29.2"
        );
        assert_eq!(read("podman-compose version: 1.0.3"), None);
        assert_eq!(read("Docker Compose version dev"), None);
    }

    #[test]
    fn others_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let program = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\nprintf '%s\\n' '{text}'\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let good = program("a", "Docker Compose version v2.20.0");
        assert!(!ComposeProgram::find(Some(&good)).unwrap().is_old());
        // Another one in its place is asked again.
        let newer = program("a", "Docker Compose version v2.21.0");
        assert_eq!(ComposeProgram::find(Some(&newer)).unwrap().version.minor, 21);
        let old = program("b", "docker-compose version 1.29.2, build unknown");
        assert!(ComposeProgram::find(Some(&old)).unwrap().is_old());
        let podmans = program("podman-compose", "Docker Compose version v2.20.0");
        let link = folder.path().join("docker-compose");
        std::os::unix::fs::symlink(&podmans, &link).unwrap();
        let wrapper = program("c", "podman-compose version 1.0.3");
        for path in [&podmans, &link, &wrapper] {
            assert!(matches!(ComposeProgram::find(Some(path)), Err(ComposeProblem::PodmanCompose(_))));
        }
        let ancient = program("d", "docker-compose version 1.25.0, build");
        assert!(matches!(ComposeProgram::find(Some(&ancient)), Err(ComposeProblem::TooOld { .. })));
        let other = program("e", "hello");
        assert!(matches!(ComposeProgram::find(Some(&other)), Err(ComposeProblem::Unusable { .. })));
    }
}
