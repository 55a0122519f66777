//! New keys in place of the old, every 90 days. Whenever it is killed, the agent still has the keys that the server knows.

use keyward_protocol::enrolment::NewKeys;
use keyward_protocol::path;
use keyward_protocol::signed::{self, Request};
use ureq::http::Method;

use super::Server;
use super::exchange::{Ask, AskError};
use crate::identity::Keys;

/// For how long keys are used.
const KEY_SECONDS: i64 = 90 * 86_400;

impl Server {
    /// Replaces the keys if they are due, or a replacement was begun; whether it has.
    ///
    /// # Errors
    /// If it could not be done now. It goes on at the next call.
    pub fn rotate_if_due(&self) -> Result<bool, AskError> {
        let identity = self.identity();
        let age = self.now().saturating_sub(identity.keys.made_at());
        if identity.next.is_none() && (0..KEY_SECONDS).contains(&age) {
            return Ok(false);
        }
        self.rotate().map(|()| true)
    }

    /// Replaces the keys.
    ///
    /// # Errors
    /// As above.
    pub fn rotate(&self) -> Result<(), AskError> {
        let next = match self.identity().next {
            Some(begun) => begun,
            None => {
                let made = Keys::make(self.now()).map_err(|error| AskError::Host(error.to_string()))?;
                self.propose(&made)?;
                made
            }
        };
        // Should the server have them already, it refuses the old ones; `ask` finds out and keeps the next.
        let asked = self.ask_with_proof(&next);
        if self.identity().next.is_none() {
            return Ok(());
        }
        asked?;
        self.promote(&next)
    }

    fn ask_with_proof(&self, next: &Keys) -> Result<(), AskError> {
        let keys = next.public();
        let failed = |error: serde_json::Error| AskError::Host(error.to_string());
        let bh = signed::body_hash(&serde_json::to_vec(&keys).map_err(failed)?);
        let prove = |request: &Request| {
            let proof = Request { iss: next.kid(), bh: bh.clone(), keys: Vec::new(), ..request.clone() };
            let body = NewKeys { keys: keys.clone(), proof: proof.sign(&next.signing()) };
            serde_json::to_vec(&body).map_err(failed)
        };
        self.ask(&Ask { method: Method::POST, path: path::KEY, prove: Some(&prove), ..Ask::default() })
            .map(drop)
    }
}
