//! `agent.toml`: what the customer allows and how their host is. The server can't change it, and neither does the agent by itself.
//!
//! ```toml
//! socket = "/run/podman/podman.sock"        # the container engine; found by itself if absent
//! compose = "/usr/local/bin/docker-compose" # the program that reads Compose files; found by itself if absent
//! proxy = "http://proxy.example.com:3128"   # to the server; HTTPS_PROXY if absent
//! no_proxy = ["keys.example.com"]           # reached without it
//! ca_file = "/etc/ssl/company.pem"          # authorities that count beside those of the system
//! docker_config = "/root/.docker/config.json" # logins for images of other registries
//! pause = false                             # true: nothing is carried out
//! confirm_volumes = false                   # true: data is deleted only with the consent `volumes:delete`
//!
//! [limits]
//! deployments = 50                          # how many are taken on
//! free_disk_mib = 1024                      # what has to be free before images are pulled
//!
//! [deployments.0192f0c1-7a00-7000-8000-000000000001]
//! allow = ["cap:NET_ADMIN"]                 # what it may have of the host beyond the ordinary
//! repair = false                            # true: what was stopped or removed by hand is brought back, once
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, de};
use uuid::Uuid;

use crate::disk;

pub mod edit;

/// What `agent.toml` says. A file that is not there says nothing, which is all of the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The socket of the container engine, if it is not one of the usual ones.
    #[serde(deserialize_with = "absolute")]
    pub socket: Option<PathBuf>,
    /// The program that reads Compose files, if it is not one of the usual ones.
    #[serde(deserialize_with = "absolute")]
    pub compose: Option<PathBuf>,
    /// By which proxy the server is reached, if by another than `HTTPS_PROXY` says.
    #[serde(deserialize_with = "proxy")]
    pub proxy: Option<String>,
    /// Hosts that are reached without it.
    pub no_proxy: Vec<String>,
    /// Certificate authorities, in PEM, that count beside those of the system.
    #[serde(deserialize_with = "absolute")]
    pub ca_file: Option<PathBuf>,
    /// The `config.json` of Docker with the customer's own logins, for images of other registries than the vendor's.
    #[serde(deserialize_with = "absolute")]
    pub docker_config: Option<PathBuf>,
    /// Whether nothing is carried out for now.
    pub pause: bool,
    /// Whether data is deleted only with a consent on this host.
    pub confirm_volumes: bool,
    /// How much is taken on.
    pub limits: Limits,
    deployments: BTreeMap<Uuid, DeploymentConfig>,
}

/// How much of the host deployments may take.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How many deployments are taken on.
    pub deployments: usize,
    /// How many MiB have to be free on the disk of the engine before images are pulled.
    pub free_disk_mib: u64,
}

/// What is said of one deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeploymentConfig {
    /// The needs that it may have.
    #[serde(deserialize_with = "consents")]
    pub allow: Vec<String>,
    /// Whether what was stopped or removed by hand is brought back.
    pub repair: bool,
}

/// Why `agent.toml` can't be followed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It can't be read.
    #[error("can't read {}: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It says something that is not understood; with its line.
    #[error("{} can't be followed: {message}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
    /// It can't be written.
    #[error("can't write {}: {source}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The consent without which no data is deleted, if the customer wants to be asked.
pub const DELETE_VOLUMES: &str = "volumes:delete";

/// The most bytes of the file.
const MOST_BYTES: u64 = 1024 * 1024;

/// The most characters of a consent.
const MOST_CONSENT: usize = 512;

impl Default for Limits {
    fn default() -> Self {
        Self { deployments: 50, free_disk_mib: 1024 }
    }
}

impl Config {
    /// Reads it.
    ///
    /// # Errors
    /// If it can't be read or followed. A file that is not there is none.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        text(path)?.map_or_else(|| Ok(Self::default()), |text| Self::parse(path, &text))
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        // Not the line itself, as toml_edit would: it may have a password in it.
        toml_edit::de::from_str(text).map_err(|error: toml_edit::de::Error| ConfigError::Invalid {
            path: path.to_owned(),
            message: format!("{}: {}", line(text, error.span()), error.message().trim_end()),
        })
    }

    /// What it says of a deployment.
    pub fn deployment(&self, id: Uuid) -> DeploymentConfig {
        self.deployments.get(&id).cloned().unwrap_or_default()
    }

    /// Whether an order to delete the data of a deployment may be carried out.
    pub fn may_delete_volumes(&self, id: Uuid) -> bool {
        !self.confirm_volumes || self.deployment(id).allows(DELETE_VOLUMES)
    }
}

impl DeploymentConfig {
    /// Whether it may have this need. Consents count by their words alone.
    pub fn allows(&self, need: &str) -> bool {
        self.allow.iter().any(|allowed| allowed == need)
    }
}

/// Whether something is written as a need is: one line of printable characters, without blanks at its ends.
///
/// # Errors
/// With what is wrong.
pub fn check_consent(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.trim() != text {
        Err("a consent is neither empty nor has blanks around it")
    } else if text.chars().count() > MOST_CONSENT {
        Err("a consent has 512 characters at most")
    } else if text.chars().any(char::is_control) {
        Err("a consent has no control characters")
    } else {
        Ok(())
    }
}

fn line(text: &str, span: Option<std::ops::Range<usize>>) -> String {
    let before = span.and_then(|span| text.get(..span.start));
    before
        .map_or_else(|| "somewhere".to_owned(), |before| format!("line {}", before.matches('\n').count() + 1))
}

fn text(path: &Path) -> Result<Option<String>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let Some(bytes) = disk::read(path, MOST_BYTES).map_err(unreadable)? else { return Ok(None) };
    let text = String::from_utf8(bytes);
    text.map(Some).map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error)))
}

fn absolute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    if path.is_absolute() { Ok(Some(path)) } else { Err(de::Error::custom("a path here begins with `/`")) }
}

fn proxy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    // What is wrong isn't said with the text: a password may be in it.
    match ureq::Proxy::new(&text) {
        Ok(_) if text.starts_with("http://") || text.starts_with("https://") => Ok(Some(text)),
        _ => {
            Err(de::Error::custom("a proxy is written as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT"))
        }
    }
}

fn consents<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let all = Vec::<String>::deserialize(deserializer)?;
    all.iter().try_for_each(|text| check_consent(text)).map_err(de::Error::custom)?;
    Ok(all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "0192f0c1-7a00-7000-8000-000000000001";

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("agent.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_example_is_read() {
        let documentation = include_str!("config.rs");
        let example: String = documentation
            .lines()
            .skip_while(|line| *line != "//! ```toml")
            .skip(1)
            .take_while(|line| *line != "//! ```")
            .map(|line| format!("{}\n", line.trim_start_matches("//!").trim_start()))
            .collect();
        let config = parse(&example).unwrap();
        assert_eq!(config.socket.as_deref(), Some(Path::new("/run/podman/podman.sock")));
        assert!(config.deployment(ID.parse().unwrap()).allows("cap:NET_ADMIN"));
        assert_eq!(config.limits, Limits::default());
        assert_eq!(parse("").unwrap(), Config::default());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, expected) in [
            ("pause = true\nsoket = \"/x\"\n", "line 2"),
            ("\n\nsocket = \"x.sock\"", "line 3"),
            ("proxy = \"nonsense:\"", "line 1"),
            ("pause = 1", "line 1"),
            (&format!("\n[deployments.{ID}]\nalow = []"), "line 3"),
            (&format!("\n[deployments.{ID}]\nallow = [\" \"]"), "line 3"),
            ("\n[deployments.shop]\nallow = []", "line 2"),
            ("[limits]\ndeployments = -1", "line 2"),
            ("pause = ", "line 1"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_password_in_a_proxy_is_not_told() {
        let error = parse("proxy = \"ftp://me:hunter2@host:1\"").unwrap_err();
        assert!(error.contains("line 1") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn data_is_deleted_by_order_or_by_consent() {
        let id: Uuid = ID.parse().unwrap();
        assert!(Config::default().may_delete_volumes(id));
        assert!(!parse("confirm_volumes = true").unwrap().may_delete_volumes(id));
        let consented = format!("confirm_volumes = true\n[deployments.{ID}]\nallow = [\"{DELETE_VOLUMES}\"]");
        assert!(parse(&consented).unwrap().may_delete_volumes(id));
        assert!(!parse(&consented).unwrap().may_delete_volumes(Uuid::nil()));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}|([a-z_]{1,9} ?= ?[\\[\\]\"a-z0-9]{0,9}\n){0,9}") {
            let _ = parse(&text);
        }
    }
}
