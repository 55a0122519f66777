//! How it went with the server lately, for `keyward-agent status`.

use serde::{Deserialize, Serialize};

use crate::disk;
use crate::paths::Paths;

/// `status.json`. Times are in Unix seconds by the server's clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// When the server last answered.
    pub answered_at: Option<i64>,
    /// Why it does not answer now.
    pub trouble: Option<String>,
    /// Whether news come at once; otherwise something on the way ends requests that wait, and there is a look every 30 seconds.
    pub at_once: bool,
    /// How many transitions it has not been told.
    pub waiting: usize,
    /// How many were lost, because too many waited.
    pub lost: u64,
    /// What is desired here.
    pub deployments: Vec<Named>,
}

/// A deployment by its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its id.
    pub id: uuid::Uuid,
    /// What the customer calls it.
    pub name: String,
    /// The name of the Compose project.
    pub project: String,
    /// The application.
    pub application: String,
    /// The version that is to run.
    pub version: String,
}

/// The most bytes of the file.
const MOST_BYTES: u64 = 1024 * 1024;

impl Status {
    /// Reads it; nothing is known before the agent has run.
    pub fn load(paths: &Paths) -> Self {
        let bytes = disk::read(&paths.status(), MOST_BYTES).ok().flatten();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Keeps it. It is for people to look at: the agent itself does without.
    pub(super) fn save(&self, paths: &Paths) {
        if let Ok(bytes) = serde_json::to_vec_pretty(self) {
            let _ = disk::write(&paths.status(), &bytes);
        }
    }
}
