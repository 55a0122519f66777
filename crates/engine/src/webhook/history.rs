//! What was sent to an endpoint, and sending it again.

use keyward_domain::permission::{ReadWebhooks, WriteWebhooks};
use keyward_domain::webhook::Attempt;
use keyward_domain::{
    Access, Action, Delivery, DeliveryId, DeliveryStatus, Page, PageRequest, Timestamp, WebhookId,
};
use keyward_storage::DeliveryFilter;
use serde_json::json;

use super::{find, lock};
use crate::{Engine, Error, Resource, Result};

/// How many tries of a delivery are shown.
const MOST_ATTEMPTS: u64 = 100;

/// How many messages are sent again by one command.
const MOST_REPLAYED: u64 = 10_000;

/// A delivery with all that is known of it.
#[derive(Debug, Clone)]
pub struct SentDelivery {
    /// The delivery.
    pub delivery: Delivery,
    /// What is sent, letter by letter; `None` once it was removed.
    pub body: Option<String>,
    /// The tries, the last first.
    pub attempts: Vec<Attempt>,
}

/// What is to be sent again: what an endpoint has been sent or was to be. What still waits is left as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Replay {
    /// Also what was delivered.
    pub delivered: bool,
    /// Messages from then on; `None` from the first that is kept.
    pub since: Option<Timestamp>,
    /// Messages from before then.
    pub until: Option<Timestamp>,
}

keyward_domain::described!(object Replay;);

/// What is being sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// How many messages.
    pub count: u64,
    /// Whether there may be more, for another command.
    pub more: bool,
}

impl Engine {
    /// What was sent to an endpoint, or is to be, the latest first.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn deliveries(
        &self,
        access: &Access<ReadWebhooks>,
        webhook: WebhookId,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<Delivery>> {
        let tx = self.store.read().await?;
        find(&tx, access.scope(), webhook).await?;
        Ok(tx.deliveries(access.scope()).list(webhook, filter, page).await?)
    }

    /// How many messages wait for an endpoint, and how many have failed, up to `most` each.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn delivery_counts(
        &self,
        access: &Access<ReadWebhooks>,
        webhook: WebhookId,
        most: u64,
    ) -> Result<(u64, u64)> {
        let tx = self.store.read().await?;
        let deliveries = tx.deliveries(access.scope());
        Ok((
            deliveries.count_in(webhook, DeliveryStatus::Pending, most).await?,
            deliveries.count_in(webhook, DeliveryStatus::Failed, most).await?,
        ))
    }

    /// One delivery, what is sent by it, and each try.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn delivery(
        &self,
        access: &Access<ReadWebhooks>,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<SentDelivery> {
        let tx = self.store.read().await?;
        find(&tx, access.scope(), webhook).await?;
        let deliveries = tx.deliveries(access.scope());
        let found = deliveries.find(webhook, id).await?;
        let delivery = found.ok_or(Error::NotFound(Resource::Delivery))?;
        let (body, attempts) =
            (deliveries.body(&delivery).await?, deliveries.attempts(&delivery, MOST_ATTEMPTS).await?);
        Ok(SentDelivery { delivery, body, attempts })
    }

    /// Sends a message again, with the same `webhook-id`. One that waits is left as it is.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn retry_delivery(
        &self,
        access: &Access<WriteWebhooks>,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<Delivery> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let held = lock(&change, scope, webhook).await?;
            let deliveries = change.deliveries(scope);
            let gone = || Error::NotFound(Resource::Delivery);
            if deliveries.find(webhook, id).await?.is_none() {
                return Err(gone());
            }
            let again = deliveries.retry(webhook, id, now).await?;
            let delivery = deliveries.find(webhook, id).await?.ok_or_else(gone)?;
            if again {
                let detail = [("url", json!(held.url)), ("count", json!(1))];
                change.commit(Action::WebhookReplayed, webhook.uuid(), &detail).await?;
            }
            Ok(delivery)
        })
        .await
    }

    /// Sends messages again, the oldest first, at most 10,000.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn replay_deliveries(
        &self,
        access: &Access<WriteWebhooks>,
        webhook: WebhookId,
        replay: Replay,
    ) -> Result<Replayed> {
        let (scope, now) = (access.scope(), self.now());
        let state = (!replay.delivered).then_some(DeliveryStatus::Failed);
        let filter = DeliveryFilter { state, kind: None, since: replay.since, until: replay.until };
        self.change(access, async |change| {
            let held = lock(&change, scope, webhook).await?;
            let count = change.deliveries(scope).replay(webhook, filter, now, MOST_REPLAYED).await?;
            let replayed = Replayed { count, more: count == MOST_REPLAYED };
            if count > 0 {
                let detail = [("url", json!(held.url)), ("count", json!(count))];
                change.commit(Action::WebhookReplayed, webhook.uuid(), &detail).await?;
            }
            Ok(replayed)
        })
        .await
    }

    /// Sends a test to an endpoint, whatever it wants to be told; `None` if it is given up.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn test_webhook(&self, access: &Access<WriteWebhooks>, webhook: WebhookId) -> Result<Delivery> {
        let scope = access.scope();
        self.change(access, async |change| {
            let held = lock(&change, scope, webhook).await?;
            if !held.state.is_listening() {
                return Err(Error::Transition(
                    "The webhook endpoint is disabled: resume it first.".to_owned(),
                ));
            }
            let id = self.send_test(&change, &held, access.actor()).await?;
            let sent = change.deliveries(scope).find(webhook, id).await?;
            change.commit_unrecorded(keyward_storage::Technical::Delivery).await?;
            sent.ok_or(Error::NotFound(Resource::Delivery))
        })
        .await
    }
}
