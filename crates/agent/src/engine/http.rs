//! Asks the engine without changing anything.

use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use ureq::{Agent, Body, Error, http};

use super::socket::{self, ADDRESS};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most bytes of an answer: lists of a host with thousands of containers are well below.
const MOST_BYTES: u64 = 32 * 1024 * 1024;

/// An engine that can only be looked at: this type has no way to send anything but `GET`.
///
/// Paths have no version in front: engines drop old versions of their API, and none of what is read here differs between them.
#[derive(Debug, Clone)]
pub struct ReadOnly {
    client: Agent,
}

/// Why the engine did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// It can't be reached.
    #[error("the container engine can't be reached: {0}")]
    Away(String),
    /// It says no.
    #[error("the container engine says: {message} ({status})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// Its answer is not what it is to be.
    #[error("the container engine's answer can't be read: {0}")]
    Unreadable(String),
}

impl ReadOnly {
    /// The engine behind a socket. Nothing is asked yet.
    pub fn new(socket: &Path) -> Self {
        Self { client: socket::client(socket, PATIENCE) }
    }

    /// Asks for what is at a path, which begins with `/`.
    ///
    /// # Errors
    /// If it can't be had.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, EngineError> {
        let answer = self.client.get(format!("{ADDRESS}{path}")).call();
        let mut answer = succeeded(answer)?;
        let bytes = answer.body_mut().with_config().limit(MOST_BYTES).read_to_vec().map_err(away)?;
        serde_json::from_slice(&bytes).map_err(|error| EngineError::Unreadable(error.to_string()))
    }
}

/// An answer whose status says that it was done.
pub(crate) fn succeeded(
    answer: Result<http::Response<Body>, Error>,
) -> Result<http::Response<Body>, EngineError> {
    let mut answer = answer.map_err(away)?;
    let status = answer.status();
    if status.is_success() || status == http::StatusCode::NOT_MODIFIED {
        return Ok(answer);
    }
    #[derive(serde::Deserialize)]
    struct Refusal {
        message: String,
    }
    let text = answer.body_mut().with_config().limit(64 * 1024).read_to_string().unwrap_or_default();
    let message = serde_json::from_str(&text).map_or(text, |refusal: Refusal| refusal.message);
    Err(EngineError::Refused { status: status.as_u16(), message: message.trim().to_owned() })
}

pub(crate) fn away(error: Error) -> EngineError {
    let hint = match &error {
        Error::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            ", which the agent's user may not use"
        }
        _ => "",
    };
    EngineError::Away(format!("{error}{hint}"))
}
