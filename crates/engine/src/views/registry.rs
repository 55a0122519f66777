//! Registries, and one of them.

use keyward_domain::permission::ReadRegistries;
use keyward_domain::registry::{Notifications, Registry};
use keyward_domain::{Access, Page, PageRequest, RegistryId};

use crate::{Engine, Result, registry};

/// A registry of the list.
#[derive(Debug, Clone)]
pub struct RegistryRow {
    /// The registry.
    pub registry: Registry,
    /// How many of its keys are alive.
    pub keys: u64,
}

/// A registry with what there is in it.
#[derive(Debug, Clone)]
pub struct RegistryView {
    /// The registry.
    pub registry: Registry,
    /// How many of its keys are alive.
    pub keys: u64,
    /// How many artifacts are known.
    pub artifacts: u64,
    /// How the upstream sends notifications, if it does.
    pub notifications: Option<Notifications>,
}

impl Engine {
    /// A page of the registries, the newest first.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn registries_view(
        &self,
        access: &Access<ReadRegistries>,
        page: PageRequest,
    ) -> Result<Page<RegistryRow>> {
        let (tx, scope) = (self.store.read().await?, access.scope());
        let (found, next) = tx.registries(scope).list(page).await?.into_parts();
        let ids: Vec<_> = found.iter().map(|registry| registry.id).collect();
        let keys = tx.registry_keys(scope).alive(&ids, self.now()).await?;
        let row =
            |registry: Registry| RegistryRow { keys: keys.get(&registry.id).copied().unwrap_or(0), registry };
        Ok(Page::new(found.into_iter().map(row).collect(), next))
    }

    /// One registry.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn registry_view(
        &self,
        access: &Access<ReadRegistries>,
        id: RegistryId,
    ) -> Result<RegistryView> {
        let (tx, scope) = (self.store.read().await?, access.scope());
        let registry = registry::find(&tx, scope, id).await?;
        let keys = tx.registry_keys(scope).alive(&[id], self.now()).await?;
        Ok(RegistryView {
            keys: keys.get(&id).copied().unwrap_or(0),
            artifacts: tx.artifacts(scope).count_of(id).await?,
            notifications: tx.registry_notifications(scope).find(id).await?,
            registry,
        })
    }
}
