//! What is sent: written to the outbox in the transaction of what it tells, with the thing as it is then.

use keyward_domain::link::LinkPurpose;
use keyward_domain::{
    Actor, AuditEvent, AuditEventId, DeliveryId, EventKind, LicenseId, Occurrence, OrganizationScope,
    ProductId, Timestamp, Webhook,
};
use keyward_storage::{Message, Tx};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::subject::Subject;
use crate::{Engine, Result};

/// An event as endpoints are told of it, before it has a body.
pub(crate) struct Event {
    id: AuditEventId,
    kind: EventKind,
    actor: Actor,
    target: Option<Uuid>,
    detail: Map<String, Value>,
    at: Timestamp,
}

impl From<&AuditEvent> for Event {
    fn from(event: &AuditEvent) -> Self {
        Self {
            id: event.id,
            kind: EventKind::Action(event.action),
            actor: event.actor,
            target: event.target,
            detail: event.detail.clone(),
            at: event.at,
        }
    }
}

/// What is sent (`docs/webhooks.md`).
#[derive(Serialize)]
struct Body<'a> {
    r#type: EventKind,
    timestamp: Timestamp,
    sequence: i64,
    license_id: Option<LicenseId>,
    license_sequence: Option<i64>,
    product_id: Option<ProductId>,
    actor: Value,
    detail: &'a Map<String, Value>,
    data: Box<RawValue>,
}

impl Engine {
    /// Tells the endpoints of an organization what was done. To be called once all that it tells of is written.
    pub(crate) async fn publish(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        events: &[AuditEvent],
    ) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let webhooks = tx.webhooks(scope).listening().await?;
        for event in events {
            self.send(tx, scope, &webhooks, event.into()).await?;
        }
        Ok(())
    }

    /// Tells endpoints of an organization, which all stand in `webhooks`, what the server has found.
    pub(crate) async fn publish_occurrence(
        &self,
        tx: &Tx,
        (scope, webhooks): (OrganizationScope, &[Webhook]),
        occurrence: Occurrence,
        target: Uuid,
        detail: &[(&str, Value)],
    ) -> Result<()> {
        self.send(tx, scope, webhooks, self.webhook_event(EventKind::Occurrence(occurrence), target, detail))
            .await
    }

    /// Sends a message to one endpoint, whatever it wants to be told.
    pub(super) async fn send_test(&self, tx: &Tx, webhook: &Webhook, actor: Actor) -> Result<DeliveryId> {
        let kind = EventKind::Occurrence(Occurrence::WebhookTest);
        let event = Event { actor, ..self.webhook_event(kind, webhook.id.uuid(), &[]) };
        let subject = Subject::Webhook(webhook.clone());
        let delivery = self.id(DeliveryId::new);
        self.write_message(
            tx,
            webhook.scope(),
            event,
            (Some(&subject), None, None),
            &[(delivery, webhook.id)],
        )
        .await?;
        Ok(delivery)
    }

    fn webhook_event(&self, kind: EventKind, target: Uuid, detail: &[(&str, Value)]) -> Event {
        let detail = detail.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Event {
            id: self.id(AuditEventId::new),
            kind,
            actor: Actor::Server,
            target: Some(target),
            detail: detail.collect(),
            at: self.now(),
        }
    }

    async fn send(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        webhooks: &[Webhook],
        event: Event,
    ) -> Result<()> {
        if !webhooks.iter().any(|webhook| webhook.wants(event.kind, None)) {
            return Ok(());
        }
        let subject = Subject::find(tx, scope, event.kind.group(), event.target, &event.detail).await?;
        let (product, license) = belongs_to(tx, scope, &event, subject.as_ref()).await?;
        if let Some(id) = product
            && let Some(product) = tx.products(scope).find(id).await?
            && !product.settings.webhooks
        {
            return Ok(());
        }
        let wanted = webhooks.iter().filter(|webhook| webhook.wants(event.kind, product));
        let to: Vec<_> = wanted.map(|webhook| (self.id(DeliveryId::new), webhook.id)).collect();
        if !to.is_empty() {
            self.write_message(tx, scope, event, (subject.as_ref(), product, license), &to).await?;
        }
        Ok(())
    }

    async fn write_message(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        event: Event,
        (subject, product, license): (Option<&Subject>, Option<ProductId>, Option<LicenseId>),
        to: &[(DeliveryId, keyward_domain::WebhookId)],
    ) -> Result<()> {
        let deliveries = tx.deliveries(scope);
        let (sequence, license_sequence) = deliveries.next_sequence(license).await?;
        let data = subject.and_then(|subject| {
            let text = (self.event_view?)(subject, event.at);
            text.and_then(RawValue::from_string).ok()
        });
        let body = Body {
            r#type: event.kind,
            timestamp: event.at,
            sequence,
            license_id: license,
            license_sequence,
            product_id: product,
            actor: actor(event.actor),
            detail: &event.detail,
            // Of what is gone nothing is left to say but which it was.
            data: data.map_or_else(|| raw(&json!({"id": event.target})), Ok)?,
        };
        let message = Message {
            id: event.id,
            kind: event.kind,
            body: serde_json::to_string(&body).map_err(crate::Error::Event)?,
            sequence,
            created_at: event.at,
        };
        Ok(deliveries.publish(&message, to).await?)
    }
}

/// The product and the license that an event is about.
async fn belongs_to(
    tx: &Tx,
    scope: OrganizationScope,
    event: &Event,
    subject: Option<&Subject>,
) -> Result<(Option<ProductId>, Option<LicenseId>)> {
    if let Some(Subject::OnboardingLink(link)) = subject
        && let LinkPurpose::Onboarding(id) = link.purpose
    {
        let license = tx.licenses(scope).find(id).await?;
        return Ok((license.and_then(|license| license.product), Some(id)));
    }
    let license = match event.kind.group() {
        "license" => event.target.map(LicenseId::from),
        _ => None,
    };
    Ok((subject.and_then(Subject::product), license))
}

fn actor(actor: Actor) -> Value {
    let (kind, id) = actor.parts();
    json!({"kind": kind, "id": id})
}

fn raw(value: &Value) -> Result<Box<RawValue>> {
    serde_json::value::to_raw_value(value).map_err(crate::Error::Event)
}
