//! What validation has at hand: copies of products and licenses, each with the generation it was made at.
//!
//! A copy is never evicted because something was changed. It is found out to be old when an answer that
//! rests on it is to be released, and made anew then.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use keyward_domain::share::{Partition, Shares};
use keyward_domain::validation::LicenseFacts;
use keyward_domain::{LicenseId, LicenseKey, Organization, Product, Secret, SecretHash, Timestamp};
use keyward_storage::{Generation, Store};
use keyward_token::Keyring;
use quick_cache::sync::Cache;
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore, SemaphorePermit};
use uuid::Uuid;

use super::batch::Dependencies;
use super::signer::AnswerSigner;
use super::usage_counter::UsageCounter;
use super::{Quota, Reply, Targets, load};
use crate::metrics::{BatchMetrics, CacheName};
use crate::{Engine, Result};

/// How many licenses are held in memory, as long as they take no more than [`MOST_BYTES`].
const MOST_LICENSES: usize = 200_000;

/// How many products are held in memory, as long as they take no more than [`MOST_BYTES`].
const MOST_PRODUCTS: usize = 10_000;

/// How much memory the licenses may take, and as much again the products.
const MOST_BYTES: u64 = 128 * 1024 * 1024;

/// Of how many licenses addresses are registered at once. Each waits with a connection for the license's lock, so there are fewer
/// than connections.
const MOST_TURNS: usize = 8;

/// From how many licenses on those are forgotten whose turns are over.
const MOST_TURNS_KEPT: usize = 1_024;

/// Weighs copies by the bytes they take, roughly.
#[derive(Clone)]
struct Bytes;

impl quick_cache::Weighter<SecretHash, Arc<ProductSnapshot>> for Bytes {
    fn weight(&self, _: &SecretHash, snapshot: &Arc<ProductSnapshot>) -> u64 {
        let (product, organization) = (&snapshot.product, &snapshot.organization);
        let custom = product.settings.custom_response.as_ref().map_or(0, |custom| custom.as_str().len());
        let lists = product.versions.entries().len() + product.pull_roles.roles().len();
        4_096 + (custom + 200 * lists + 20 * organization.blocked.ranges().len()) as u64
    }
}

impl quick_cache::Weighter<LicenseKey, Arc<LicenseSnapshot>> for Bytes {
    fn weight(&self, _: &LicenseKey, license_snapshot: &Arc<LicenseSnapshot>) -> u64 {
        300 + license_snapshot.facts.bytes() as u64
    }
}

/// The copies, and where answers that rest on them are released.
pub(crate) struct ValidationCache {
    pub(super) counter: UsageCounter,
    /// By their API keys.
    products: Cache<SecretHash, Arc<ProductSnapshot>, Bytes>,
    licenses: Cache<LicenseKey, Arc<LicenseSnapshot>, Bytes>,
    turns: std::sync::Mutex<HashMap<LicenseId, Arc<Mutex<()>>>>,
    places: Semaphore,
}

/// The turn to register an address of a license.
pub(super) struct Turn<'a> {
    _license: OwnedMutexGuard<()>,
    _place: Option<SemaphorePermit<'a>>,
}

/// A product with all that its validation needs besides the license.
pub(crate) struct ProductSnapshot {
    pub product: Product,
    pub organization: Organization,
    pub signer: AnswerSigner,
    /// The public keys of the organization's tokens, the revoked ones left out.
    pub keyring: Keyring,
    pub generation: Generation,
}

/// A license in memory.
pub(crate) struct LicenseSnapshot {
    pub facts: LicenseFacts,
    pub generation: Generation,
}

impl ValidationCache {
    /// An empty one, whose counter has a random id.
    pub(crate) fn open(store: Store, counter: Uuid, metrics: Arc<BatchMetrics>) -> Self {
        Self {
            counter: UsageCounter::open(store, counter, metrics),
            products: Cache::with_weighter(MOST_PRODUCTS, MOST_BYTES, Bytes),
            licenses: Cache::with_weighter(MOST_LICENSES, MOST_BYTES, Bytes),
            turns: Default::default(),
            places: Semaphore::new(MOST_TURNS),
        }
    }

    /// The turn to register an address of a license. Those who wait for it have no connection, so that many first addresses of
    /// one license leave the others theirs.
    pub(super) async fn turn(&self, license: LicenseId) -> Turn<'_> {
        let turns = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            if turns.len() > MOST_TURNS_KEPT {
                turns.retain(|_, turns| Arc::strong_count(turns) > 1);
            }
            Arc::clone(turns.entry(license).or_default())
        };
        Turn { _license: turns.lock_owned().await, _place: self.places.acquire().await.ok() }
    }

    /// Drops the copy of a product that was found out to be old, unless a newer one has taken its place.
    pub(super) fn forget_product(&self, key: &Secret, old: &Arc<ProductSnapshot>) {
        self.products.remove_if(&key.hash(), |held| Arc::ptr_eq(held, old));
    }

    /// The same for a license. None is held of what a token names.
    pub(super) fn forget_license(&self, text: &str, old: &Arc<LicenseSnapshot>) {
        if let Ok(key) = text.parse::<LicenseKey>() {
            self.licenses.remove_if(&key, |held| Arc::ptr_eq(held, old));
        }
    }

    /// Drops the copy of a license that has just been changed.
    pub(super) fn forget_changed(&self, text: &str) {
        if let Ok(key) = text.parse::<LicenseKey>() {
            self.licenses.remove(&key);
        }
    }
}

impl ProductSnapshot {
    /// How many validations a day the plan allows.
    pub(super) fn limit(&self, now: Timestamp) -> Option<u32> {
        self.organization.limits(now).validations_per_day
    }

    /// How much of a day's bucket its partitions may take.
    pub(super) fn shares(&self, now: Timestamp) -> Shares {
        Shares::new(self.limit(now), self.product.settings.shares)
    }

    /// What a request is told for which the bucket has no room, or the share of a partition.
    pub(super) fn full<T>(&self, spent: Option<Partition>, now: Timestamp) -> Reply<T> {
        let (quota, size) = match spent.map(Partition::kind) {
            None => (Quota::Bucket, self.limit(now).map(u64::from)),
            Some(kind) => (Quota::Share(kind), self.shares(now).of(kind).size),
        };
        Reply::Full { retry_after: now.seconds_to_midnight(), quota, size: size.unwrap_or_default() }
    }

    /// As what a request counts; `None` where nothing is counted, because the product is out of service.
    pub(super) fn counted(&self, name: &'static str) -> Option<&'static str> {
        self.product.state.is_in_service().then_some(name)
    }

    /// What an answer rests on that was made with this copy and that of a license.
    pub(super) fn dependencies(&self, license_snapshot: Option<&LicenseSnapshot>) -> Dependencies {
        let license = license_snapshot.map(|license_snapshot| license_snapshot.facts.license.uuid());
        let customer = license_snapshot
            .and_then(|license_snapshot| license_snapshot.facts.customer)
            .map(|customer| customer.uuid());
        let targets: Targets =
            [Some(self.organization.id.uuid()), Some(self.product.id.uuid()), license, customer];
        let generations = [
            self.generation,
            license_snapshot.map_or(self.generation, |license_snapshot| license_snapshot.generation),
        ];
        Dependencies { targets, generations }
    }
}

impl LicenseSnapshot {
    /// Whether it is a license of this product.
    pub(super) fn belongs_to(&self, snapshot: &ProductSnapshot) -> bool {
        self.facts.product == Some(snapshot.product.id)
    }
}

impl Engine {
    /// The product with this API key. A key that memory does not know is looked for in the database before
    /// it is refused.
    pub(super) async fn product_snapshot(
        &self,
        key: &Secret,
        now: Timestamp,
    ) -> Result<Option<Arc<ProductSnapshot>>> {
        let hash = key.hash();
        let unread = match self.validation_cache.products.get_value_or_guard_async(&hash).await {
            Ok(snapshot) if snapshot.product.key.accepts(&hash, now) => {
                self.metrics.looked_up(CacheName::Products, true);
                return Ok(Some(snapshot));
            }
            Ok(_) => None,
            // Of many who find nothing at hand, one reads, and the others wait for it.
            Err(unread) => Some(unread),
        };
        self.metrics.looked_up(CacheName::Products, false);
        let tx = self.store.read().await?;
        let snapshot = load::snapshot_by_key(self, &tx, key).await?.map(Arc::new);
        let snapshot = snapshot.filter(|snapshot| snapshot.product.key.accepts(&hash, now));
        if let (Some(snapshot), Some(unread)) = (&snapshot, unread) {
            let _ = unread.insert(Arc::clone(snapshot));
        }
        Ok(snapshot)
    }

    /// The license of this product that a key or token names; out of service, a product has none.
    pub(super) async fn license_snapshot(
        &self,
        snapshot: &ProductSnapshot,
        text: &str,
    ) -> Result<Option<Arc<LicenseSnapshot>>> {
        if !snapshot.product.state.is_in_service() {
            return Ok(None);
        }
        let belongs = |license: &Arc<LicenseSnapshot>| license.belongs_to(snapshot);
        // A token may stand for earlier terms than the license has now; a key never does.
        let unread = match text.parse::<LicenseKey>() {
            Ok(key) => match self.validation_cache.licenses.get_value_or_guard_async(&key).await {
                Ok(license) => {
                    self.metrics.looked_up(CacheName::Licenses, true);
                    return Ok(Some(license).filter(belongs));
                }
                Err(unread) => Some(unread),
            },
            Err(_) => None,
        };
        self.metrics.looked_up(CacheName::Licenses, false);
        let scope = snapshot.organization.scope();
        let tx = self.store.read().await?;
        let license = match load::license_id(self, &tx, scope, &snapshot.keyring, text).await? {
            Some(named) => load::license_snapshot(&tx, scope, &named).await?.map(Arc::new),
            None => None,
        };
        if let (Some(license), Some(unread)) = (&license, unread) {
            let _ = unread.insert(Arc::clone(license));
        }
        Ok(license.filter(belongs))
    }
}
