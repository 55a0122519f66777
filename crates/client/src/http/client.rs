//! The client.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use keyward_token::{Health, HealthCheck, Keyring, License, UnixSeconds, VerifyError, pasted};
use serde::de::DeserializeOwned;

use super::builder::ClientBuilder;
use super::decision::{Decision, Fault};
use super::keys::{Keys, KeysError};
use super::lists::{Listed, Lists, Search, Unlisted};
use super::store::Store;
use super::task::Task;
use super::wire::{Deadline, Wire};
use crate::{Answer, Machine, Question, Untrusted};

/// The longest answer that is read.
const MOST_BYTES: u64 = 128 * 1024;

/// Asks one server for one product. Clones are the same client: they share what it remembers.
#[derive(Clone)]
pub struct Client {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    /// Of `POST /api/v1/validate`.
    pub(super) url: String,
    pub(super) api_key: String,
    pub(super) keys: Keys,
    pub(super) wire: Wire,
    pub(super) timeout: Duration,
    pub(super) offline_seconds: u32,
    pub(super) machine: Option<Machine>,
    pub(super) store: Store,
    pub(super) lists: Lists,
}

/// Without the product API key.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.shared.url)
            .field("product_id", &self.shared.keys.verifier().product_id())
            .field("timeout", &self.shared.timeout)
            .field("offline_seconds", &self.shared.offline_seconds)
            .field("machine", &self.shared.machine)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// For a server's public URL and one product: its API key and its id. The keys are the public ones of the
    /// vendor's organization.
    pub fn builder(url: &str, api_key: &str, product_id: &str, keys: Keyring) -> ClientBuilder {
        ClientBuilder::new(url, api_key, product_id, keys)
    }

    /// Asks whether a license may run. Takes as long as the timeout at most, whatever there is between: name resolution,
    /// connection, TLS, answer, and newer keys. What the disk takes for a small file comes on top.
    ///
    /// It blocks; in async code use [`check_async`](Self::check_async).
    pub fn check(&self, license_key: &str, version: Option<&str>) -> Decision {
        let until = Deadline::after(self.shared.timeout);
        let unknown = |fault| Decision::Unknown { fault, lapsed: None };
        let mut random = [0; 16];
        let Ok(()) = getrandom::fill(&mut random) else { return unknown(Fault::Machine("randomness")) };
        let question = Question::new(license_key, version, random);
        let question = match &self.shared.machine {
            Some(machine) => question.asked_by(machine.clone()),
            None => question,
        };
        let asked = self.ask(&question, until);
        let now = now().unwrap_or(UnixSeconds::MIN);
        match asked {
            Ok((answer, body)) => {
                let verifier = self.shared.keys.verifier();
                let not_kept = self.shared.store.keep(&answer, body, &verifier, now).err();
                if answer.valid() {
                    Decision::Licensed { answer, not_kept }
                } else {
                    Decision::Refused { answer, not_kept }
                }
            }
            Err(fault) => self.recall(&question, now, fault),
        }
    }

    /// The same for async code: [`check`](Self::check) on a thread of its own, which begins at once and for which this future
    /// waits. It runs in every runtime and needs none. Dropped, the question goes on to its end, so a refusal is not lost.
    pub fn check_async(
        &self,
        license_key: &str,
        version: Option<&str>,
    ) -> impl Future<Output = Decision> + Send + use<> {
        let (client, license_key) = (self.clone(), license_key.to_owned());
        let version = version.map(str::to_owned);
        let no_thread = || Decision::Unknown { fault: Fault::Machine("thread"), lapsed: None };
        Task::start(move || client.check(&license_key, version.as_deref()), no_thread)
    }

    /// Verifies a license token of the client's product offline, by the keys at hand; by newer ones if its key is unknown and
    /// there is a [source](ClientBuilder::refresh_keys_from) of them.
    ///
    /// Whether it is revoked says [`check_list`](Self::check_list), or [`check`](Self::check).
    pub fn verify<C: DeserializeOwned>(&self, token: &str) -> Result<License<C>, VerifyError> {
        let until = Deadline::after(self.shared.timeout);
        // Without a clock everything has ended.
        let now = self.shared.store.at_least(now().unwrap_or(UnixSeconds::MAX));
        let token = pasted(token);
        let verify = |verifier: &crate::Verifier| {
            let product = keyward_token::Verifier::for_product(verifier.product_id());
            product.keys(verifier.keys().clone()).build().verify(&token, now)
        };
        let verifier = self.shared.keys.verifier();
        match verify(&verifier) {
            Err(error @ VerifyError::UnknownKey { .. }) => {
                match self.shared.keys.newer(&verifier, &self.shared.wire, until) {
                    Ok(newer) => verify(&newer),
                    Err(_) => Err(error),
                }
            }
            verified => verified,
        }
    }

    /// Looks a license up in its status list. The list is fetched from the address that the license names, held as long as it
    /// is fresh (`ttl`, an hour if it has none, a minute at least), and counts until it ends (`exp`) where no newer one can be
    /// had. Blocks up to the timeout.
    ///
    /// Everything but "listed as valid" is an error, so that `?` refuses whatever was not foreseen.
    pub fn check_list<C, T: AsRef<str>>(&self, license: &License<C, T>) -> Result<Listed, Unlisted> {
        let until = Deadline::after(self.shared.timeout);
        let now = self.shared.store.at_least(now().unwrap_or(UnixSeconds::MAX));
        let search = Search { keys: &self.shared.keys, wire: &self.shared.wire, now, until };
        let listed = self.shared.lists.check(license, &search)?;
        self.shared.store.saw_signed(listed.list.issued_at());
        Ok(listed)
    }

    /// How a license stands, by its times and by its status list, which is fetched if one is due. It decides nothing; see
    /// [`Health`]. Of an online answer, ask [`Answer::health`]. Blocks up to the timeout.
    pub fn health<C, T: AsRef<str>>(&self, license: &License<C, T>, warning_days: u32) -> Health {
        let until = Deadline::after(self.shared.timeout);
        let now = self.shared.store.at_least(now().unwrap_or(UnixSeconds::MAX));
        let check = HealthCheck::at(now).warning_days(warning_days);
        let search = Search { keys: &self.shared.keys, wire: &self.shared.wire, now, until };
        let list =
            license.status().and_then(|reference| self.shared.lists.latest(&reference.uri, &search).list);
        match list {
            Some(list) => license.health(check.status_list(&list)),
            None => license.health(check.status_lists(&[])),
        }
    }

    /// Looks for newer keys now: for a program that runs for months, once a day. A key that is gone was revoked, and what it has
    /// signed counts no longer. Blocks up to the timeout.
    pub fn refresh_keys(&self) -> Result<(), KeysError> {
        self.shared.keys.refresh(&self.shared.wire, Deadline::after(self.shared.timeout))?;
        self.shared.lists.clear();
        Ok(())
    }

    /// The keys whose signatures count now.
    pub fn keys(&self) -> Keyring {
        self.shared.keys.verifier().keys().clone()
    }

    fn ask(&self, question: &Question, until: Deadline) -> Result<(Answer, String), Fault> {
        let Shared { url, api_key, keys, wire, .. } = self.shared.as_ref();
        let body = wire.post(url, api_key, &question.to_json(), MOST_BYTES, until)?;
        let now = now().unwrap_or(UnixSeconds::MIN);
        let verifier = keys.verifier();
        let answer = match verifier.verify(&body, question, now) {
            Err(Untrusted::UnknownKey) => match keys.newer(&verifier, wire, until) {
                Ok(newer) => newer.verify(&body, question, now),
                Err(KeysError::NoSource) => Err(Untrusted::UnknownKey),
                Err(error) => return Err(Fault::Keys(Box::new(error))),
            },
            verified => verified,
        };
        if let Err(Untrusted::Stale { signed_at }) = &answer {
            // The clocks differ, but what the server's says is signed, and of now.
            self.shared.store.saw_signed(*signed_at);
        }
        Ok((answer?, body))
    }

    fn recall(&self, question: &Question, now: UnixSeconds, fault: Fault) -> Decision {
        let verifier = self.shared.keys.verifier();
        match self.shared.store.recall(&verifier, question, now, self.shared.offline_seconds) {
            Ok((answer, until)) => Decision::Offline { answer, until, fault },
            Err(lapsed) => Decision::Unknown { fault, lapsed },
        }
    }
}

/// `None` from a clock that is before 1970.
#[expect(clippy::disallowed_methods, reason = "here the application's clock comes in")]
fn now() -> Option<UnixSeconds> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(UnixSeconds::from(since))
}
