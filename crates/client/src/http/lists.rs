//! Status lists: revocation for licenses that are verified offline, brought by the network.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use keyward_token::{
    DEFAULT_MAX_LIST_TOKEN_BYTES, License, StatusError, StatusList, StatusListVerifier, UnixSeconds,
    VerifyError,
};

use super::decision::Fault;
use super::file;
use super::keys::Keys;
use super::wire::{Deadline, Wire};
use crate::{KeptFileError, Verifier};

/// A list that clears a license.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Listed {
    /// The list.
    pub list: Arc<StatusList>,
    /// Why there is no newer one, though one was due.
    pub fault: Option<Fault>,
    /// Why it could not be kept for later.
    pub not_kept: Option<KeptFileError>,
}

/// Why no list clears a license. Each is a refusal, unless the application forgives it by name.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{error}{}", .fault.as_ref().map(|fault| format!("; {fault}")).unwrap_or_default())]
#[non_exhaustive]
pub struct Unlisted {
    /// What is wrong: [`StatusError::NoList`] if none was ever had.
    #[source]
    pub error: StatusError,
    /// Why there is no newer list, if one was due.
    pub fault: Option<Fault>,
}

/// How many lists are held: one for each address that the server ever had.
const MOST_LISTS: usize = 16;

/// After how long a list that could not be had is tried again, while an older one clears licenses.
const PAUSE: Duration = Duration::from_secs(60);

/// For how long a list is fresh that says nothing of it.
const DEFAULT_TTL: Duration = Duration::from_secs(60 * 60);

#[derive(Debug)]
pub(super) struct Lists {
    file: Option<PathBuf>,
    held: Mutex<Vec<Held>>,
}

#[derive(Debug, Clone)]
struct Held {
    list: Arc<StatusList>,
    /// When it came, and when a newer one was last tried for: by a clock that nobody sets.
    came: Instant,
    tried: Instant,
}

impl Held {
    /// Whether its `ttl` is over, an hour if it has none, or its end is reached: by the machine's clock or by how long it is held.
    fn is_stale(&self, now: UnixSeconds) -> bool {
        let held = self.came.elapsed();
        let since = i64::try_from(held.as_secs()).unwrap_or(i64::MAX);
        let now = now.max(UnixSeconds::new(self.list.issued_at().as_i64().saturating_add(since)));
        let has_ttl = self.list.is_stale(UnixSeconds::MAX);
        let ended = self.list.expires_at().is_some_and(|end| now >= end);
        ended || self.list.is_stale(now) || (!has_ttl && held >= DEFAULT_TTL)
    }
}

/// What looking for a list needs.
pub(super) struct Search<'a> {
    pub(super) keys: &'a Keys,
    pub(super) wire: &'a Wire,
    pub(super) now: UnixSeconds,
    pub(super) until: Deadline,
}

/// What is known of the list of an address.
#[derive(Default)]
pub(super) struct Latest {
    pub(super) list: Option<Arc<StatusList>>,
    fault: Option<Fault>,
    /// Why the list that was fetched is none.
    refused: Option<VerifyError>,
    not_kept: Option<KeptFileError>,
}

impl Lists {
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        Self { file, held: Mutex::new(Vec::new()) }
    }

    /// The list of a license, fetched if one is due, and whether it clears the license.
    pub(super) fn check<C, T: AsRef<str>>(
        &self,
        license: &License<C, T>,
        search: &Search<'_>,
    ) -> Result<Listed, Unlisted> {
        let reference = license.status().ok_or(Unlisted { error: StatusError::NoReference, fault: None })?;
        let Latest { list, fault, refused, not_kept } = self.latest(&reference.uri, search);
        let Some(list) = list else {
            return Err(Unlisted { error: refused.map_or(StatusError::NoList, StatusError::List), fault });
        };
        match list.check(license, search.now) {
            Ok(()) => Ok(Listed { list, fault, not_kept }),
            Err(error) => Err(Unlisted { error, fault }),
        }
    }

    /// The list of an address: that at hand, or a newer one if it is due and to be had.
    pub(super) fn latest(&self, uri: &str, search: &Search<'_>) -> Latest {
        let held = self.find(uri).or_else(|| self.read(uri, search));
        let is_due = |held: &Held| held.is_stale(search.now) && held.tried.elapsed() >= PAUSE;
        let mut latest =
            Latest { list: held.as_ref().map(|held| Arc::clone(&held.list)), ..Latest::default() };
        if !held.as_ref().is_none_or(is_due) {
            return latest;
        }
        match self.fetch(uri, latest.list.as_deref(), search) {
            Ok((newer, text)) => {
                let newer = Arc::new(newer);
                latest.not_kept = self.keep(&newer, &text).err();
                latest.list = Some(newer);
                return latest;
            }
            Err(Missing::Fault(fault)) => latest.fault = Some(fault),
            Err(Missing::Refused(error)) => latest.refused = Some(error),
        }
        if let Some(held) = held {
            self.hold(Held { tried: Instant::now(), ..held });
        }
        latest
    }

    /// Lets go of what was signed by keys that may be gone.
    pub(super) fn clear(&self) {
        self.held().clear();
    }

    fn find(&self, uri: &str) -> Option<Held> {
        self.held().iter().find(|held| held.list.uri() == uri).cloned()
    }

    fn hold(&self, new: Held) {
        let mut held = self.held();
        held.retain(|other| other.list.uri() != new.list.uri());
        held.push(new);
        if held.len() > MOST_LISTS {
            held.remove(0);
        }
    }

    /// The list that an earlier process has kept. One that is refused is none.
    fn read(&self, uri: &str, search: &Search<'_>) -> Option<Held> {
        let most = u64::try_from(DEFAULT_MAX_LIST_TOKEN_BYTES).ok()?;
        let text = file::read(self.file.as_ref()?, most).ok()??;
        let list = verify(&text, uri, None, search).ok()?;
        let now = Instant::now();
        // Nothing is known of when a newer one was tried for.
        let long_ago = now.checked_sub(PAUSE).unwrap_or(now);
        let held = Held { list: Arc::new(list), came: now, tried: long_ago };
        self.hold(held.clone());
        Some(held)
    }

    fn fetch(
        &self,
        uri: &str,
        seen: Option<&StatusList>,
        search: &Search<'_>,
    ) -> Result<(StatusList, String), Missing> {
        let most = u64::try_from(DEFAULT_MAX_LIST_TOKEN_BYTES).unwrap_or(u64::MAX);
        let text =
            search.wire.get(uri, "application/statuslist+jwt", most, search.until).map_err(Missing::Fault)?;
        let list = verify(&text, uri, seen.map(StatusList::issued_at), search)?;
        Ok((list, text))
    }

    fn keep(&self, list: &Arc<StatusList>, text: &str) -> Result<(), KeptFileError> {
        let now = Instant::now();
        self.hold(Held { list: Arc::clone(list), came: now, tried: now });
        let Some(path) = &self.file else { return Ok(()) };
        file::replace(path, text.as_bytes()).map_err(|error| KeptFileError::writing(path, error))
    }

    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Missing {
    Fault(Fault),
    Refused(VerifyError),
}

/// By the keys at hand, and by newer ones if its key is unknown.
fn verify(
    text: &str,
    uri: &str,
    seen: Option<UnixSeconds>,
    search: &Search<'_>,
) -> Result<StatusList, Missing> {
    let verify = |verifier: &Verifier| {
        let lists = StatusListVerifier::builder().keys(verifier.keys().clone()).uri(uri);
        let lists = seen.into_iter().fold(lists, |lists, seen| lists.not_older_than(seen));
        lists.build().verify(text.trim_ascii(), search.now)
    };
    let verifier = search.keys.verifier();
    match verify(&verifier) {
        Err(VerifyError::UnknownKey { .. }) => {
            let newer = search.keys.newer(&verifier, search.wire, search.until);
            let newer = newer.map_err(|error| Missing::Fault(Fault::Keys(Box::new(error))))?;
            verify(&newer).map_err(Missing::Refused)
        }
        verified => verified.map_err(Missing::Refused),
    }
}
