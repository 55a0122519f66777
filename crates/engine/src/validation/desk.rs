//! What validation has at hand: copies of products and licenses, each with the generation it was made at.
//!
//! A copy is never evicted because something was changed. It is found out to be old when an answer that
//! rests on it is to be released, and made anew then.

use std::sync::Arc;

use keyward_domain::validation::Holding;
use keyward_domain::{
    LicenseId, LicenseKey, Organization, Product, ProductId, Secret, SecretHash, Timestamp,
};
use keyward_storage::{Generation, Store};
use keyward_token::Keyring;
use quick_cache::sync::Cache;

use super::signer::AnswerSigner;
use super::tally::{Grounds, Tally};
use super::{Targets, load};
use crate::{Engine, Result};

/// How many licenses are held in memory, as long as they take no more than [`MOST_BYTES`].
const MOST_LICENSES: usize = 200_000;

/// How many products are held in memory, as long as they take no more than [`MOST_BYTES`].
const MOST_PRODUCTS: usize = 10_000;

/// How much memory the licenses may take, and as much again the products.
const MOST_BYTES: u64 = 128 * 1024 * 1024;

/// Weighs copies by the bytes they take, roughly.
#[derive(Clone)]
struct Bytes;

impl quick_cache::Weighter<ProductId, Arc<Door>> for Bytes {
    fn weight(&self, _: &ProductId, door: &Arc<Door>) -> u64 {
        let (product, organization) = (&door.product, &door.organization);
        let custom = product.settings.custom_response.as_ref().map_or(0, |custom| custom.as_str().len());
        let lists = product.versions.entries().len() + product.pull_roles.roles().len();
        4_096 + (custom + 200 * lists + 20 * organization.blocked.ranges().len()) as u64
    }
}

impl quick_cache::Weighter<LicenseId, Arc<Held>> for Bytes {
    fn weight(&self, _: &LicenseId, held: &Arc<Held>) -> u64 {
        300 + held.holding.bytes() as u64
    }
}

/// The copies, and where answers that rest on them are released.
pub(crate) struct Desk {
    pub(super) tally: Tally,
    products: Cache<SecretHash, ProductId>,
    doors: Cache<ProductId, Arc<Door>, Bytes>,
    keys: Cache<LicenseKey, LicenseId>,
    licenses: Cache<LicenseId, Arc<Held>, Bytes>,
}

/// A product with all that its validation needs besides the license.
pub(crate) struct Door {
    pub product: Product,
    pub organization: Organization,
    pub signer: AnswerSigner,
    /// The public keys of the organization's tokens, the revoked ones left out.
    pub keyring: Keyring,
    pub generation: Generation,
}

/// A license in memory.
pub(crate) struct Held {
    pub holding: Holding,
    pub generation: Generation,
}

impl Desk {
    pub(crate) fn open(store: Store) -> Self {
        Self {
            tally: Tally::start(store),
            products: Cache::new(MOST_PRODUCTS),
            doors: Cache::with_weighter(MOST_PRODUCTS, MOST_BYTES, Bytes),
            keys: Cache::new(MOST_LICENSES),
            licenses: Cache::with_weighter(MOST_LICENSES, MOST_BYTES, Bytes),
        }
    }

    /// Drops copies that were found out to be old.
    pub(super) fn forget(&self, door: &Door, held: Option<&Held>) {
        self.doors.remove(&door.product.id);
        if let Some(held) = held {
            self.licenses.remove(&held.holding.license);
        }
    }
}

impl Door {
    /// How many validations a day the plan allows.
    pub(super) fn limit(&self, now: Timestamp) -> Option<u32> {
        self.organization.limits(now).validations_per_day
    }

    /// What an answer rests on that was made with this copy and that of a license.
    pub(super) fn grounds(&self, held: Option<&Held>) -> Grounds {
        let license = held.map(|held| held.holding.license.uuid());
        let customer = held.and_then(|held| held.holding.customer).map(|customer| customer.uuid());
        let targets: Targets =
            [Some(self.organization.id.uuid()), Some(self.product.id.uuid()), license, customer];
        let generations = [self.generation, held.map_or(self.generation, |held| held.generation)];
        Grounds { targets, generations }
    }
}

impl Held {
    /// Whether it is a license of this product.
    pub(super) fn belongs_to(&self, door: &Door) -> bool {
        self.holding.product == Some(door.product.id)
    }
}

impl Engine {
    /// The product with this API key. A key that memory does not know is looked for in the database before
    /// it is refused.
    pub(super) async fn door(&self, key: &Secret, now: Timestamp) -> Result<Option<Arc<Door>>> {
        let hash = key.hash();
        let at_hand = self.desk.products.get(&hash).and_then(|product| self.desk.doors.get(&product));
        if let Some(door) = at_hand.filter(|door| door.product.key.accepts(&hash, now)) {
            return Ok(Some(door));
        }
        let tx = self.store.read().await?;
        let Some(door) = load::door_by_key(self, &tx, key).await? else { return Ok(None) };
        if !door.product.key.accepts(&hash, now) {
            return Ok(None);
        }
        let door = Arc::new(door);
        self.desk.products.insert(hash, door.product.id);
        self.desk.doors.insert(door.product.id, Arc::clone(&door));
        Ok(Some(door))
    }

    /// The license of this product that a key or token names.
    pub(super) async fn held(&self, door: &Door, text: &str) -> Result<Option<Arc<Held>>> {
        let key = text.parse::<LicenseKey>().ok();
        let at_hand = key.as_ref().and_then(|key| self.desk.keys.get(key));
        if let Some(held) = at_hand.and_then(|license| self.desk.licenses.get(&license)) {
            return Ok(Some(held).filter(|held| held.belongs_to(door)));
        }
        let scope = door.organization.scope();
        let tx = self.store.read().await?;
        let Some(named) = load::license_id(self, &tx, scope, &door.keyring, text).await? else {
            return Ok(None);
        };
        let Some(held) = load::held(&tx, scope, &named).await?.map(Arc::new) else { return Ok(None) };
        if let Some(key) = key {
            // A token may stand for earlier terms than the license has now; a key never does.
            self.desk.keys.insert(key, held.holding.license);
            self.desk.licenses.insert(held.holding.license, Arc::clone(&held));
        }
        Ok(Some(held).filter(|held| held.belongs_to(door)))
    }
}
