//! Attempts to give a password, counted for all servers of a database together: one writer, which takes what has queued
//! up into one transaction (group commit).
//!
//! Only accounts that exist have a row. Of others this server remembers some, so that they look the same.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use keyward_domain::attempt::{AccountKey, Attempts, DeviceId, Source, Verdict, WINDOW_SECONDS};
use keyward_domain::{Email, OrganizationScope, Timestamp};
use keyward_storage::{StorageError, Store, Technical, Tx};
use quick_cache::sync::Cache;
use sha2::Sha256;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::account::{Account, Person};
use crate::inbox::Inbox;
use crate::metrics::ThrottleName;
use crate::sessions::ClientInfo;
use crate::{Engine, Error, Result};

/// The most entries of one transaction.
const MOST_ENTRIES: usize = 256;

/// How many accounts that do not exist are remembered.
const MOST_UNKNOWN: usize = 2_000;

/// No refusal is given sooner, so that its time does not tell whether there is such an account.
const EVENLY: Duration = Duration::from_millis(250);

/// For how many seconds a device is known after its last sign-in.
pub const DEVICE_SECONDS: i64 = 365 * 24 * 60 * 60;

/// One attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    pub account: AccountKey,
    pub source: Source,
    /// Whether there is such an account.
    pub exists: bool,
    /// Whether it is the only one with this address. Members of different organizations can share one, and the success
    /// of one must not make guesses at another's password uncounted.
    pub alone: bool,
}

impl Attempt {
    /// Of someone who is signed in, and is asked for the password again: the session is a known device.
    pub(crate) fn again(person: &Person<'_>) -> Self {
        let source = Source::Device(DeviceId(*person.session.id.uuid().as_bytes()));
        Self { account: person.account.key(person.email), source, exists: true, alone: true }
    }
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Begin,
    TakeBack,
}

type Settled = Result<Verdict, Arc<StorageError>>;
type Entry = (Attempt, Change, Timestamp, oneshot::Sender<Settled>);

/// Where attempts queue up.
pub(crate) struct AttemptLog {
    queue: Inbox<Entry>,
    unknown: Cache<AccountKey, Arc<Mutex<Attempts>>>,
}

impl AttemptLog {
    pub(crate) fn open(store: Store) -> Self {
        let queue = Inbox::open(4 * MOST_ENTRIES, |entries| write(store, entries));
        Self { queue, unknown: Cache::new(MOST_UNKNOWN) }
    }

    async fn enter(&self, attempt: &Attempt, change: Change, now: Timestamp) -> Result<Verdict> {
        if !attempt.exists {
            return Ok(self.pretend(attempt, change, now));
        }
        let lost = |_| Error::Uncounted(Arc::new(StorageError::Unsupported("the server is stopping")));
        let (settle, settled) = oneshot::channel();
        self.queue.send((*attempt, change, now, settle)).await.map_err(|_| lost(()))?;
        settled.await.map_err(|_| lost(()))?.map_err(Error::Uncounted)
    }

    fn pretend(&self, attempt: &Attempt, change: Change, now: Timestamp) -> Verdict {
        let none = || Ok::<_, std::convert::Infallible>(Arc::new(Mutex::new(Attempts::none(now))));
        let Ok(attempts) = self.unknown.get_or_insert_with(&attempt.account, none);
        match attempts.lock() {
            Ok(mut attempts) => apply(&mut attempts, &attempt.source, change, now),
            Err(_) => Verdict::Refused { retry_after: WINDOW_SECONDS },
        }
    }
}

fn apply(attempts: &mut Attempts, source: &Source, change: Change, now: Timestamp) -> Verdict {
    match change {
        Change::Begin => attempts.begin(source, now),
        Change::TakeBack => {
            attempts.take_back(source, now);
            Verdict::Admitted { wait: 0 }
        }
    }
}

async fn write(store: Store, mut entries: mpsc::Receiver<Entry>) {
    let mut batch = Vec::with_capacity(MOST_ENTRIES);
    while entries.recv_many(&mut batch, MOST_ENTRIES).await > 0 {
        // Of all servers, each takes the accounts in the same order. What came first of one account stays first.
        batch.sort_by_key(|(attempt, ..)| attempt.account);
        let verdicts = settle(&store, &batch).await.map_err(Arc::new);
        for (index, (.., settled)) in batch.drain(..).enumerate() {
            let verdict = match &verdicts {
                Ok(verdicts) => Ok(verdicts
                    .get(index)
                    .copied()
                    .unwrap_or(Verdict::Refused { retry_after: WINDOW_SECONDS })),
                Err(error) => Err(Arc::clone(error)),
            };
            // Who asked may have gone; their attempt counts all the same.
            let _ = settled.send(verdict);
        }
    }
}

async fn settle(store: &Store, batch: &[Entry]) -> Result<Vec<Verdict>, StorageError> {
    let tx = store.write().await?;
    let (mut verdicts, mut changed) = (Vec::with_capacity(batch.len()), false);
    for of_account in batch.chunk_by(|(one, ..), (other, ..)| one.account == other.account) {
        let (first, _, now, _) = &of_account[0];
        let mut attempts = tx.sign_in_attempts().lock(&first.account, *now).await?;
        let before = attempts.clone();
        verdicts.extend(
            of_account
                .iter()
                .map(|(attempt, change, now, _)| apply(&mut attempts, &attempt.source, *change, *now)),
        );
        if attempts != before {
            tx.sign_in_attempts().save(&first.account, &attempts).await?;
            changed = true;
        }
    }
    if changed {
        tx.commit_unrecorded(Technical::Attempts).await?;
    }
    Ok(verdicts)
}

impl Engine {
    /// From where someone wants to sign in to a member's account of this address: a device that has done so before, if the
    /// cookie shows that, or a network.
    pub fn source(&self, email: &Email, client: &ClientInfo) -> Source {
        self.source_of(AccountKey::of(email), client)
    }

    /// The same of a customer's user.
    pub fn customer_source(&self, email: &Email, client: &ClientInfo) -> Source {
        self.source_of(AccountKey::of_customer_user(email), client)
    }

    fn source_of(&self, key: AccountKey, client: &ClientInfo) -> Source {
        let known = client.device.as_deref().and_then(|cookie| self.known_device(key, cookie));
        known.map_or_else(|| Source::at(&client.address), |(device, _)| Source::Device(device))
    }

    /// The same, where it is known whose address it is: a device that has signed in for one of several people is unknown
    /// to the others.
    pub(crate) fn source_for(&self, accounts: &[Uuid], key: AccountKey, client: &ClientInfo) -> Source {
        let known = client.device.as_deref().and_then(|cookie| self.known_device(key, cookie));
        let known = known.filter(|(_, account)| accounts == [*account]);
        known.map_or_else(|| Source::at(&client.address), |(device, _)| Source::Device(device))
    }

    /// Begins an attempt, and waits where it has to.
    pub(crate) async fn begin_attempt(&self, attempt: &Attempt) -> Result<()> {
        if !self.hash_gate.has_room() {
            self.hash_gate.refuse();
            return Err(Error::Busy { retry_after: 5 });
        }
        match self.attempts.enter(attempt, Change::Begin, self.now()).await? {
            Verdict::Admitted { wait: 0 } => {}
            Verdict::Admitted { wait } => {
                tokio::time::sleep(Duration::from_secs(wait.unsigned_abs())).await;
            }
            Verdict::Refused { retry_after } => {
                self.metrics.throttled.of(ThrottleName::Account).add_one();
                return Err(Error::TooManyTries { retry_after });
            }
        }
        Ok(())
    }

    /// An attempt was no failure.
    pub(crate) async fn take_attempt_back(&self, attempt: &Attempt) -> Result<()> {
        self.attempts.enter(attempt, Change::TakeBack, self.now()).await.map(drop)
    }

    /// Completes an attempt whose password is right, with the account held: takes the code where there is a second
    /// factor, and forgets what the source of the attempt has tried before. `None` if a code is missing or wrong.
    pub(crate) async fn complete_attempt(
        &self,
        tx: Tx,
        attempt: &Attempt,
        scope: OrganizationScope,
        account: Account,
        code: Option<&str>,
    ) -> Result<Option<Tx>> {
        let with_code = account.lock_credentials(&tx, scope).await?.authenticator.is_some();
        if with_code {
            let Some(code) = code else {
                drop(tx);
                self.take_attempt_back(attempt).await?;
                return Ok(None);
            };
            self.begin_code(&tx, attempt).await?;
            if !self.take_code(&tx, scope, account, code).await? {
                tx.commit_unrecorded(Technical::Attempts).await?;
                return Ok(None);
            }
        }
        // Before sessions are held: all take the account, the attempts and the sessions in this order.
        self.attempt_succeeded(&tx, attempt, with_code).await?;
        Ok(Some(tx))
    }

    /// Counts an attempt to give a code, after the right password, in the transaction that takes the code.
    pub(crate) async fn begin_code(&self, tx: &Tx, attempt: &Attempt) -> Result<()> {
        let now = self.now();
        let mut attempts = tx.sign_in_attempts().lock(&attempt.account, now).await?;
        match attempts.begin_code(&attempt.source, now) {
            Verdict::Admitted { .. } => Ok(tx.sign_in_attempts().save(&attempt.account, &attempts).await?),
            Verdict::Refused { retry_after } => {
                self.metrics.throttled.of(ThrottleName::Account).add_one();
                Err(Error::TooManyTries { retry_after })
            }
        }
    }

    /// Forgets what the source of an attempt has tried, in the transaction in which it succeeds.
    pub(crate) async fn attempt_succeeded(&self, tx: &Tx, attempt: &Attempt, with_code: bool) -> Result<()> {
        let now = self.now();
        let mut attempts = tx.sign_in_attempts().lock(&attempt.account, now).await?;
        if attempt.alone {
            attempts.succeed(&attempt.source, with_code, now);
        } else {
            attempts.take_back(&attempt.source, now);
        }
        Ok(tx.sign_in_attempts().save(&attempt.account, &attempts).await?)
    }

    /// A cookie by which a device is known that has signed in: id, time, account and their MAC.
    pub(crate) fn device_cookie(&self, account: Account, email: &Email, known: Option<&str>) -> String {
        let (key, account) = (account.key(email), account.uuid());
        // A device that is known stays the same one.
        let known = known.and_then(|cookie| self.known_device(key, cookie));
        let known = known.filter(|(_, of)| *of == account);
        let DeviceId(id) = known.map_or_else(|| DeviceId(self.random()), |(device, _)| device);
        let mut cookie = [0; 72];
        cookie[..16].copy_from_slice(&id);
        cookie[16..24].copy_from_slice(&self.now().unix().to_be_bytes());
        cookie[24..40].copy_from_slice(account.as_bytes());
        let mac = self.device_mac(key, &cookie[..40]);
        if let Some(mac) = mac {
            cookie[40..].copy_from_slice(&mac.finalize().into_bytes());
        }
        base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, cookie)
    }

    /// The device that a cookie stands for and who has signed in there, if we have made it for this account and not too
    /// long ago.
    fn known_device(&self, key: AccountKey, cookie: &str) -> Option<(DeviceId, Uuid)> {
        let mut bytes = [0; 72];
        let length = base64::Engine::decode_slice(
            &base64::engine::general_purpose::URL_SAFE_NO_PAD,
            cookie,
            &mut bytes,
        );
        if length.ok()? != bytes.len() {
            return None;
        }
        self.device_mac(key, &bytes[..40])?.verify_slice(&bytes[40..]).ok()?;
        let made_at = i64::from_be_bytes(bytes[16..24].try_into().ok()?);
        let age = self.now().unix().saturating_sub(made_at);
        let id = bytes[..16].try_into().ok()?;
        let account = Uuid::from_slice(&bytes[24..40]).ok()?;
        (age < DEVICE_SECONDS).then_some((DeviceId(id), account))
    }

    fn device_mac(&self, key: AccountKey, cookie: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.vault.device_key()).ok()?;
        mac.update(key.as_bytes());
        mac.update(cookie);
        Some(mac)
    }

    /// Gives what is refused no sooner than after a moment that is always the same.
    pub(crate) async fn evenly<T>(
        &self,
        work: impl Future<Output = Result<T>>,
        refused: impl FnOnce(&Result<T>) -> bool,
    ) -> Result<T> {
        let moment = tokio::time::sleep(EVENLY);
        let done = work.await;
        if refused(&done) {
            moment.await;
        }
        done
    }
}
