//! The audit log: it is written in the transaction in which something happens.

use keyward_domain::permission::ReadAuditEvents;
use keyward_domain::{Access, Action, Actor, AuditEvent, Feature, OrganizationScope, Page, PageRequest};
use keyward_storage::{Recorded, Tx};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{Engine, Result};

impl Engine {
    /// The audit log, where the plan includes it.
    pub async fn audit_events(
        &self,
        access: &Access<ReadAuditEvents>,
        page: PageRequest,
    ) -> Result<Page<AuditEvent>> {
        let tx = self.store.read().await?;
        self.includes(&tx, access.scope(), Feature::AuditLog).await?;
        Ok(tx.audit(access.scope()).list(page).await?)
    }

    /// Records that `actor` did `action` to `target`, or to the organization itself, and tells endpoints of it. To be called once
    /// all that it tells of is written. The proof lets `tx` be committed.
    pub(crate) async fn record_for(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        actor: Actor,
        action: Action,
        target: impl Into<Option<Uuid>>,
        detail: &[(&str, Value)],
    ) -> Result<Recorded> {
        let recorded = self.record_untold(tx, scope, actor, action, target, detail).await?;
        self.publish(tx, scope, std::slice::from_ref(recorded.event())).await?;
        Ok(recorded)
    }

    /// The same without telling anybody.
    pub(crate) async fn record_untold(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        actor: Actor,
        action: Action,
        target: impl Into<Option<Uuid>>,
        detail: &[(&str, Value)],
    ) -> Result<Recorded> {
        let detail = detail.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let event = AuditEvent {
            id: self.id(keyward_domain::AuditEventId::new),
            organization: scope.id(),
            actor,
            action,
            target: target.into(),
            detail: detail.collect::<Map<_, _>>(),
            at: self.now(),
        };
        Ok(tx.audit(scope).record(&event).await?)
    }
}
