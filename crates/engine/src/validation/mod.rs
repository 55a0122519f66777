//! “May this run?”, asked by the customer's application and answered in well under a millisecond.
//!
//! An answer is prepared from memory (`desk`) and released by the transaction that counts it (`tally`):
//! in there, the prepared answer is held against all that was changed since the copies it rests on were
//! made. So nothing in memory is ever trusted, only bet on, and many requests share one transaction.
//!
//! What has to write more than the count (an address seen for the first time) is decided again in a
//! transaction of its own that holds the license.

mod answer;
pub(crate) mod desk;
pub(crate) mod load;
mod lookup;
pub(crate) mod signer;
mod tally;
mod token;

use keyward_domain::validation::{Asked, Rules, Sighting, Verdict, decide, out_of_service};
use keyward_domain::{Address, AuditEventId, Secret, Timestamp};
use uuid::Uuid;

use crate::{Engine, Result};
use answer::Echo;
use desk::{Door, Held};
use tally::{Entry, Grounds, Outcome};

pub use lookup::LookedUp;

/// A request as its application sent it.
#[derive(Debug, Clone)]
pub struct Inquiry {
    /// A license key or a token.
    pub license: String,
    /// The version that wants to run, as it was named.
    pub version: Option<String>,
    /// What the answer must repeat, so that it can't be an old one.
    pub nonce: Option<String>,
    /// From where it came.
    pub address: Address,
}

/// What comes of a request.
#[derive(Debug)]
pub enum Reply<T> {
    /// Answered.
    Answer(T),
    /// No product has this API key.
    UnknownKey,
    /// The day's bucket is used up.
    Full {
        /// Seconds until the next one.
        retry_after: i64,
    },
}

/// What a counted request that could not be read counts as.
const MALFORMED: &str = "invalid_request";

/// After so many changes of what an answer rested on, while it was being prepared, it is made under locks.
const ATTEMPTS: usize = 3;

impl Engine {
    /// Decides about a license of the product whose API key this is. The answer is JSON, signed if the
    /// product says so.
    pub async fn validate(&self, key: &Secret, inquiry: &Inquiry) -> Result<Reply<String>> {
        for _ in 0..ATTEMPTS {
            let now = self.now();
            let Some(door) = self.door(key, now).await? else { return Ok(Reply::UnknownKey) };
            if let Some(status) = out_of_service(&door.product) {
                let verdict = Verdict::refused(status);
                let grounds = door.grounds(None);
                match self.release(&door, None, grounds, now).await? {
                    Outcome::Stale => {
                        self.desk.forget(&door, None);
                        continue;
                    }
                    Outcome::Released | Outcome::Full => {
                        return self.answer(&door, &verdict, inquiry, now).map(Reply::Answer);
                    }
                }
            }
            let held = self.held(&door, &inquiry.license).await?;
            let verdict = judge(&door, held.as_deref(), inquiry, now);
            if verdict.register.is_some() {
                break;
            }
            // Signed before it is counted, so that one goes on while the other waits for the disk.
            let answer = self.answer(&door, &verdict, inquiry, now)?;
            let grounds = door.grounds(held.as_deref());
            match self.release(&door, Some(verdict.status.as_str()), grounds, now).await? {
                Outcome::Released => return Ok(Reply::Answer(answer)),
                Outcome::Full => return Ok(Reply::Full { retry_after: now.seconds_to_midnight() }),
                Outcome::Stale => {
                    self.desk.forget(&door, held.as_deref());
                }
            }
        }
        self.validate_holding(key, inquiry).await
    }

    /// Counts a request with a good key that could not be read.
    pub async fn count_malformed(&self, key: &Secret) -> Result<Reply<()>> {
        loop {
            let now = self.now();
            let Some(door) = self.door(key, now).await? else { return Ok(Reply::UnknownKey) };
            let counted = out_of_service(&door.product).is_none().then_some(MALFORMED);
            match self.release(&door, counted, door.grounds(None), now).await? {
                Outcome::Released => return Ok(Reply::Answer(())),
                Outcome::Full => return Ok(Reply::Full { retry_after: now.seconds_to_midnight() }),
                Outcome::Stale => self.desk.forget(&door, None),
            }
        }
    }

    /// Decides while holding the license, so that of many first sightings no more are let in than may be.
    async fn validate_holding(&self, key: &Secret, inquiry: &Inquiry) -> Result<Reply<String>> {
        let now = self.now();
        let tx = self.store.write().await?;
        let Some(door) = load::door_by_key(self, &tx, key).await? else { return Ok(Reply::UnknownKey) };
        if !door.product.key.accepts(&key.hash(), now) {
            return Ok(Reply::UnknownKey);
        }
        if let Some(status) = out_of_service(&door.product) {
            let verdict = Verdict::refused(status);
            return self.answer(&door, &verdict, inquiry, now).map(Reply::Answer);
        }
        let scope = door.organization.scope();
        let id = match load::license_id(self, &tx, scope, &door.keyring, &inquiry.license).await? {
            Some(named) if tx.licenses(scope).lock(named.license).await?.is_some() => Some(named),
            Some(_) | None => None,
        };
        let held = match id {
            Some(named) => load::held(&tx, scope, &named).await?.filter(|held| held.belongs_to(&door)),
            None => None,
        };
        let verdict = judge(&door, held.as_ref(), inquiry, now);
        if let (Some(address), Some(held)) = (verdict.register, &held) {
            let addresses = tx.addresses(held.holding.license);
            let known = addresses.list().await?.into_iter().find(|sighting| sighting.address == address);
            for forgotten in held.holding.forgotten(&door.product.settings, now) {
                addresses.remove(forgotten.address).await?;
            }
            let first_seen_at = known.map_or(now, |sighting| sighting.first_seen_at);
            addresses.save(&Sighting { address, first_seen_at, last_seen_at: now }).await?;
            let change = self.id(AuditEventId::new).uuid();
            tx.changes(scope.id()).note(held.holding.license.uuid(), change).await?;
        }
        // Held last, and for a short time: the writer that counts for everybody waits for it.
        let mut usage = tx.usage(door.product.id).lock(now.day()).await?;
        if door.limit(now).is_some_and(|limit| usage.used >= u64::from(limit)) {
            return Ok(Reply::Full { retry_after: now.seconds_to_midnight() });
        }
        usage.count(verdict.status.as_str());
        tx.usage(door.product.id).save(&usage).await?;
        let answer = self.answer(&door, &verdict, inquiry, now)?;
        tx.commit().await?;
        self.desk.forget(&door, held.as_ref());
        Ok(Reply::Answer(answer))
    }

    /// Has a prepared answer counted, and held against what was changed meanwhile.
    async fn release(
        &self,
        door: &Door,
        counted: Option<&'static str>,
        grounds: Grounds,
        now: Timestamp,
    ) -> Result<Outcome> {
        let entry = Entry {
            organization: door.organization.id,
            product: door.product.id,
            day: now.day(),
            limit: door.limit(now),
            counted,
            grounds,
        };
        self.desk.tally.enter(entry).await
    }

    fn answer(&self, door: &Door, verdict: &Verdict, inquiry: &Inquiry, now: Timestamp) -> Result<String> {
        let echo = Echo {
            license_key: &inquiry.license,
            nonce: inquiry.nonce.as_deref(),
            product: Some(door.product.id),
        };
        Ok(answer::write(verdict, &echo, door.product.settings.sign.then_some(&door.signer), now))
    }
}

fn judge(door: &Door, held: Option<&Held>, inquiry: &Inquiry, now: Timestamp) -> Verdict {
    let asked = Asked { address: inquiry.address, counted: true, version: inquiry.version.as_deref() };
    let rules = Rules::from(&door.product);
    decide(&door.organization, rules, held.map(|held| &held.holding), &asked, now)
}

/// The ids of all that an answer rests on.
type Targets = [Option<Uuid>; 4];
