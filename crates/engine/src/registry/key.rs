//! Registry keys: made, shown once, replaced, revoked.

use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::product::ApiKey;
use keyward_domain::registry::{KeyAccess, LastUse, RegistryKey, Rotation};
use keyward_domain::{
    Access, Action, Actor, Address, Feature, Idempotency, Invalid, Name, Ordered, OrderedRequest,
    OrganizationScope, Page, PageRequest, RegistryId, RegistryKeyId, RegistryKeyOrder, Secret, SecretKind,
    Timestamp,
};
use keyward_storage::Tx;
use serde_json::json;

use super::event::shortened;
use crate::authenticate::LAST_USED_SECONDS;
use crate::log::queue::{Entry, Use, What};
use crate::{Engine, Error, Resource, Result, organization};

/// A registry key to be created.
#[derive(Debug, Clone)]
pub struct NewRegistryKey {
    /// The only registry it will open.
    pub registry: RegistryId,
    /// What it is for.
    pub name: Name,
    /// Who answers for it; `None` for its creator.
    pub owner: Option<Name>,
    /// What it may do.
    pub access: KeyAccess,
    /// How it gets a new secret by itself; `None` for not at all.
    pub rotation: Option<Rotation>,
    /// From when on it is dead.
    pub expires_at: Option<Timestamp>,
}

/// A registry key with the secret that is shown this once.
#[derive(Debug)]
pub struct NewRegistrySecret {
    /// The key as kept.
    pub key: RegistryKey,
    /// The secret.
    pub secret: Secret,
}

impl Engine {
    /// The keys of one registry or of all, the revoked ones too.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn registry_keys(
        &self,
        access: &Access<ReadRegistries>,
        registry: Option<RegistryId>,
        page: PageRequest,
    ) -> Result<Page<RegistryKey>> {
        Ok(self.store.read().await?.registry_keys(access.scope()).list(registry, page).await?)
    }

    /// The keys of one registry in an order, the revoked ones too.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn registry_keys_in_order(
        &self,
        access: &Access<ReadRegistries>,
        registry: RegistryId,
        page: &OrderedRequest<RegistryKeyOrder>,
    ) -> Result<Ordered<RegistryKey>> {
        let tx = self.store.read().await?;
        Ok(tx.registry_keys(access.scope()).list_in_order(registry, self.now(), page).await?)
    }

    /// How many keys of a registry somebody should replace.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn due_registry_keys(
        &self,
        access: &Access<ReadRegistries>,
        registry: RegistryId,
    ) -> Result<u64> {
        let (tx, scope, now) = (self.store.read().await?, access.scope(), self.now());
        let organization = organization::find(&tx, scope).await?;
        let rotates = organization.limits(now).includes(Feature::KeyRotation);
        Ok(tx.registry_keys(scope).due(registry, now, rotates).await?)
    }

    /// One key.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn registry_key(
        &self,
        access: &Access<ReadRegistries>,
        id: RegistryKeyId,
    ) -> Result<RegistryKey> {
        let tx = self.store.read().await?;
        tx.registry_keys(access.scope()).find(id).await?.ok_or(Error::NotFound(Resource::RegistryKey))
    }

    /// One key, for who changes keys: what a change of nothing answers.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn unchanged_registry_key(
        &self,
        access: &Access<WriteRegistries>,
        id: RegistryKeyId,
    ) -> Result<RegistryKey> {
        let tx = self.store.read().await?;
        tx.registry_keys(access.scope()).find(id).await?.ok_or(Error::NotFound(Resource::RegistryKey))
    }

    /// Creates a key.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_registry_key(
        &self,
        access: &Access<WriteRegistries>,
        new: NewRegistryKey,
        once: Option<&Idempotency>,
    ) -> Result<NewRegistrySecret> {
        let (scope, now) = (access.scope(), self.now());
        if new.expires_at.is_some_and(|end| end <= now) {
            return Err(Error::field("expires_at", Invalid::new("in_the_past", "must lie in the future")));
        }
        let (id, secret) = (self.id(RegistryKeyId::new), Secret::new(SecretKind::Registry, self.random()));
        let made = self.change_shown_once(access, once, async |change| {
            super::find(&change, scope, new.registry).await?;
            if new.rotation.is_some() {
                self.includes(&change, scope, Feature::KeyRotation).await?;
            }
            let owner = match &new.owner {
                Some(owner) => owner.clone(),
                None => creator(&change, scope, access.actor()).await?,
            };
            let key = RegistryKey {
                id,
                organization: scope.id(),
                registry: new.registry,
                name: new.name.clone(),
                owner,
                access: new.access,
                secret: ApiKey { hash: secret.hash(), hint: secret.hint(), created_at: now, previous: None },
                rotation: new.rotation,
                handover: None,
                expires_at: new.expires_at,
                lives_since: now,
                revoked_at: None,
                last_use: None,
                created_at: now,
            };
            key.check_rotation().map_err(|invalid| Error::field("rotation", invalid))?;
            change.registry_keys(scope).insert(&key).await.map_err(super::key_taken)?;
            change.commit(Action::RegistryKeyCreated, key.id.uuid(), &detail(&key)).await?;
            Ok(key)
        });
        Ok(NewRegistrySecret { key: made.await?, secret })
    }

    /// Gives a key a new secret. The old one is dead at once, or after `overlap` seconds. With `renew` it is given the
    /// same lifetime anew; otherwise it ends when it would have.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn rotate_registry_key(
        &self,
        access: &Access<WriteRegistries>,
        id: RegistryKeyId,
        overlap: u32,
        renew: bool,
        once: Option<&Idempotency>,
    ) -> Result<NewRegistrySecret> {
        let (scope, now) = (access.scope(), self.now());
        let secret = Secret::new(SecretKind::Registry, self.random());
        let made = self.change_shown_once(access, once, async |change| {
            let key = lock(&change, scope, id).await?;
            if !key.is_alive(now) {
                return Err(Error::Transition("a registry key that is dead cannot be rotated".to_owned()));
            }
            let key = key.replaced(secret.hash(), secret.hint(), overlap, now);
            let key = if renew { key.renewed(now) } else { key };
            change.registry_keys(scope).save(&key, now).await?;
            change.commit(Action::RegistryKeyRotated, id.uuid(), &detail(&key)).await?;
            Ok(key)
        });
        Ok(NewRegistrySecret { key: made.await?, secret })
    }

    /// Ends a key for ever, from the very next request on. Revoking it twice is no error.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn revoke_registry_key(
        &self,
        access: &Access<WriteRegistries>,
        id: RegistryKeyId,
    ) -> Result<RegistryKey> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let key = lock(&change, scope, id).await?;
            if key.revoked_at.is_some() {
                return Ok(key);
            }
            let key = key.revoked(now);
            change.registry_keys(scope).save(&key, now).await?;
            change.commit(Action::RegistryKeyRevoked, id.uuid(), &detail(&key)).await?;
            Ok(key)
        })
        .await
    }

    /// Has it noted where and by which program a key was used, to the minute.
    pub(super) fn note_use(&self, key: &RegistryKey, address: Address, client: &str) {
        let now = self.now();
        let known = key.last_use.as_ref().is_some_and(|last| now < last.at.plus_seconds(LAST_USED_SECONDS));
        if !known {
            let used = LastUse { at: now, address, client: shortened(client) };
            self.log.add(Entry { scope: key.scope(), what: What::Used(Use::Key(key.id, used)) });
        }
    }
}

pub(super) async fn lock(tx: &Tx, scope: OrganizationScope, id: RegistryKeyId) -> Result<RegistryKey> {
    tx.registry_keys(scope).lock(id).await?.ok_or(Error::NotFound(Resource::RegistryKey))
}

/// Who makes a key, by name.
async fn creator(tx: &Tx, scope: OrganizationScope, actor: Actor) -> Result<Name> {
    let found = match actor {
        Actor::Member(id) => tx.members(scope).find(id).await?.map(|member| member.name),
        Actor::Token(id) => tx.tokens(scope).find(id).await?.map(|token| token.name),
        Actor::Operator
        | Actor::Customer(_)
        | Actor::CustomerUser(_)
        | Actor::Link(_)
        | Actor::RegistryKey(_)
        | Actor::Agent(_)
        | Actor::Job(_)
        | Actor::Server => None,
    };
    match found {
        Some(name) => Ok(name),
        None => "operator".parse().map_err(|invalid| Error::field("owner", invalid)),
    }
}

pub(super) fn detail(key: &RegistryKey) -> [(&'static str, serde_json::Value); 5] {
    let rotation = key.rotation.map(
        |rotation| json!({"every_days": rotation.every_days(), "overlap_days": rotation.overlap_days()}),
    );
    [
        ("name", json!(key.name)),
        ("hint", json!(key.secret.hint)),
        ("access", json!(key.access)),
        ("registry", json!(key.registry)),
        ("rotation", json!(rotation)),
    ]
}
