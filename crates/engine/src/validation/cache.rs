//! What validation has at hand: copies of products and licenses, each with the generation it was made at.
//!
//! A copy is never evicted because something was changed. It is found out to be old when an answer that
//! rests on it is to be released, and made anew then.

use std::sync::Arc;

use keyward_domain::validation::LicenseFacts;
use keyward_domain::{
    LicenseId, LicenseKey, Organization, Product, ProductId, Secret, SecretHash, Timestamp,
};
use keyward_storage::{Generation, Store};
use keyward_token::Keyring;
use quick_cache::sync::Cache;
use tokio::sync::{Mutex, MutexGuard};

use super::signer::AnswerSigner;
use super::usage_counter::{Dependencies, UsageCounter};
use super::{Targets, load};
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

/// Weighs copies by the bytes they take, roughly.
#[derive(Clone)]
struct Bytes;

impl quick_cache::Weighter<ProductId, Arc<ProductSnapshot>> for Bytes {
    fn weight(&self, _: &ProductId, snapshot: &Arc<ProductSnapshot>) -> u64 {
        let (product, organization) = (&snapshot.product, &snapshot.organization);
        let custom = product.settings.custom_response.as_ref().map_or(0, |custom| custom.as_str().len());
        let lists = product.versions.entries().len() + product.pull_roles.roles().len();
        4_096 + (custom + 200 * lists + 20 * organization.blocked.ranges().len()) as u64
    }
}

impl quick_cache::Weighter<LicenseId, Arc<LicenseSnapshot>> for Bytes {
    fn weight(&self, _: &LicenseId, license_snapshot: &Arc<LicenseSnapshot>) -> u64 {
        300 + license_snapshot.facts.bytes() as u64
    }
}

/// The copies, and where answers that rest on them are released.
pub(crate) struct ValidationCache {
    pub(super) counter: UsageCounter,
    products: Cache<SecretHash, ProductId>,
    snapshots: Cache<ProductId, Arc<ProductSnapshot>, Bytes>,
    keys: Cache<LicenseKey, LicenseId>,
    licenses: Cache<LicenseId, Arc<LicenseSnapshot>, Bytes>,
    turns: [Mutex<()>; MOST_TURNS],
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
    pub(crate) fn open(store: Store) -> Self {
        Self {
            counter: UsageCounter::start(store),
            products: Cache::new(MOST_PRODUCTS),
            snapshots: Cache::with_weighter(MOST_PRODUCTS, MOST_BYTES, Bytes),
            keys: Cache::new(MOST_LICENSES),
            licenses: Cache::with_weighter(MOST_LICENSES, MOST_BYTES, Bytes),
            turns: Default::default(),
        }
    }

    /// The turn to register an address of a license. Those who wait for it have no connection, so that many first addresses of
    /// one license leave the others theirs.
    pub(super) async fn turn(&self, license: LicenseId) -> MutexGuard<'_, ()> {
        let [.., low] = license.uuid().into_bytes();
        self.turns[usize::from(low) % MOST_TURNS].lock().await
    }

    /// Drops copies that were found out to be old.
    pub(super) fn forget(&self, snapshot: &ProductSnapshot, license_snapshot: Option<&LicenseSnapshot>) {
        self.snapshots.remove(&snapshot.product.id);
        if let Some(license_snapshot) = license_snapshot {
            self.licenses.remove(&license_snapshot.facts.license);
        }
    }
}

impl ProductSnapshot {
    /// How many validations a day the plan allows.
    pub(super) fn limit(&self, now: Timestamp) -> Option<u32> {
        self.organization.limits(now).validations_per_day
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
        let at_hand = self
            .validation_cache
            .products
            .get(&hash)
            .and_then(|product| self.validation_cache.snapshots.get(&product));
        if let Some(snapshot) = at_hand.filter(|snapshot| snapshot.product.key.accepts(&hash, now)) {
            return Ok(Some(snapshot));
        }
        let tx = self.store.read().await?;
        let Some(snapshot) = load::snapshot_by_key(self, &tx, key).await? else { return Ok(None) };
        if !snapshot.product.key.accepts(&hash, now) {
            return Ok(None);
        }
        let snapshot = Arc::new(snapshot);
        self.validation_cache.products.insert(hash, snapshot.product.id);
        self.validation_cache.snapshots.insert(snapshot.product.id, Arc::clone(&snapshot));
        Ok(Some(snapshot))
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
        let key = text.parse::<LicenseKey>().ok();
        let at_hand = key.as_ref().and_then(|key| self.validation_cache.keys.get(key));
        if let Some(license_snapshot) =
            at_hand.and_then(|license| self.validation_cache.licenses.get(&license))
        {
            return Ok(
                Some(license_snapshot).filter(|license_snapshot| license_snapshot.belongs_to(snapshot))
            );
        }
        let scope = snapshot.organization.scope();
        let tx = self.store.read().await?;
        let Some(named) = load::license_id(self, &tx, scope, &snapshot.keyring, text).await? else {
            return Ok(None);
        };
        let Some(license_snapshot) = load::license_snapshot(&tx, scope, &named).await?.map(Arc::new) else {
            return Ok(None);
        };
        if let Some(key) = key {
            // A token may stand for earlier terms than the license has now; a key never does.
            self.validation_cache.keys.insert(key, license_snapshot.facts.license);
            self.validation_cache
                .licenses
                .insert(license_snapshot.facts.license, Arc::clone(&license_snapshot));
        }
        Ok(Some(license_snapshot).filter(|license_snapshot| license_snapshot.belongs_to(snapshot)))
    }
}
