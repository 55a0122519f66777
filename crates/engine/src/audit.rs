//! The audit log: it is written in the transaction in which something happens.

mod chain;
mod difference;
mod export;

use keyward_domain::permission::ReadAuditEvents;
use keyward_domain::{
    Access, Action, Actor, Address, AuditEvent, AuditFilter, Feature, OrganizationScope, Page, PageRequest,
    RecordedEvent,
};
use keyward_storage::{Recorded, Tx};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{Engine, Result};

pub(crate) use chain::Signed;
pub(crate) use difference::{Differences, Differing};
pub use export::AuditExport;
pub(crate) use export::{checkpoint_line, event_line, gap};

/// Who does something, and from where as far as that is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By {
    pub actor: Actor,
    pub address: Option<Address>,
}

impl By {
    /// Whoever has a right.
    pub(crate) fn of<P>(access: &Access<P>) -> Self {
        Self { actor: access.actor(), address: access.identity().address() }
    }
}

impl From<Actor> for By {
    fn from(actor: Actor) -> Self {
        Self { actor, address: None }
    }
}

impl Engine {
    /// The audit log, where the plan includes it. A page of what a text is searched in may hold few events or none and have a
    /// next one all the same.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn audit_events(
        &self,
        access: &Access<ReadAuditEvents>,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<RecordedEvent>> {
        let tx = self.store.read().await?;
        self.includes(&tx, access.scope(), Feature::AuditLog).await?;
        Ok(tx.audit(access.scope()).list(filter, page).await?)
    }

    /// Records that someone did `action` to `target`, or to the organization itself, and tells endpoints of it. To be called once
    /// all that it tells of is written. The proof lets `tx` be committed.
    pub(crate) async fn record_for(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        by: impl Into<By>,
        action: Action,
        target: impl Into<Option<Uuid>>,
        detail: &[(&str, Value)],
    ) -> Result<Recorded> {
        let recorded = self.record_untold(tx, scope, by, action, target, detail).await?;
        self.publish(tx, scope, std::slice::from_ref(recorded.event())).await?;
        Ok(recorded)
    }

    /// The same without telling anybody.
    pub(crate) async fn record_untold(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        by: impl Into<By>,
        action: Action,
        target: impl Into<Option<Uuid>>,
        detail: &[(&str, Value)],
    ) -> Result<Recorded> {
        let By { actor, address } = by.into();
        let detail = detail.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let event = AuditEvent {
            id: self.id(keyward_domain::AuditEventId::new),
            organization: scope.id(),
            actor,
            action,
            target: target.into(),
            detail: detail.collect::<Map<_, _>>(),
            address,
            at: self.now(),
        };
        Ok(tx.audit(scope).record(&event, self.random()).await?)
    }
}
