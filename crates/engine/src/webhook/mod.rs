//! Webhooks: where organizations have events delivered to.
//!
//! | to find | look in |
//! |---|---|
//! | which events there are | [`keyward_domain::event`] |
//! | what is sent, and how it gets into the outbox | `message`, `subject` |
//! | what the server finds by itself | `occurrence` |
//! | how it is delivered, and what a failing endpoint means | `deliver`, [`keyward_domain::webhook`] |
//! | how it is signed and sent | `wire` |
//! | what was sent, and how to send it again | `history` |

pub(crate) mod deliver;
mod history;
mod message;
pub(crate) mod occurrence;
mod subject;
mod wire;

use keyward_domain::permission::{ReadWebhooks, WriteWebhooks};
use keyward_domain::webhook::{MOST_PRODUCTS, MOST_WEBHOOKS, WebhookHealth};
use keyward_domain::{
    Access, Action, EventPatterns, HttpUrl, Idempotency, Invalid, Notes, OrganizationScope, Page,
    PageRequest, ProductId, Versioned, Webhook, WebhookId, WebhookSecret, WebhookState,
};
use keyward_storage::Tx;
use serde_json::{Value, json};

use crate::change::{Change, unchanged};
use crate::vault::Place;
use crate::{Engine, Error, Resource, Result};

pub use history::{Replay, Replayed, SentDelivery};
pub use subject::{EventView, Subject};
pub use wire::webhook_id;

/// An endpoint to be created.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// Where messages are sent.
    pub url: HttpUrl,
    /// What it is for.
    pub description: Option<Notes>,
    /// Which events it is told.
    pub events: EventPatterns,
    /// Of which products; empty for all.
    pub products: Vec<ProductId>,
}

keyward_domain::described!(object NewWebhook;);

/// What is to be changed; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct WebhookChange {
    /// The new address. An endpoint elsewhere begins with a clean record.
    pub url: Option<HttpUrl>,
    /// The new description; `Some(None)` for none.
    pub description: Option<Option<Notes>>,
    /// Which events it is told from now on.
    pub events: Option<EventPatterns>,
    /// Of which products; empty for all.
    pub products: Option<Vec<ProductId>>,
}

keyward_domain::described!(object WebhookChange;);

/// An endpoint whose secret was just made.
#[derive(Debug)]
pub struct KeyedWebhook {
    /// The endpoint.
    pub webhook: Webhook,
    /// Its secret, in clear this once.
    pub secret: WebhookSecret,
}

impl Engine {
    /// The endpoints, the latest first.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn webhooks(&self, access: &Access<ReadWebhooks>, page: PageRequest) -> Result<Page<Webhook>> {
        Ok(self.store.read().await?.webhooks(access.scope()).list(page).await?)
    }

    /// One endpoint.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn webhook(&self, access: &Access<ReadWebhooks>, id: WebhookId) -> Result<Webhook> {
        find(&self.store.read().await?, access.scope(), id).await
    }

    /// Creates an endpoint with its secret.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_webhook(
        &self,
        access: &Access<WriteWebhooks>,
        new: NewWebhook,
        once: Option<&Idempotency>,
    ) -> Result<KeyedWebhook> {
        let (scope, now, id) = (access.scope(), self.now(), self.id(WebhookId::new));
        let (bytes, sealed) = self.new_webhook_secret(scope, id)?;
        let webhook = Webhook {
            id,
            organization: scope.id(),
            url: new.url,
            description: new.description,
            events: new.events,
            products: new.products,
            state: WebhookState::Enabled,
            health: WebhookHealth::default(),
            previous_secret_until: None,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        self.change_shown_once(access, once, async |change| {
            // Of many who create one at once, none is too many.
            change.organizations().lock(scope).await?;
            if change.webhooks(scope).count().await? >= MOST_WEBHOOKS {
                let most = format!("There are {MOST_WEBHOOKS} webhook endpoints already, which is the most.");
                return Err(Error::Transition(most));
            }
            known_products(&change, scope, &webhook.products).await?;
            change.webhooks(scope).insert(&webhook, &sealed).await?;
            change.commit(Action::WebhookCreated, id.uuid(), &detail(&webhook)).await?;
            Ok(KeyedWebhook { webhook: webhook.clone(), secret: WebhookSecret::from_bytes(bytes) })
        })
        .await
    }

    /// Changes an endpoint.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn update_webhook(
        &self,
        access: &Access<WriteWebhooks>,
        id: WebhookId,
        update: WebhookChange,
        expected: Option<i64>,
    ) -> Result<Webhook> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let before = lock(&change, scope, id).await?;
            unchanged(before.version, expected)?;
            let update = update.clone();
            let moved = update.url.as_ref().is_some_and(|url| *url != before.url);
            let webhook = Webhook {
                url: update.url.unwrap_or_else(|| before.url.clone()),
                description: update.description.unwrap_or_else(|| before.description.clone()),
                events: update.events.unwrap_or_else(|| before.events.clone()),
                products: update.products.unwrap_or_else(|| before.products.clone()),
                health: if moved { WebhookHealth::default() } else { before.health },
                updated_at: now,
                version: before.version + 1,
                ..before.clone()
            };
            if webhook.is_unchanged(&before) {
                return Ok(before);
            }
            known_products(&change, scope, &webhook.products).await?;
            change.webhooks(scope).save(&webhook).await?;
            change.commit(Action::WebhookUpdated, id.uuid(), &detail(&webhook)).await?;
            Ok(webhook)
        })
        .await
    }

    /// Keeps messages for an endpoint until it is resumed. One that is paused stays so.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn pause_webhook(&self, access: &Access<WriteWebhooks>, id: WebhookId) -> Result<Webhook> {
        let now = self.now();
        self.switch_webhook(access, id, Action::WebhookPaused, |webhook| webhook.paused(now)).await
    }

    /// Sends an endpoint messages again that was paused or given up. What failed meanwhile is sent by a replay.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn resume_webhook(&self, access: &Access<WriteWebhooks>, id: WebhookId) -> Result<Webhook> {
        self.switch_webhook(access, id, Action::WebhookResumed, Webhook::resumed).await
    }

    async fn switch_webhook(
        &self,
        access: &Access<WriteWebhooks>,
        id: WebhookId,
        action: Action,
        switch: impl Fn(Webhook) -> Option<Webhook>,
    ) -> Result<Webhook> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let before = lock(&change, scope, id).await?;
            let Some(switched) = switch(before.clone()) else { return Ok(before) };
            let webhook = Webhook { updated_at: now, version: before.version + 1, ..switched };
            change.webhooks(scope).save(&webhook).await?;
            change.commit(action, id.uuid(), &detail(&webhook)).await?;
            Ok(webhook)
        })
        .await
    }

    /// Gives an endpoint a new secret. For `overlap` seconds the one before signs too.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn rotate_webhook_secret(
        &self,
        access: &Access<WriteWebhooks>,
        id: WebhookId,
        overlap: u32,
        once: Option<&Idempotency>,
    ) -> Result<KeyedWebhook> {
        let (scope, now) = (access.scope(), self.now());
        let (bytes, sealed) = self.new_webhook_secret(scope, id)?;
        self.change_shown_once(access, once, async |change| {
            let before = lock(&change, scope, id).await?;
            let webhook = Webhook {
                previous_secret_until: (overlap > 0).then(|| now.plus_seconds(overlap.into())),
                updated_at: now,
                version: before.version + 1,
                ..before
            };
            change.webhooks(scope).rotate_secret(&webhook, &sealed).await?;
            let detail = [("url", json!(webhook.url)), ("overlap_seconds", json!(overlap))];
            change.commit(Action::WebhookSecretRotated, id.uuid(), &detail).await?;
            Ok(KeyedWebhook { webhook, secret: WebhookSecret::from_bytes(bytes) })
        })
        .await
    }

    /// Deletes an endpoint. What waits for it is not sent any more.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn delete_webhook(
        &self,
        access: &Access<WriteWebhooks>,
        id: WebhookId,
        expected: Option<i64>,
    ) -> Result<()> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let webhook = lock(&change, scope, id).await?;
            unchanged(webhook.version, expected)?;
            change.webhooks(scope).remove(id, now).await?;
            change.commit(Action::WebhookDeleted, id.uuid(), &[("url", json!(webhook.url))]).await
        })
        .await
    }

    fn new_webhook_secret(&self, scope: OrganizationScope, id: WebhookId) -> Result<([u8; 32], Vec<u8>)> {
        let bytes = self.random::<32>();
        let sealed = self.vault.seal(&Place::WebhookSecret(scope.id(), id), &bytes, &self.seal_entropy());
        Ok((bytes, sealed.map_err(|source| deliver::fault(id, source))?))
    }
}

pub(super) async fn find(tx: &Tx, scope: OrganizationScope, id: WebhookId) -> Result<Webhook> {
    tx.webhooks(scope).find(id).await?.ok_or(Error::NotFound(Resource::Webhook))
}

pub(super) async fn lock(tx: &Tx, scope: OrganizationScope, id: WebhookId) -> Result<Webhook> {
    tx.webhooks(scope).lock(id).await?.ok_or(Error::NotFound(Resource::Webhook))
}

async fn known_products(change: &Change<'_>, scope: OrganizationScope, products: &[ProductId]) -> Result<()> {
    if products.len() > MOST_PRODUCTS {
        let most = format!("names more than {MOST_PRODUCTS} products");
        return Err(Error::field("products", Invalid::new("too_many", most)));
    }
    for id in products {
        if change.products(scope).find(*id).await?.is_none() {
            return Err(Error::NotFound(Resource::Product));
        }
    }
    Ok(())
}

fn detail(webhook: &Webhook) -> [(&'static str, Value); 2] {
    [("url", json!(webhook.url)), ("events", json!(webhook.events))]
}
