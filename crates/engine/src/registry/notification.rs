//! What upstreams tell of pushes and deletions past the gateway. It is a hint where to look: what is true is what the
//! upstream then answers, and what no notification told of is found by the sweep.

use std::collections::BTreeSet;

use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::registry::{Hint, Notifications, Registry, RepositoryName, Tag};
use keyward_domain::{
    Access, Action, Idempotency, RegistryHintId, RegistryId, Secret, SecretKind, Timestamp,
};
use keyward_storage::{KeptHint, Technical};
use serde_json::json;

use super::{find, lock};
use crate::authenticate::LAST_USED_SECONDS;
use crate::log::queue::{Entry, Use, What};
use crate::{Engine, Result};

/// How many places of one registry are kept. Beyond that, all of it is looked at.
const MOST_HINTS: u64 = 1_000;

/// How many are looked at in one go.
const MOST_AT_ONCE: u64 = 100;

/// After how long an upstream that gave no answer is asked again.
const AGAIN_SECONDS: i64 = 60;

/// For how long. After that the sweep has come by.
const GIVE_UP_SECONDS: i64 = 2 * 60 * 60;

/// What an upstream sends notifications with, in clear this once.
#[derive(Debug)]
pub struct NewNotifications {
    /// The secret.
    pub secret: Secret,
    /// What is kept.
    pub notifications: Notifications,
    /// What the upstream's configuration must say, as YAML.
    pub configuration: String,
}

impl Engine {
    /// By what the upstream of a registry may send notifications, if it may.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn notifications(
        &self,
        access: &Access<ReadRegistries>,
        id: RegistryId,
    ) -> Result<Option<Notifications>> {
        let tx = self.store.read().await?;
        find(&tx, access.scope(), id).await?;
        Ok(tx.registry_notifications(access.scope()).find(id).await?)
    }

    /// Makes a secret with which the upstream of a registry sends notifications. The one before is dead at once.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn set_notifications(
        &self,
        access: &Access<WriteRegistries>,
        id: RegistryId,
        once: Option<&Idempotency>,
    ) -> Result<NewNotifications> {
        let (scope, now) = (access.scope(), self.now());
        let secret = Secret::new(SecretKind::Notification, self.random());
        let made = self.change_shown_once(access, once, async |change| {
            let registry = lock(&change, scope, id).await?;
            let notifications = Notifications { hint: secret.hint(), created_at: now, heard_at: None };
            change.registry_notifications(scope).put(id, &secret.hash(), &notifications).await?;
            let detail = [("name", json!(registry.name)), ("hint", json!(notifications.hint))];
            change.commit(Action::RegistryNotificationsSet, id.uuid(), &detail).await?;
            Ok(notifications)
        });
        let (notifications, configuration) = (made.await?, self.notification_configuration(&secret));
        Ok(NewNotifications { secret, notifications, configuration })
    }

    /// Listens no longer to the upstream of a registry. Ending it twice is no error.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn end_notifications(&self, access: &Access<WriteRegistries>, id: RegistryId) -> Result<()> {
        let scope = access.scope();
        self.change(access, async |change| {
            let registry = lock(&change, scope, id).await?;
            let kept = change.registry_notifications(scope);
            if kept.find(id).await?.is_none() {
                return Ok(());
            }
            kept.remove(id).await?;
            let detail = [("name", json!(registry.name))];
            change.commit(Action::RegistryNotificationsEnded, id.uuid(), &detail).await
        })
        .await
    }

    /// The registry whose upstream shows this secret.
    pub async fn notifier(&self, secret: &str) -> Result<Option<Registry>> {
        let Some(secret) = Secret::parse(SecretKind::Notification, secret) else { return Ok(None) };
        let tx = self.store.read().await?;
        let Some((registry, known)) = tx.registry_by_notification(&secret.hash()).await? else {
            return Ok(None);
        };
        drop(tx);
        let now = self.now();
        if known.heard_at.is_none_or(|at| now >= at.plus_seconds(LAST_USED_SECONDS)) {
            let what = What::Used(Use::Notifications(registry.id, now));
            self.log.add(Entry { scope: registry.scope(), what });
        }
        Ok(Some(registry))
    }

    /// Keeps hints, in the upstream's own words, until someone has looked; what was hinted at twice is looked at once.
    pub async fn note_hints(&self, registry: &Registry, hints: BTreeSet<Hint>) -> Result<()> {
        let outside =
            |hint: Hint| registry.outside(&hint.repository).map(|repository| Hint { repository, ..hint });
        let hints: Vec<_> = hints.into_iter().filter_map(outside).collect();
        if hints.is_empty() {
            return Ok(());
        }
        let tx = self.store.write().await?;
        let kept = tx.registry_hints();
        if kept.count(registry.id).await? + hints.len() as u64 > MOST_HINTS {
            kept.clear(registry.id).await?;
            tx.registries(registry.scope()).want_sweep(registry.id, self.now()).await?;
        } else {
            for hint in &hints {
                kept.note(self.id(RegistryHintId::new).uuid(), registry.id, hint, self.now()).await?;
            }
        }
        tx.commit_unrecorded(Technical::Upstream).await?;
        Ok(())
    }

    /// Registries of the server in which there is something to look at.
    pub async fn hinted_registries(&self) -> Result<Vec<Registry>> {
        Ok(self
            .store
            .read()
            .await?
            .registry_hints()
            .registries((self.now(), AGAIN_SECONDS), MOST_AT_ONCE)
            .await?)
    }

    /// Where to look in one of them.
    pub async fn hints(&self, registry: &Registry) -> Result<Vec<KeptHint>> {
        Ok(self
            .store
            .read()
            .await?
            .registry_hints()
            .due(registry.id, (self.now(), AGAIN_SECONDS), MOST_AT_ONCE)
            .await?)
    }

    /// The right to look there, which others then have only after a while; whether it was given.
    pub async fn claim_hint(&self, hint: &KeptHint) -> Result<bool> {
        let now = self.now();
        let tx = self.store.write().await?;
        let until = now.plus_seconds(AGAIN_SECONDS);
        let claimed = tx.registry_hints().claim(hint.id, (now, AGAIN_SECONDS), until).await?;
        tx.commit_unrecorded(Technical::Upstream).await?;
        Ok(claimed)
    }

    /// It has been looked there.
    pub async fn hint_followed(&self, hint: &KeptHint) -> Result<()> {
        let tx = self.store.write().await?;
        tx.registry_hints().done(hint.id).await?;
        Ok(tx.commit_unrecorded(Technical::Upstream).await?)
    }

    /// The upstream gave no answer there: the hint waits for a while, and in the end it is given up.
    pub async fn put_hint_off(&self, hint: &KeptHint) -> Result<()> {
        let now = self.now();
        let tx = self.store.write().await?;
        if hint.noted_at < now.plus_seconds(-GIVE_UP_SECONDS) || hint.noted_at.is_ahead_of(now) {
            tx.registry_hints().done(hint.id).await?;
        } else {
            tx.registry_hints().put_off(hint.id, now.plus_seconds(AGAIN_SECONDS)).await?;
        }
        Ok(tx.commit_unrecorded(Technical::Upstream).await?)
    }

    /// Writes down that a tag was not there at `seen`; one that was learned since stays.
    pub async fn lose_tag(
        &self,
        registry: &Registry,
        repository: &RepositoryName,
        tag: &Tag,
        seen: Timestamp,
    ) -> Result<()> {
        let tx = self.store.write().await?;
        let artifacts = tx.artifacts(registry.scope());
        let Some(artifact) = artifacts.named(registry.id, repository).await? else { return Ok(()) };
        artifacts.hold(artifact.id).await?;
        let content = artifacts.content(artifact.id);
        let known = content.history(tag).await?;
        if known.iter().any(|pointing| pointing.until.is_none() && pointing.since < seen) {
            content.unpoint(tag, self.now()).await?;
            tx.commit_unrecorded(Technical::Upstream).await?;
        }
        Ok(())
    }

    /// What the upstream's configuration must say for it to tell of what is pushed past the gateway, as YAML.
    fn notification_configuration(&self, secret: &Secret) -> String {
        format!(
            "notifications:\n  endpoints:\n    - name: keyward\n      url: {}/registry/events\n      headers:\n        \
             Authorization: [\"Bearer {}\"]\n      timeout: 5s\n      threshold: 5\n      backoff: 10s\n      ignore:\n        \
             actions: [pull]\n",
            self.issuer.as_str(),
            secret.expose()
        )
    }
}
