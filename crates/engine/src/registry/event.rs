//! What happened at a registry, written down.

use keyward_domain::permission::ReadRegistries;
use keyward_domain::registry::{
    Decision, Digest, Holder, Operation, Registry, RegistryEvent, RepositoryName, habit,
};
use keyward_domain::{Access, Address, AlertId, Page, PageRequest, RegistryEventId};
use keyward_storage::{EventFilter, Tx};

use crate::{Engine, Result};

/// How long the same refusal or token of the same guest counts as one: clients try again.
const SAME_SECONDS: i64 = 60;

/// How long after its manifest the blobs of a pull may follow.
const PULL_SECONDS: i64 = 6 * 60 * 60;

/// How many lines of a kind are deleted in one transaction.
const MOST_FORGOTTEN: u64 = 1_000;

/// The most characters of a client's name that are kept.
const MOST_CLIENT: usize = 200;

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

    /// Writes down what happened, but for the pull of a part where that of the whole is not written down: then it is
    /// `false`. It may be about to be, since a client asks for the parts as soon as it has the whole, and what happens
    /// is written beside the answers.
    pub async fn note_unless_early(&self, registry: &Registry, happening: Happening) -> Result<bool> {
        let event = self.event(registry, happening);
        let tx = self.store.write().await?;
        if is_part(&tx, registry, &event).await? {
            return was_pulled(&tx, registry, &event).await;
        }
        self.note(tx, registry, event).await?;
        Ok(true)
    }

    /// Writes down what happened. The parts of what was just pulled are no pulls of their own, and a refusal
    /// or token that is repeated at once is one. What is unusual is told in the same transaction.
    pub async fn note_happening(&self, registry: &Registry, happening: Happening) -> Result<()> {
        let event = self.event(registry, happening);
        let tx = self.store.write().await?;
        if is_part(&tx, registry, &event).await? && was_pulled(&tx, registry, &event).await? {
            return Ok(());
        }
        self.note(tx, registry, event).await
    }

    async fn note(&self, tx: Tx, registry: &Registry, event: RegistryEvent) -> Result<()> {
        let scope = registry.scope();
        let since = event.at.plus_seconds(-SAME_SECONDS);
        let repeated = event.decision == Decision::Denied || event.operation == Operation::Token;
        if repeated && tx.registry_events(scope).has_since(&event, since).await? {
            return Ok(());
        }
        tx.registry_events(scope).record(&event).await?;
        self.watch(&tx, registry, &event).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Adds the bytes of a blob to the pull that it belongs to.
    pub async fn note_bytes(&self, registry: &Registry, happening: Happening, bytes: u64) -> Result<()> {
        let event = self.event(registry, happening);
        let tx = self.store.write().await?;
        let since = event.at.plus_seconds(-PULL_SECONDS);
        tx.registry_events(registry.scope()).add_bytes(&event, bytes, since).await?;
        tx.commit().await?;
        Ok(())
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
            reference: happening.reference,
            digest: happening.digest,
            bytes: 0,
            address: happening.address,
            client: shortened(&happening.client),
            at: self.now(),
        }
    }
}

/// Whether it is the pull of something that is known to be a part of something else.
async fn is_part(tx: &Tx, registry: &Registry, event: &RegistryEvent) -> Result<bool> {
    let (Operation::Pull, Decision::Allowed, Some(digest)) = (event.operation, event.decision, &event.digest)
    else {
        return Ok(false);
    };
    if event.reference != digest.as_str() {
        return Ok(false);
    }
    let artifacts = tx.artifacts(registry.scope());
    let Some(artifact) = artifacts.named(registry.id, &event.repository).await? else { return Ok(false) };
    Ok(!artifacts.content(artifact.id).is_root(digest).await?)
}

/// Whether the same guest has pulled from the repository, so that this may belong to it.
async fn was_pulled(tx: &Tx, registry: &Registry, event: &RegistryEvent) -> Result<bool> {
    let since = event.at.plus_seconds(-PULL_SECONDS);
    Ok(tx.registry_events(registry.scope()).pulled_since(event, since).await?)
}

/// What a client calls itself, fit to be kept and shown.
pub(super) fn shortened(client: &str) -> String {
    keyward_domain::text::legible(client, MOST_CLIENT)
}
