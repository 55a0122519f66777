//! The vendor's public keys, which change when the vendor rotates them.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use keyward_token::{KeyError, Keyring};

use super::decision::Fault;
use super::file;
use super::wire::{Deadline, Wire};
use crate::Verifier;

/// Where newer keys are. Whoever writes there, or answers there, makes licenses: it must be the vendor alone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// A JWK Set that updates of the application replace, in a folder that is as well protected as the program.
    File(PathBuf),
    /// The JWK Set at an address, `https://…/o/{organization}/jwks.json`. What proves that it is the vendor's is the server's
    /// certificate, so it is `https`, except on the loopback address.
    Url(String),
}

/// Why there are no newer keys. Those at hand go on counting.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// No source was named.
    #[error("the application names no source of keys")]
    NoSource,
    /// They were looked for a short while ago: any text can name a key that does not exist.
    #[error("they were looked for less than five minutes ago")]
    TooSoon,
    /// The file can't be read.
    #[error("the file of keys can't be read: {0}")]
    File(#[source] Arc<io::Error>),
    /// The address can't be asked.
    #[error("{0}")]
    Fetch(#[source] Fault),
    /// What is there is no JWK Set of public keys.
    #[error("what is there is no JWK Set: {0}")]
    Invalid(Arc<dyn Error + Send + Sync>),
    /// What is there has no key.
    #[error("the JWK Set has no key")]
    Empty,
}

/// Not more often than this are newer keys looked for by reason of a key that is unknown.
const PAUSE: Duration = Duration::from_secs(5 * 60);

/// The longest JWK Set that is read.
const MOST_BYTES: u64 = 256 * 1024;

#[derive(Debug)]
pub(super) struct Keys {
    source: Option<KeySource>,
    state: Mutex<State>,
    done: Condvar,
}

#[derive(Debug)]
struct State {
    verifier: Arc<Verifier>,
    looked: Option<Instant>,
    looking: bool,
}

impl Keys {
    pub(super) fn new(verifier: Verifier, source: Option<KeySource>) -> Self {
        let state = State { verifier: Arc::new(verifier), looked: None, looking: false };
        Self { source, state: Mutex::new(state), done: Condvar::new() }
    }

    /// What verifies by the keys at hand.
    pub(super) fn verifier(&self) -> Arc<Verifier> {
        Arc::clone(&self.state().verifier)
    }

    /// What verifies by newer keys than `known` has: those that were found meanwhile, or those that are found now, unless
    /// they were looked for a short while ago.
    pub(super) fn newer(
        &self,
        known: &Arc<Verifier>,
        wire: &Wire,
        until: Deadline,
    ) -> Result<Arc<Verifier>, KeysError> {
        let state = self.state();
        // One looks, and the others wait for what it finds.
        let waited = self.done.wait_timeout_while(state, until.left(), |state| state.looking);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&state.verifier, known) {
            return Ok(Arc::clone(&state.verifier));
        }
        if self.source.is_none() {
            return Err(KeysError::NoSource);
        }
        if state.looking || state.looked.is_some_and(|at| at.elapsed() < PAUSE) {
            return Err(KeysError::TooSoon);
        }
        state.looking = true;
        drop(state);
        let found = self.look(wire, until);
        self.found(found)
    }

    /// Looks for newer keys now.
    pub(super) fn refresh(&self, wire: &Wire, until: Deadline) -> Result<(), KeysError> {
        self.state().looking = true;
        let found = self.look(wire, until);
        self.found(found).map(drop)
    }

    fn found(&self, found: Result<Keyring, KeysError>) -> Result<Arc<Verifier>, KeysError> {
        let mut state = self.state();
        (state.looking, state.looked) = (false, Some(Instant::now()));
        self.done.notify_all();
        let keys = found?;
        if *state.verifier.keys() != keys {
            state.verifier = Arc::new(state.verifier.with_keys(keys));
        }
        Ok(Arc::clone(&state.verifier))
    }

    fn look(&self, wire: &Wire, until: Deadline) -> Result<Keyring, KeysError> {
        let text = match &self.source {
            None => return Err(KeysError::NoSource),
            Some(KeySource::File(path)) => {
                let missing = || io::Error::from(io::ErrorKind::NotFound);
                let read = file::read(path, MOST_BYTES).and_then(|text| text.ok_or_else(missing));
                read.map_err(|error| KeysError::File(Arc::new(error)))?
            }
            Some(KeySource::Url(url)) => wire
                .get(url, "application/jwk-set+json, application/json", MOST_BYTES, until)
                .map_err(KeysError::Fetch)?,
        };
        let keys =
            Keyring::from_jwks(&text).map_err(|error: KeyError| KeysError::Invalid(Arc::new(error)))?;
        if keys.is_empty() { Err(KeysError::Empty) } else { Ok(keys) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
