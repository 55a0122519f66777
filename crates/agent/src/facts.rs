//! What the host is and has, as the server is told.

use std::path::{Path, PathBuf};

use keyward_protocol::enrolment::{ComposeFacts, EngineFacts, Facts, Mode};
use serde::Deserialize;

use crate::compose_program::ComposeProgram;
use crate::config::Config;
use crate::engine::{self, ReadOnly};

/// Looks at the host. A witness runs no program for it.
pub fn gather(config: &Config, mode: Mode) -> Facts {
    let engine = engine::find_socket(config.socket.as_deref()).and_then(|socket| asked(&socket));
    let (engine, folder) = engine.unzip();
    let compose = match mode {
        Mode::Manage => ComposeProgram::find(config.compose.as_deref()).ok(),
        Mode::Witness => None,
    };
    Facts {
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        protocols: vec![keyward_protocol::VERSION],
        hostname: line("/proc/sys/kernel/hostname"),
        os: os(&std::fs::read_to_string("/etc/os-release").unwrap_or_default()),
        architecture: architecture().to_owned(),
        cpus: std::thread::available_parallelism().map_or(0, |cpus| u32::try_from(cpus.get()).unwrap_or(0)),
        memory_bytes: memory(&std::fs::read_to_string("/proc/meminfo").unwrap_or_default()),
        disk_free_bytes: free(&folder.unwrap_or_else(|| PathBuf::from("/"))),
        engine,
        compose: compose.and_then(|program| {
            Some(ComposeFacts { version: program.version.to_string(), sha256: program.sha256().ok()? })
        }),
    }
}

/// Whether the server should be told: the room on a disk changes all the time, and matters when it changes by much.
pub fn differ(told: &Facts, now: &Facts) -> bool {
    let (was, is) = (told.disk_free_bytes, now.disk_free_bytes);
    let same_disk = Facts { disk_free_bytes: is, ..told.clone() };
    same_disk != *now || was.abs_diff(is) > was / 10
}

/// What the engine says of itself, and where it keeps its images.
fn asked(socket: &Path) -> Option<(EngineFacts, PathBuf)> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Version {
        version: String,
        #[serde(default)]
        components: Vec<Component>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Component {
        name: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Info {
        #[serde(default)]
        docker_root_dir: PathBuf,
        #[serde(default)]
        security_options: Option<Vec<String>>,
    }
    let engine = ReadOnly::new(socket);
    let version: Version = engine.get("/version").ok()?;
    let info: Info = engine.get("/info").ok()?;
    let is_podman = version.components.iter().any(|component| component.name.contains("Podman"));
    let options = info.security_options.unwrap_or_default();
    let facts = EngineFacts {
        name: if is_podman { "podman" } else { "docker" }.to_owned(),
        version: version.version,
        rootless: options.iter().any(|option| option.split(',').any(|part| part == "name=rootless")),
    };
    Some((facts, info.docker_root_dir))
}

/// The architecture, as images name it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn line(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().chars().take(255).collect()
}

fn os(release: &str) -> String {
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.unwrap_or("Linux").trim_matches(['"', '\'']).chars().take(255).collect()
}

fn memory(meminfo: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

/// How many bytes are free where a folder is, for those who are not root.
fn free(folder: &Path) -> u64 {
    // A folder that the agent's user may not see is measured by the nearest one that it may.
    let found = folder.ancestors().find_map(|folder| rustix::fs::statvfs(folder).ok());
    found.map_or(0, |found| found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_read() {
        assert_eq!(
            os("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            "Debian GNU/Linux 12 (bookworm)"
        );
        assert_eq!(os(""), "Linux");
        assert_eq!(memory("MemTotal:       24684756 kB\nMemFree: 1 kB"), 24_684_756 * 1024);
        assert!(free(Path::new("/nonexistent/folder")) > 0);
    }

    #[test]
    fn a_disk_that_fills_slowly_is_not_told_all_the_time() {
        let told = Facts { disk_free_bytes: 1000, ..Facts::default() };
        assert!(!differ(&told, &Facts { disk_free_bytes: 950, ..Facts::default() }));
        assert!(differ(&told, &Facts { disk_free_bytes: 800, ..Facts::default() }));
        assert!(differ(&told, &Facts { cpus: 2, disk_free_bytes: 1000, ..Facts::default() }));
    }
}
