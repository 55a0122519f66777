//! Looks at what was just written down, in the same transaction, for what is unusual. What is usual is kept beside the
//! log (`habit.rs` in the storage), so that a pull costs the same after a year.

use keyward_domain::alert::Origin;
use keyward_domain::registry::habit::{self, Footprint};
use keyward_domain::registry::{Decision, Holder, Operation, Registry, RegistryEvent};
use keyward_domain::{Actor, AddressRange, AlertSubject, Finding, RegistryKeyId, Timestamp};
use keyward_storage::Tx;

use crate::{Engine, Result};

const HOUR: i64 = 60 * 60;

impl Engine {
    /// Raises an alert if what happened is unusual.
    pub(crate) async fn watch(&self, tx: &Tx, registry: &Registry, event: &RegistryEvent) -> Result<()> {
        match (event.decision, event.holder) {
            (Decision::Allowed, Holder::Key(_)) => {
                self.watch_place(tx, registry, event).await?;
                self.watch_volume(tx, registry, event).await
            }
            // Customers pull from wherever and as often as they like.
            (Decision::Allowed, Holder::License { .. } | Holder::Deployment { .. }) => Ok(()),
            (Decision::Denied, Holder::Key(_) | Holder::License { .. } | Holder::Deployment { .. }) => {
                self.watch_refusals(tx, registry, event).await
            }
        }
    }

    async fn watch_place(&self, tx: &Tx, registry: &Registry, event: &RegistryEvent) -> Result<()> {
        let (operation, network) = (event.operation, event.address.network());
        let changes = match operation {
            Operation::Pull => false,
            Operation::Push | Operation::Delete => true,
            // What is done with it is not seen: what it lets do counts.
            Operation::Token => event.reference.split(',').any(|action| matches!(action, "push" | "delete")),
        };
        if is_unexpected(tx, event.holder, &network, changes, event.at).await? {
            let finding = Finding::UnexpectedLocation { operation, network };
            self.raise(tx, registry, Actor::Server, event.holder, finding, Some(origin(event))).await?;
        }
        Ok(())
    }

    /// Raises an alert if a key's new secret is collected from where the key is not known: whoever has found an old
    /// secret could keep up with the new ones.
    pub(super) async fn watch_collection(
        &self,
        tx: &Tx,
        registry: &Registry,
        key: RegistryKeyId,
        origin: Origin,
    ) -> Result<()> {
        let (holder, network) = (Holder::Key(key), origin.address.network());
        if is_unexpected(tx, holder, &network, true, self.now()).await? {
            let finding = Finding::UnexpectedCollection { network };
            self.raise(tx, registry, Actor::Server, holder, finding, Some(origin)).await?;
        }
        Ok(())
    }

    async fn watch_volume(&self, tx: &Tx, registry: &Registry, event: &RegistryEvent) -> Result<()> {
        let (habits, hour, operation) = (tx.habits(event.holder), event.at.unix() / HOUR, event.operation);
        let recent = self.recent(tx, event, hour).await?;
        if habit::volume(operation, recent, 0).is_none() {
            return Ok(());
        }
        let busiest = habits.busiest(event, hour - habit::PAST_HOURS, hour - 2).await?;
        let Some(finding) = habit::volume(operation, recent, busiest) else { return Ok(()) };
        if tx.alerts(registry.scope()).is_raised(event.holder, &finding, event.at).await? {
            return Ok(());
        }
        let count =
            tx.registry_events(registry.scope()).count_since(event, event.at.plus_seconds(-HOUR)).await?;
        match habit::volume(operation, count, busiest) {
            Some(finding) => self
                .raise(tx, registry, Actor::Server, event.holder, finding, Some(origin(event)))
                .await
                .map(drop),
            None => Ok(()),
        }
    }

    async fn watch_refusals(&self, tx: &Tx, registry: &Registry, event: &RegistryEvent) -> Result<()> {
        let recent = self.recent(tx, event, event.at.unix() / HOUR).await?;
        let Some(finding) = habit::refusals(recent) else { return Ok(()) };
        let alerts = tx.alerts(registry.scope());
        let raised = match event.holder {
            Holder::Key(_) | Holder::License { .. } => {
                alerts.is_raised(event.holder, &finding, event.at).await?
            }
            Holder::Deployment { deployment, .. } => {
                let subject = AlertSubject::Deployment(deployment);
                alerts.is_raised_about(subject, &finding, event.at).await?
            }
        };
        if raised {
            return Ok(());
        }
        let since = event.at.plus_seconds(-HOUR);
        let different = tx.registry_events(registry.scope()).refused_since(event, since).await?;
        match (habit::refusals(different), event.holder) {
            (Some(finding), Holder::Deployment { deployment, .. }) => {
                let subject = AlertSubject::Deployment(deployment);
                self.raise_about(tx, registry.scope(), Actor::Server, subject, finding).await.map(drop)
            }
            (Some(finding), Holder::Key(_) | Holder::License { .. }) => self
                .raise(tx, registry, Actor::Server, event.holder, finding, Some(origin(event)))
                .await
                .map(drop),
            (None, _) => Ok(()),
        }
    }

    /// Counts it, and gives how often it was done in this hour of the clock and the one before: at least as often as in
    /// the last sixty minutes, which are counted only if that is much.
    async fn recent(&self, tx: &Tx, event: &RegistryEvent, hour: i64) -> Result<u32> {
        let habits = tx.habits(event.holder);
        let this = habits.count(event, hour).await?;
        Ok(this.saturating_add(habits.busiest(event, hour - 1, hour - 1).await?))
    }
}

/// Whether a key is where it is not known, which is noted.
async fn is_unexpected(
    tx: &Tx,
    holder: Holder,
    network: &AddressRange,
    changes: bool,
    now: Timestamp,
) -> Result<bool> {
    let habits = tx.habits(holder);
    let before = habits.footprint(network).await?;
    let first = before.is_none() && !habits.is_seen().await?;
    let (footprint, unexpected) = Footprint::after(before, first, changes, now);
    if before != Some(footprint) {
        habits.keep(network, footprint).await?;
    }
    Ok(unexpected)
}

fn origin(event: &RegistryEvent) -> Origin {
    Origin { address: event.address, client: event.client.clone() }
}
