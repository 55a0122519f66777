//! “May this run?”, asked by the customer's application and answered in well under a millisecond.
//!
//! An answer is prepared from memory (`cache`) and released by the transaction that counts it (`usage_counter`):
//! in there, the prepared answer is held against all that was changed since the copies it rests on were
//! made. So nothing in memory is ever trusted, only bet on, and many requests share one transaction.
//!
//! What has to write more than the count (an address seen for the first time) is decided again in a
//! transaction of its own that holds the license.

mod answer;
mod batch;
mod buckets;
pub(crate) mod cache;
mod changes;
pub(crate) mod load;
mod lookup;
mod shares;
pub(crate) mod signer;
mod token;
mod usage_counter;

use keyward_domain::share::Partition;
use keyward_domain::validation::{Asked, Rules, Sighting, Verdict, decide};
use keyward_domain::{Address, AuditEventId, Occurrence, Secret, Timestamp};
use keyward_storage::Technical;
use serde_json::json;
use uuid::Uuid;

use crate::log::license_use::Validated;
use crate::metrics::RefusedValidation;
use crate::{Engine, Result};
use answer::Echo;
use batch::{Dependencies, Entry, Outcome};
use cache::{LicenseSnapshot, ProductSnapshot};
use shares::Partitions;

pub use lookup::LookedUp;
pub use shares::Quota;

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
    /// The day's bucket is used up, or a share of it.
    Full {
        /// Seconds until the next one.
        retry_after: i64,
        /// Which of them.
        quota: Quota,
        /// How many it holds.
        size: u64,
    },
}

/// What a counted request that could not be read counts as.
const MALFORMED: &str = "invalid_request";

/// After so many changes of what an answer rested on, while it was being prepared, it is made under locks.
const ATTEMPTS: usize = 3;

impl Engine {
    /// Decides about a license of the product whose API key this is. The answer is JSON, signed if the
    /// product says so.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn validate(&self, key: &Secret, inquiry: &Inquiry) -> Result<Reply<String>> {
        let reply = self.validate_as_known(key, inquiry).await;
        self.note_refused(&reply);
        reply
    }

    async fn validate_as_known(&self, key: &Secret, inquiry: &Inquiry) -> Result<Reply<String>> {
        let mut turn = None;
        for _ in 0..ATTEMPTS {
            let now = self.now();
            let Some(snapshot) = self.product_snapshot(key, now).await? else { return Ok(Reply::UnknownKey) };
            let license_snapshot = self.license_snapshot(&snapshot, &inquiry.license).await?;
            let verdict = judge(&snapshot, license_snapshot.as_deref(), inquiry, now);
            if verdict.register.is_some() {
                // Whoever comes after others that have registered an address may find that there is no room left to register one.
                match &license_snapshot {
                    Some(license_snapshot) if turn.is_none() => {
                        turn = Some(self.validation_cache.turn(license_snapshot.facts.license).await);
                        continue;
                    }
                    Some(_) | None => break,
                }
            }
            turn = None;
            // Signed before it is counted, so that one goes on while the other waits for the disk.
            let answer = self.answer(&snapshot, &verdict, inquiry, now)?;
            let dependencies = snapshot.dependencies(license_snapshot.as_deref());
            let partitions = partitions(inquiry.address, license_snapshot.as_deref());
            match self.release(&snapshot, verdict.status.as_str(), partitions, dependencies, now).await? {
                Outcome::Released => {
                    self.note_validation(&snapshot, license_snapshot.as_deref(), &verdict, inquiry, now);
                    self.metrics.validations.of(verdict.status).add_one();
                    return Ok(Reply::Answer(answer));
                }
                Outcome::Full => return Ok(snapshot.full(None, now)),
                Outcome::Spent(partition) => return Ok(snapshot.full(Some(partition), now)),
                Outcome::Stale => {
                    self.metrics.batches.stale.add_one();
                    self.validation_cache.forget_product(key, &snapshot);
                    if let Some(license_snapshot) = &license_snapshot {
                        self.validation_cache.forget_license(&inquiry.license, license_snapshot);
                    }
                }
            }
        }
        self.validate_locked(key, inquiry).await
    }

    /// Counts a request with a good key that could not be read.
    pub async fn count_malformed(&self, key: &Secret, address: Address) -> Result<Reply<()>> {
        let reply = self.count_as_malformed(key, address).await;
        self.note_refused(&reply);
        if let Ok(Reply::Answer(())) = reply {
            self.metrics.refused_validations.of(RefusedValidation::Malformed).add_one();
        }
        reply
    }

    /// Counts a validation that had no answer.
    fn note_refused<T>(&self, reply: &Result<Reply<T>>) {
        let why = match reply {
            Ok(Reply::Answer(_)) => return,
            Ok(Reply::UnknownKey) => RefusedValidation::UnknownKey,
            Ok(Reply::Full { quota, .. }) => RefusedValidation::from(*quota),
            Err(_) => RefusedValidation::Failed,
        };
        self.metrics.refused_validations.of(why).add_one();
    }

    async fn count_as_malformed(&self, key: &Secret, address: Address) -> Result<Reply<()>> {
        loop {
            let now = self.now();
            let Some(snapshot) = self.product_snapshot(key, now).await? else { return Ok(Reply::UnknownKey) };
            let (partitions, dependencies) = (partitions(address, None), snapshot.dependencies(None));
            match self.release(&snapshot, MALFORMED, partitions, dependencies, now).await? {
                Outcome::Released => return Ok(Reply::Answer(())),
                Outcome::Full => return Ok(snapshot.full(None, now)),
                Outcome::Spent(partition) => return Ok(snapshot.full(Some(partition), now)),
                Outcome::Stale => self.validation_cache.forget_product(key, &snapshot),
            }
        }
    }

    /// Decides while the license is locked, so that of many first sightings no more are let in than may be.
    async fn validate_locked(&self, key: &Secret, inquiry: &Inquiry) -> Result<Reply<String>> {
        let (now, book) = (self.now(), self.validation_cache.counter.shares());
        let tx = self.store.write().await?;
        let Some(snapshot) = load::snapshot_by_key(self, &tx, key).await? else {
            return Ok(Reply::UnknownKey);
        };
        if !snapshot.product.key.accepts(&key.hash(), now) {
            return Ok(Reply::UnknownKey);
        }
        let scope = snapshot.organization.scope();
        let id = match load::license_id(self, &tx, scope, &snapshot.keyring, &inquiry.license).await? {
            Some(named) if tx.licenses(scope).lock(named.license).await?.is_some() => Some(named),
            Some(_) | None => None,
        };
        let license_snapshot = match id {
            Some(named) => load::license_snapshot(&tx, scope, &named)
                .await?
                .filter(|license_snapshot| license_snapshot.belongs_to(&snapshot)),
            None => None,
        };
        let verdict = judge(&snapshot, license_snapshot.as_ref(), inquiry, now);
        if let (Some(address), Some(license_snapshot)) = (verdict.register, &license_snapshot) {
            let addresses = tx.addresses(license_snapshot.facts.license);
            let known = addresses.list().await?.into_iter().find(|sighting| sighting.address == address);
            for forgotten in license_snapshot.facts.forgotten(&snapshot.product.settings, now) {
                addresses.remove(forgotten.address).await?;
            }
            let first_seen_at = known.map_or(now, |sighting| sighting.first_seen_at);
            addresses.save(&Sighting { address, first_seen_at, last_seen_at: now }).await?;
            let change = self.id(AuditEventId::new).uuid();
            tx.changes(scope.id()).note(license_snapshot.facts.license.uuid(), change).await?;
            if known.is_none() {
                let listening = tx.webhooks(scope).listening().await?;
                let (kind, target) =
                    (Occurrence::LicenseAddressRegistered, license_snapshot.facts.license.uuid());
                let detail = [("address", json!(address))];
                self.publish_occurrence(&tx, (scope, &listening), kind, target, &detail).await?;
            }
        }
        let answer = self.answer(&snapshot, &verdict, inquiry, now)?;
        let mut held = None;
        if let Some(name) = snapshot.counted(verdict.status.as_str()) {
            let (day, shares) = ((snapshot.product.id, now.day()), snapshot.shares(now));
            let partitions = partitions(inquiry.address, license_snapshot.as_ref());
            let mut admitted = match book.hold(&tx, day, partitions, &shares).await? {
                Ok(admitted) => admitted,
                Err(partition) => {
                    // What was locked is free before something else is written.
                    tx.roll_back().await?;
                    self.note_refusal(day, partition, &shares).await?;
                    return Ok(snapshot.full(Some(partition), now));
                }
            };
            // The bucket last, and for a short time: counters wait for it whose allotments are used up.
            if !buckets::count_direct(&tx, day, snapshot.limit(now), name).await? {
                return Ok(snapshot.full(None, now));
            }
            admitted.write(&tx, &shares).await?;
            held = Some(admitted.committing());
        }
        tx.commit_unrecorded(Technical::Usage).await?;
        if let Some(held) = held {
            held.settle();
            self.note_validation(&snapshot, license_snapshot.as_ref(), &verdict, inquiry, now);
        }
        self.validation_cache.forget_changed(&inquiry.license);
        self.metrics.validations.of(verdict.status).add_one();
        Ok(Reply::Answer(answer))
    }

    /// Notes beside a counted answer what its license is used for.
    fn note_validation(
        &self,
        snapshot: &ProductSnapshot,
        license_snapshot: Option<&LicenseSnapshot>,
        verdict: &Verdict,
        inquiry: &Inquiry,
        now: Timestamp,
    ) {
        let Some(license_snapshot) = license_snapshot else { return };
        self.license_uses.note(&Validated {
            scope: snapshot.organization.scope(),
            license: license_snapshot.facts.license,
            product: snapshot.product.id,
            status: verdict.status,
            version: inquiry.version.as_deref(),
            address: inquiry.address,
            at: now,
        });
    }

    /// Has a prepared answer counted as `name`, and held against what was changed meanwhile.
    async fn release(
        &self,
        snapshot: &ProductSnapshot,
        name: &'static str,
        partitions: Partitions,
        dependencies: Dependencies,
        now: Timestamp,
    ) -> Result<Outcome> {
        let entry = Entry {
            organization: snapshot.organization.id,
            product: snapshot.product.id,
            day: now.day(),
            limit: snapshot.limit(now),
            counted: snapshot.counted(name),
            partitions,
            shares: snapshot.shares(now),
            dependencies,
        };
        self.validation_cache.counter.count(entry).await
    }

    fn answer(
        &self,
        snapshot: &ProductSnapshot,
        verdict: &Verdict,
        inquiry: &Inquiry,
        now: Timestamp,
    ) -> Result<String> {
        let echo = Echo {
            license_key: &inquiry.license,
            nonce: inquiry.nonce.as_deref(),
            product: Some(snapshot.product.id),
        };
        Ok(answer::write(verdict, &echo, snapshot.product.settings.sign.then_some(&snapshot.signer), now))
    }
}

/// Whose shares a request takes from.
fn partitions(address: Address, license_snapshot: Option<&LicenseSnapshot>) -> Partitions {
    let license = license_snapshot.map(|license_snapshot| license_snapshot.facts.license);
    [Partition::of_address(address), Partition::of_license(license)]
}

fn judge(
    snapshot: &ProductSnapshot,
    license_snapshot: Option<&LicenseSnapshot>,
    inquiry: &Inquiry,
    now: Timestamp,
) -> Verdict {
    let asked = Asked { address: inquiry.address, counted: true, version: inquiry.version.as_deref() };
    decide(
        &snapshot.organization,
        &Rules::of(Some(&snapshot.product)),
        license_snapshot.map(|license_snapshot| &license_snapshot.facts),
        &asked,
        now,
    )
}

/// The ids of all that an answer rests on.
type Targets = [Option<Uuid>; 4];
