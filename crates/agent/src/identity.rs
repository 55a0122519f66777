//! Who this agent is: what it was told when it joined, its keys, and the vendor's keys that it trusts.

use std::io;

use keyward_protocol::enrolment::{Enrolled, Mode};
use keyward_token::Keyring;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

pub use self::keys::Keys;

use crate::disk;
use crate::paths::Paths;

mod keys;

/// `identity.json`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Identity {
    /// By which the server knows the agent.
    pub agent: Uuid,
    /// The target that it is the agent of.
    pub target: Uuid,
    /// What the target is called.
    pub target_name: String,
    /// What the vendor is called.
    pub organization_name: String,
    /// The address that is dialled.
    pub address: String,
    /// What the server calls itself; requests are signed for it.
    pub server: String,
    /// Whether the agent may change anything. It is said when it joins, and nobody says otherwise later.
    pub mode: Mode,
    /// The vendor's keys, by which answers are verified (JWK Set).
    pub jwks: String,
    /// How many seconds the server's clock is ahead of the host's.
    #[serde(default)]
    pub ahead: i64,
    /// The agent's keys.
    pub keys: Keys,
    /// Those that are to replace them, kept from before the server is asked until it has taken them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Keys>,
}

/// Without what is secret.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("agent", &self.agent)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// Why the identity can't be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// This host has not joined.
    #[error("this host has not joined a server yet: run `keyward-agent join URL CODE`")]
    NotJoined,
    /// The file is not what the agent has written.
    #[error("{path} is damaged: {why}")]
    Damaged {
        /// Which.
        path: String,
        /// What is wrong, without what is secret.
        why: String,
    },
    /// It can't be read or written.
    #[error("can't use {path}: {source}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The system has no randomness for keys.
    #[error("can't make keys: {0}")]
    Randomness(getrandom::Error),
}

/// The most bytes of the file.
const MOST_BYTES: u64 = 256 * 1024;

impl Identity {
    /// What a server has said of this host when it joined.
    pub fn new(address: &str, mode: Mode, keys: Keys, enrolled: Enrolled, ahead: i64) -> Self {
        Self {
            agent: enrolled.agent,
            target: enrolled.target,
            target_name: enrolled.target_name,
            organization_name: enrolled.organization_name,
            address: address.to_owned(),
            server: enrolled.server,
            mode,
            jwks: enrolled.jwks,
            ahead,
            keys,
            next: None,
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// If this host has not joined, or the file can't be read.
    pub fn load(paths: &Paths) -> Result<Self, IdentityError> {
        let identity: Self = load(&paths.identity())?.ok_or(IdentityError::NotJoined)?;
        let keys = identity.keyring().map_err(|why| damaged(&paths.identity(), why));
        keys.map(|_| identity)
    }

    /// Keeps it.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn save(&self, paths: &Paths) -> Result<(), IdentityError> {
        save(&paths.identity(), self)
    }

    /// The vendor's keys that answers are verified by.
    ///
    /// # Errors
    /// With what is wrong with them; a set without keys is wrong too.
    pub fn keyring(&self) -> Result<Keyring, String> {
        keyring(&self.jwks)
    }
}

/// A set of the vendor's keys to pin. One without keys would lock the agent out for ever, so it is none.
///
/// # Errors
/// With what is wrong.
pub fn keyring(jwks: &str) -> Result<Keyring, String> {
    match Keyring::from_jwks(jwks) {
        Ok(keys) if keys.is_empty() => Err("there is no key in the set".to_owned()),
        read => read.map_err(|error| error.to_string()),
    }
}

/// What is kept from before a host asks to join until it has the answer, so that a second try has the same keys.
#[derive(Serialize, Deserialize)]
pub struct Joining {
    /// The keys.
    pub keys: Keys,
}

impl Joining {
    /// The keys of an earlier try that was never answered, or new ones, which are kept.
    ///
    /// # Errors
    /// If they can't be made or kept.
    pub fn begin(paths: &Paths, now: i64) -> Result<Self, IdentityError> {
        if let Some(begun) = load(&paths.joining())? {
            return Ok(begun);
        }
        let begun = Self { keys: Keys::make(now).map_err(IdentityError::Randomness)? };
        save(&paths.joining(), &begun)?;
        Ok(begun)
    }

    /// Forgets them, once they are the identity's, or were of no use.
    ///
    /// # Errors
    /// If they can't be removed.
    pub fn end(paths: &Paths) -> Result<(), IdentityError> {
        let path = paths.joining();
        disk::remove(&path).map_err(|source| IdentityError::Io { path: path.display().to_string(), source })
    }
}

fn load<T: for<'de> Deserialize<'de>>(path: &std::path::Path) -> Result<Option<T>, IdentityError> {
    let bytes = disk::read(path, MOST_BYTES)
        .map_err(|source| IdentityError::Io { path: path.display().to_string(), source })?;
    let Some(bytes) = bytes.map(Zeroizing::new) else { return Ok(None) };
    // Without serde_json's words, which may repeat a secret.
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| damaged(path, format!("line {}, column {}", error.line(), error.column())))
}

fn save(path: &std::path::Path, value: &impl Serialize) -> Result<(), IdentityError> {
    let io = |source| IdentityError::Io { path: path.display().to_string(), source };
    let bytes = Zeroizing::new(serde_json::to_vec_pretty(value).map_err(|error| io(error.into()))?);
    disk::write(path, &bytes).map_err(io)
}

fn damaged(path: &std::path::Path, why: String) -> IdentityError {
    IdentityError::Damaged { path: path.display().to_string(), why }
}
