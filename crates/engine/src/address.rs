//! The addresses of a license, as far as its vendor has a say in them.

use keyward_domain::permission::{ReadLicenses, WriteLicenses};
use keyward_domain::validation::{MOST_SIGHTINGS, Sighting};
use keyward_domain::{Access, Action, AddressRange, Invalid, LicenseId};
use serde_json::json;

use crate::license::{find, lock};
use crate::{Engine, Error, Resource, Result};

impl Engine {
    /// Where a license was seen, and what was registered for it.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn license_addresses(
        &self,
        access: &Access<ReadLicenses>,
        id: LicenseId,
    ) -> Result<Vec<Sighting>> {
        let tx = self.store.read().await?;
        find(&tx, access.scope(), id).await?;
        Ok(tx.addresses(id).list().await?)
    }

    /// Registers an address or network with a license, whatever its limit says. Doing it twice is no error.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn register_address(
        &self,
        access: &Access<WriteLicenses>,
        id: LicenseId,
        address: AddressRange,
    ) -> Result<Sighting> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let license = lock(&change, scope, id).await?;
            let known = change.addresses(id).list().await?;
            if let Some(known) = known.iter().find(|sighting| sighting.address == address) {
                return Ok(*known);
            }
            if known.len() >= MOST_SIGHTINGS as usize {
                let message = format!("is one too many: a license has at most {MOST_SIGHTINGS}");
                return Err(Error::field("address", Invalid::new("too_many", message)));
            }
            let sighting = Sighting { address, first_seen_at: now, last_seen_at: now };
            change.addresses(id).save(&sighting).await?;
            change.licenses(scope).save(&license.readdressed(now)).await?;
            let detail = [("address", json!(address))];
            change.commit(Action::LicenseIpRegistered, id.uuid(), &detail).await?;
            Ok(sighting)
        })
        .await
    }

    /// Removes an address from a license; its place is free at once.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn remove_address(
        &self,
        access: &Access<WriteLicenses>,
        id: LicenseId,
        address: AddressRange,
    ) -> Result<()> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let license = lock(&change, scope, id).await?;
            if !change.addresses(id).remove(address).await? {
                return Err(Error::NotFound(Resource::Address));
            }
            change.licenses(scope).save(&license.readdressed(now)).await?;
            let detail = [("address", json!(address))];
            change.commit(Action::LicenseIpRemoved, id.uuid(), &detail).await
        })
        .await
    }

    /// Removes all addresses of a license; how many there were.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn reset_addresses(&self, access: &Access<WriteLicenses>, id: LicenseId) -> Result<u64> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let license = lock(&change, scope, id).await?;
            let removed = change.addresses(id).clear().await?;
            change.licenses(scope).save(&license.readdressed(now)).await?;
            change.commit(Action::LicenseIpsReset, id.uuid(), &[("removed", json!(removed))]).await?;
            Ok(removed)
        })
        .await
    }
}
