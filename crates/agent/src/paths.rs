//! Where the agent keeps what it keeps. All of it is below two places, which tests and a second agent on one host choose for
//! themselves.

use std::path::{Path, PathBuf};

use uuid::Uuid;

/// The customer's file and the agent's folder.
///
/// ```text
/// agent.toml               the customer's own; nothing here writes it but `allow`, `deny`, `pause` and `resume`
/// <state>/lock             held by the program that runs
///         identity.json    who this agent is, with its keys
///         joining.json     the keys of a join that has not been answered yet
///         status.json      how it went with the server lately
///         outbox/          what the server has not been told yet
///         downloads/       files of versions, named by their hash
///         deployments/<id> what is the deployer's
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    config: PathBuf,
    state: PathBuf,
}

impl Paths {
    /// Where root keeps the customer's file.
    pub const CONFIG: &str = "/etc/keyward-agent/agent.toml";
    /// Where root's agent keeps its state.
    pub const STATE: &str = "/var/lib/keyward-agent";

    /// With these two places.
    pub fn new(config: impl Into<PathBuf>, state: impl Into<PathBuf>) -> Self {
        Self { config: config.into(), state: state.into() }
    }

    /// The customer's file, `agent.toml`.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// The agent's folder.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Held by the program that runs, so that there is one.
    pub fn lock(&self) -> PathBuf {
        self.state.join("lock")
    }

    /// Who this agent is.
    pub fn identity(&self) -> PathBuf {
        self.state.join("identity.json")
    }

    /// The keys of a join that has not been answered yet.
    pub fn joining(&self) -> PathBuf {
        self.state.join("joining.json")
    }

    /// How it went with the server lately, for `status`.
    pub fn status(&self) -> PathBuf {
        self.state.join("status.json")
    }

    /// What the server has not been told yet.
    pub fn outbox(&self) -> PathBuf {
        self.state.join("outbox")
    }

    /// Files of versions, each named by the SHA-256 of its text.
    pub fn downloads(&self) -> PathBuf {
        self.state.join("downloads")
    }

    /// A folder for each deployment.
    pub fn deployments(&self) -> PathBuf {
        self.state.join("deployments")
    }

    /// The folder of one deployment.
    pub fn deployment(&self, id: Uuid) -> PathBuf {
        self.deployments().join(id.to_string())
    }
}
