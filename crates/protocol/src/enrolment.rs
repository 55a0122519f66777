//! How a host joins, and how its keys are replaced.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Asks to be the agent of the target that a join code opens. Signed by the new key, whose thumbprint is the `iss` of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrol {
    /// `kw_join_…`, as the person pasted it.
    pub code: String,
    /// Whether the agent may change anything. It has to be what the target was made for.
    pub mode: Mode,
    /// The agent's public keys.
    pub keys: AgentKeys,
    /// What the host is.
    pub facts: Facts,
}

/// Whether an agent brings deployments about or only looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It carries out orders.
    Manage,
    /// It only looks, and tells which versions run.
    Witness,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 2] = [Self::Manage, Self::Witness];

    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manage => "manage",
            Self::Witness => "witness",
        }
    }
}

/// The public keys of an agent, each in base64url without padding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentKeys {
    /// Ed25519, by which its requests are verified.
    pub signing: String,
    /// X25519, to which secrets for it are sealed.
    pub sealing: String,
}

/// That the host has joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// By which the agent is known from now on: the `iss` of its requests.
    pub agent: Uuid,
    /// The target that it is the agent of.
    pub target: Uuid,
    /// What the target is called.
    pub target_name: String,
    /// What the vendor is called.
    pub organization_name: String,
    /// The address of the server as it calls itself: the `aud` of requests, with which their `htu` begins.
    pub server: String,
    /// The vendor's keys, by which answers are verified from now on (JWK Set).
    pub jwks: String,
}

/// Replaces the keys of an agent. The request is signed by the old one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewKeys {
    /// The new ones.
    pub keys: AgentKeys,
    /// A signed request like the one it comes in, with the same `jti`, by the new key, whose thumbprint is its `iss`; its `bh` is
    /// that of `keys` as JSON.
    pub proof: String,
}

/// What a host is and has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The version of the agent.
    pub agent_version: String,
    /// The versions of the protocol that it speaks.
    pub protocols: Vec<u32>,
    /// What the host calls itself.
    pub hostname: String,
    /// The operating system, such as `Debian GNU/Linux 12 (bookworm)`.
    pub os: String,
    /// The architecture, as images name it: `amd64`, `arm64`.
    pub architecture: String,
    /// How many processors it has.
    pub cpus: u32,
    /// How many bytes of memory it has.
    pub memory_bytes: u64,
    /// How many bytes are free where the engine keeps its images.
    pub disk_free_bytes: u64,
    /// The container engine, if it was found.
    pub engine: Option<EngineFacts>,
    /// The program that reads Compose files, if one was found.
    pub compose: Option<ComposeFacts>,
}

/// A container engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineFacts {
    /// `docker` or `podman`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether it runs without the rights of root.
    pub rootless: bool,
}

/// A program that reads Compose files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComposeFacts {
    /// Its version.
    pub version: String,
    /// The SHA-256 of the program in hexadecimal digits.
    pub sha256: String,
}
