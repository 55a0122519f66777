//! Which server looks at all of a registry: one at a time, whichever finds it due first.

use keyward_domain::registry::Registry;
use keyward_storage::Technical;

use crate::{Engine, Result};

/// For how long a server has the right to look at a registry without asking again.
pub const SWEEP_LEASE_SECONDS: i64 = 90;

impl Engine {
    /// The registries that were not looked at for `period` seconds, and at which no server is looking.
    pub async fn unswept_registries(&self, period: i64) -> Result<Vec<Registry>> {
        let due = (period, SWEEP_LEASE_SECONDS);
        Ok(self.store.read().await?.unswept_registries(self.now(), due).await?)
    }

    /// The right to look at all of a registry that is still unswept, which this server then has until [`registry_swept`](Self::registry_swept), as
    /// long as it asks for more time within [`SWEEP_LEASE_SECONDS`]; whether it was given.
    pub async fn claim_sweep(&self, registry: &Registry, period: i64) -> Result<bool> {
        let tx = self.store.write().await?;
        let registries = tx.registries(registry.scope());
        let claimed = registries.claim_sweep(registry.id, self.now(), (period, SWEEP_LEASE_SECONDS)).await?;
        tx.commit_unrecorded(Technical::Upstream).await?;
        Ok(claimed)
    }

    /// More time for a look at all of a registry.
    pub async fn keep_sweep(&self, registry: &Registry) -> Result<()> {
        let tx = self.store.write().await?;
        let until = self.now().plus_seconds(SWEEP_LEASE_SECONDS);
        tx.registries(registry.scope()).keep_sweep(registry.id, until).await?;
        Ok(tx.commit_unrecorded(Technical::Upstream).await?)
    }
}
