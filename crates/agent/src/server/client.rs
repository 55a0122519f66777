//! What an agent that has joined asks of its server.

use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_protocol::desired::{AskPullCredential, PullCredentials};
use keyward_protocol::report::Taken;
use keyward_protocol::{Desired, Reports, path};
use serde::Serialize;
use ureq::Agent;
use ureq::http::Method;
use uuid::Uuid;

use super::exchange::{Answered, Ask, AskError, Asker, Trust, printable};
use crate::clock::ServerClock;
use crate::config::Config;
use crate::identity::{Identity, IdentityError, Keys, keyring};
use crate::paths::Paths;

/// The server, as the agent that has joined it. Several threads may ask at once.
#[derive(Debug)]
pub struct Server {
    client: Mutex<Agent>,
    pub(super) paths: Paths,
    identity: Mutex<Identity>,
    clock: ServerClock,
}

/// Why the server can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// What `agent.toml` says of the connection can't be followed.
    #[error(transparent)]
    Connection(#[from] super::ConnectionError),
}

/// What is desired, with the `ETag` to ask for news by.
#[derive(Debug, Clone)]
pub struct Known {
    /// The document.
    pub desired: Desired,
    /// Its `ETag`.
    pub etag: Option<String>,
}

/// A difference of clocks is kept for the next start if it is another by this.
const CLOCK_KEPT: i64 = 30;

impl Server {
    /// The server that this host has joined. Nothing is asked yet.
    ///
    /// # Errors
    /// If it has joined none, or can't reach it as `agent.toml` says.
    pub fn open(paths: &Paths, config: &Config) -> Result<Self, OpenError> {
        let identity = Identity::load(paths)?;
        let client = Mutex::new(super::connect(&identity.address, config)?);
        let clock = ServerClock::new(identity.ahead);
        Ok(Self { client, paths: paths.clone(), identity: Mutex::new(identity), clock })
    }

    /// Goes on by another `agent.toml`.
    ///
    /// # Errors
    /// If what it says of the connection can't be followed. Then all stays as it is.
    pub fn reconnect(&self, config: &Config) -> Result<(), super::ConnectionError> {
        let client = super::connect(&self.kept().address, config)?;
        let before =
            std::mem::replace(&mut *self.client.lock().unwrap_or_else(PoisonError::into_inner), client);
        // What is under way on the old way is asked again on the new one.
        before.shutdown();
        Ok(())
    }

    /// Ends every request that is under way, and has no other begin.
    pub fn hang_up(&self) {
        self.client().shutdown();
    }

    fn client(&self) -> Agent {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who this agent is.
    pub fn identity(&self) -> Identity {
        self.kept().clone()
    }

    /// The server's clock.
    pub fn clock(&self) -> ServerClock {
        self.clock.clone()
    }

    /// The time by it, in Unix seconds.
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// What is desired; `None` if it is what is `known`. The server may wait for news for `wait` seconds.
    ///
    /// # Errors
    /// If it can't be had, or is not for this agent.
    pub fn desired(&self, known: Option<&str>, wait: Option<u32>) -> Result<Option<Known>, AskError> {
        let ask = Ask { method: Method::GET, path: path::DESIRED, known, wait, ..Ask::default() };
        let answered = self.ask(&ask)?;
        if answered.status == 304 {
            return Ok(None);
        }
        let desired: Desired = answered.json()?;
        self.accept(&desired)?;
        Ok(Some(Known { desired, etag: answered.etag }))
    }

    /// Whether a document is for this agent; then the vendor's keys in it are those that count from now on.
    fn accept(&self, desired: &Desired) -> Result<(), AskError> {
        let unusable = |why: String| Err(AskError::Unreadable(why));
        let mut identity = self.kept();
        if desired.protocol != keyward_protocol::VERSION {
            return unusable(format!("it is of version {} of the protocol", desired.protocol));
        }
        if (desired.agent, desired.target) != (identity.agent, identity.target) {
            return unusable("it is another agent's".to_owned());
        }
        if desired.mode != identity.mode {
            return unusable(format!(
                "this host has joined in the mode `{}`; another takes a new join",
                identity.mode.as_str()
            ));
        }
        keyring(&desired.jwks).map_err(|error| AskError::Unreadable(format!("its keys: {error}")))?;
        if identity.jwks != desired.jwks || identity.target_name != desired.target_name {
            let mut next = identity.clone();
            next.jwks.clone_from(&desired.jwks);
            next.target_name = printable(&desired.target_name);
            self.keep(&mut identity, next)?;
        }
        Ok(())
    }

    /// Tells what has happened.
    ///
    /// # Errors
    /// If the server has not taken it.
    pub fn report(&self, reports: &Reports) -> Result<Taken, AskError> {
        self.post(path::REPORTS, reports)?.json()
    }

    /// Asks for what to pull the images of a deployment with.
    ///
    /// # Errors
    /// If there is nothing.
    pub fn pull_credentials(&self, deployment: Uuid) -> Result<PullCredentials, AskError> {
        self.post(path::PULL_CREDENTIAL, &AskPullCredential { deployment })?.json()
    }

    /// Takes leave: the target is released.
    ///
    /// # Errors
    /// If the server has not taken it.
    pub fn leave(&self) -> Result<(), AskError> {
        let ask = Ask { method: Method::POST, path: path::LEAVE, ..Ask::default() };
        self.ask(&ask).map(drop)
    }

    pub(super) fn post(&self, path: &str, body: &impl Serialize) -> Result<Answered, AskError> {
        let body = serde_json::to_vec(body).map_err(|error| AskError::Host(error.to_string()))?;
        self.ask(&Ask { method: Method::POST, path, body, ..Ask::default() })
    }

    /// Asks, and once more where the clock or a key was the reason of a refusal.
    pub(super) fn ask(&self, ask: &Ask<'_>) -> Result<Answered, AskError> {
        let present = self.identity();
        let mut answered = self.ask_as(&present, &present.keys, ask);
        if is_clock_skew(&answered) {
            // What the server's clock says is known by now.
            answered = self.ask_as(&present, &present.keys, ask);
        }
        match (&answered, &present.next) {
            // Perhaps the server has taken the next keys, and its answer was lost.
            (Err(error), Some(next)) if error.status() == Some(401) => {
                let retried = self.ask_as(&present, next, ask);
                if retried.is_ok() {
                    self.promote(next)?;
                    return retried;
                }
                answered
            }
            _ => answered,
        }
    }

    pub(super) fn ask_as(&self, who: &Identity, keys: &Keys, ask: &Ask<'_>) -> Result<Answered, AskError> {
        let client = self.client();
        let asker = Asker {
            client: &client,
            address: &who.address,
            server: &who.server,
            iss: who.agent.to_string(),
            key: keys.signing(),
            trust: Trust::Pinned(who.keyring().map_err(AskError::Host)?),
            ahead: self.clock.ahead(),
        };
        let answered = asker.ask(ask);
        match &answered {
            Ok(answered) => self.learn_time(answered.at),
            Err(AskError::Refused(problem)) => self.learn_time(problem.at),
            Err(_) => {}
        }
        answered
    }

    /// The next keys are those that the server knows.
    pub(super) fn promote(&self, keys: &Keys) -> Result<(), AskError> {
        let mut identity = self.kept();
        let next = Identity { keys: keys.clone(), next: None, ..identity.clone() };
        self.keep(&mut identity, next)
    }

    /// Keeps the next keys before the server is asked to take them.
    pub(super) fn propose(&self, keys: &Keys) -> Result<(), AskError> {
        let mut identity = self.kept();
        let next = Identity { next: Some(keys.clone()), ..identity.clone() };
        self.keep(&mut identity, next)
    }

    fn learn_time(&self, at: i64) {
        let ahead = self.clock.learn(at);
        let mut identity = self.kept();
        if ahead.saturating_sub(identity.ahead).saturating_abs() >= CLOCK_KEPT {
            let next = Identity { ahead, ..identity.clone() };
            // If it can't be kept, it is learned again at the next start.
            let _ = self.keep(&mut identity, next);
        }
    }

    /// On the disk first: what is in memory alone would be gone after a crash.
    fn keep(&self, identity: &mut Identity, next: Identity) -> Result<(), AskError> {
        next.save(&self.paths).map_err(|error| AskError::Host(error.to_string()))?;
        *identity = next;
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, Identity> {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_clock_skew(answered: &Result<Answered, AskError>) -> bool {
    matches!(answered, Err(AskError::Refused(problem)) if problem.status == 401 && problem.code == "clock_skew")
}
