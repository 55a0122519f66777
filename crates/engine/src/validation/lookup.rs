//! Looks a license up for the application that uses it. Nothing is registered or decided.

use std::sync::Arc;

use keyward_domain::share::Partition;
use keyward_domain::{Address, Customer, License, Secret};

use super::batch::{Dependencies, Outcome};
use super::cache::ProductSnapshot;
use super::{Reply, load};
use crate::{Engine, Result};

/// As what a look-up counts.
const FOUND: &str = "looked_up";
const NOT_FOUND: &str = "license_not_found";

/// A license with what belongs to it.
pub struct LookedUp {
    /// The license.
    pub license: License,
    /// Who holds it.
    pub customer: Option<Customer>,
    /// Its product's settings say how addresses count.
    pub counts_addresses: bool,
    /// How many addresses count now.
    pub addresses: u32,
}

impl Engine {
    /// The license of the product whose API key this is; `None` if it has none such, or is out of service.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn look_up(
        &self,
        key: &Secret,
        text: &str,
        address: Address,
    ) -> Result<Reply<Option<Box<LookedUp>>>> {
        loop {
            let now = self.now();
            let Some(snapshot) = self.product_snapshot(key, now).await? else { return Ok(Reply::UnknownKey) };
            let (found, dependencies) = self.looked_up(&snapshot, text).await?;
            let name = if found.is_some() { FOUND } else { NOT_FOUND };
            let license = found.as_ref().map(|found| found.license.id);
            let partitions = [Partition::of_address(address), Partition::of_license(license)];
            match self.release(&snapshot, name, partitions, dependencies, now).await? {
                Outcome::Released => return Ok(Reply::Answer(found.map(Box::new))),
                Outcome::Full => return Ok(snapshot.full(None, now)),
                Outcome::Spent(partition) => return Ok(snapshot.full(Some(partition), now)),
                Outcome::Stale => self.validation_cache.forget_product(key, &snapshot),
            }
        }
    }

    async fn looked_up(
        &self,
        snapshot: &Arc<ProductSnapshot>,
        text: &str,
    ) -> Result<(Option<LookedUp>, Dependencies)> {
        if !snapshot.product.state.is_in_service() {
            return Ok((None, snapshot.dependencies(None)));
        }
        let scope = snapshot.organization.scope();
        let tx = self.store.read().await?;
        let license = match load::license_id(self, &tx, scope, &snapshot.keyring, text).await? {
            Some(named) => load::named_license(&tx, scope, &named).await?,
            None => None,
        };
        let Some(license) = license.filter(|license| license.product == Some(snapshot.product.id)) else {
            return Ok((None, snapshot.dependencies(None)));
        };
        let facts = load::facts(&tx, scope, &license).await?;
        let customer = match license.customer {
            Some(customer) => tx.customers(scope).find(customer).await?,
            None => None,
        };
        let settings = &snapshot.product.settings;
        let found = LookedUp {
            license,
            customer,
            counts_addresses: settings.addresses != keyward_domain::product::AddressMode::Off,
            addresses: facts.addresses(settings, self.now()),
        };
        // Read from the database just now: only the product can be out of date.
        Ok((Some(found), snapshot.dependencies(None)))
    }
}
