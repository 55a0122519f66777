//! What happened at a registry, written down.

use keyward_domain::permission::ReadRegistries;
use keyward_domain::registry::{
    Decision, Digest, Holder, Operation, Registry, RegistryEvent, RepositoryName,
};
use keyward_domain::{Access, Address, Page, PageRequest, RegistryEventId};
use keyward_storage::EventFilter;

use crate::log::queue::{Entry, What};
use crate::{Engine, Result};

/// The most characters of a client's name that are kept.
const MOST_CLIENT: usize = 200;

/// The most characters of what was asked for that are kept: a digest of SHA-512 is one of 135.
const MOST_REFERENCE: usize = 256;

/// Something that a principal did or was refused.
#[derive(Debug, Clone)]
pub struct AccessEvent {
    /// Who.
    pub holder: Holder,
    /// What was wanted.
    pub operation: Operation,
    /// Whether it was let happen.
    pub decision: Decision,
    /// Of which repository.
    pub repository: RepositoryName,
    /// The tag or digest that was asked for.
    pub reference: String,
    /// The manifest that it was.
    pub digest: Option<Digest>,
    /// From where.
    pub address: Address,
    /// By which client, as it calls itself.
    pub client: String,
}

impl Engine {
    /// What happened at the organization's registries, the latest first.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn registry_events(
        &self,
        access: &Access<ReadRegistries>,
        filter: EventFilter,
        page: PageRequest,
    ) -> Result<Page<RegistryEvent>> {
        Ok(self.store.read().await?.registry_events(access.scope()).list(filter, page).await?)
    }

    /// Has it written down what happened, beside the answer and not before it. See [`Engine::write_log`].
    pub fn record_access(&self, registry: &Registry, access_event: AccessEvent) {
        let event = self.event(registry, access_event);
        self.log.add(Entry { scope: registry.scope(), what: What::Happened(event) });
    }

    /// Has the bytes of a blob added to the pull that it belongs to.
    pub fn note_bytes(&self, registry: &Registry, access_event: AccessEvent, bytes: u64) {
        let event = self.event(registry, access_event);
        self.log.add(Entry { scope: registry.scope(), what: What::Passed(event, bytes) });
    }

    fn event(&self, registry: &Registry, access_event: AccessEvent) -> RegistryEvent {
        RegistryEvent {
            id: self.id(RegistryEventId::new),
            organization: registry.organization,
            registry: registry.id,
            holder: access_event.holder,
            operation: access_event.operation,
            decision: access_event.decision,
            repository: access_event.repository,
            reference: access_event.reference.chars().take(MOST_REFERENCE).collect(),
            digest: access_event.digest,
            bytes: 0,
            address: access_event.address,
            client: shortened(&access_event.client),
            at: self.now(),
        }
    }
}

/// What a client calls itself, fit to be kept and shown.
pub(super) fn shortened(client: &str) -> String {
    keyward_domain::text::legible(client, MOST_CLIENT)
}
