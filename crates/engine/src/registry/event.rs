//! What happened at a registry, written down.

use keyward_domain::permission::ReadRegistries;
use keyward_domain::registry::{
    Decision, Digest, Holder, Operation, Registry, RegistryEvent, RepositoryName, habit,
};
use keyward_domain::{Access, Address, AlertId, Page, PageRequest, RegistryEventId};
use keyward_storage::EventFilter;

use crate::log::queue::{Entry, What};
use crate::{Engine, Result};

/// How many lines of a kind are deleted in one transaction.
const MOST_FORGOTTEN: u64 = 1_000;

/// The most characters of a client's name that are kept.
const MOST_CLIENT: usize = 200;

/// The most characters of what was asked for that are kept: a digest of SHA-512 is one of 135.
const MOST_REFERENCE: usize = 256;

/// Something that a guest did or was refused.
#[derive(Debug, Clone)]
pub struct Happening {
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
    pub async fn registry_events(
        &self,
        access: &Access<ReadRegistries>,
        filter: EventFilter,
        page: PageRequest,
    ) -> Result<Page<RegistryEvent>> {
        Ok(self.store.read().await?.registry_events(access.scope()).list(filter, page).await?)
    }

    /// Has it written down what happened, beside the answer and not before it. See [`Engine::write_log`].
    pub fn note_happening(&self, registry: &Registry, happening: Happening) {
        let event = self.event(registry, happening);
        self.log.add(Entry { scope: registry.scope(), what: What::Happened(event) });
    }

    /// Has the bytes of a blob added to the pull that it belongs to.
    pub fn note_bytes(&self, registry: &Registry, happening: Happening, bytes: u64) {
        let event = self.event(registry, happening);
        self.log.add(Entry { scope: registry.scope(), what: What::Passed(event, bytes) });
    }

    /// Deletes some of what is too old to tell what is usual and, given a number of days, what happened at registries
    /// before them and the alerts of then that someone has seen to; whether there may be more.
    pub async fn forget_happenings(&self, days: Option<u32>) -> Result<bool> {
        let now = self.now();
        // A day longer than they count, since clocks differ.
        let oldest = now.plus_days(-1).unix() / 3_600 - habit::PAST_HOURS;
        let tx = self.store.write().await?;
        let mut forgotten = vec![
            tx.forget_hours(oldest, MOST_FORGOTTEN).await?,
            tx.forget_networks(now.plus_seconds(-habit::KNOWN_SECONDS), MOST_FORGOTTEN).await?,
        ];
        if let Some(days) = days {
            let end = now.plus_days(-i64::from(days));
            let end = u64::try_from(end.unix()).unwrap_or_default() * 1_000;
            let first = RegistryEventId::new(end, [0; 10]);
            forgotten.push(tx.forget_registry_events(first, MOST_FORGOTTEN).await?);
            forgotten.push(tx.forget_alerts(AlertId::new(end, [0; 10]), MOST_FORGOTTEN).await?);
        }
        tx.commit().await?;
        Ok(forgotten.contains(&MOST_FORGOTTEN))
    }

    fn event(&self, registry: &Registry, happening: Happening) -> RegistryEvent {
        RegistryEvent {
            id: self.id(RegistryEventId::new),
            organization: registry.organization,
            registry: registry.id,
            holder: happening.holder,
            operation: happening.operation,
            decision: happening.decision,
            repository: happening.repository,
            reference: happening.reference.chars().take(MOST_REFERENCE).collect(),
            digest: happening.digest,
            bytes: 0,
            address: happening.address,
            client: shortened(&happening.client),
            at: self.now(),
        }
    }
}

/// What a client calls itself, fit to be kept and shown.
pub(super) fn shortened(client: &str) -> String {
    keyward_domain::text::legible(client, MOST_CLIENT)
}
