//! Keys that get a new secret by themselves. Each step is decided and done in one transaction that holds the key, so of
//! many servers one does it, and what was not committed never happened.

use keyward_domain::alert::Origin;
use keyward_domain::permission::WriteRegistries;
use keyward_domain::registry::{Footprint, Holder, LastUse, Registry, RegistryKey, Rotation, RotationStep};
use keyward_domain::{
    Access, Action, Actor, Address, AddressRange, Feature, Finding, Name, Organization, OrganizationState,
    RegistryKeyId, Role, Secret, SecretKind, ServerJob, Timestamp,
};
use keyward_storage::{Recorded, Technical, Tx};
use serde_json::json;

use super::event::shortened;
use super::key::{NewRegistrySecret, detail, lock};
use crate::audit::By;
use crate::jobs::ItemRun;
use crate::mail_text::{plain, vendor};
use crate::mails::KeyRotated;
use crate::vault::{Place, SealError};
use crate::{Engine, Error, Resource, Result, organization};

/// Who does what is told here.
const JOB: Actor = Actor::Job(ServerJob::KeyRotation);

/// How long a key waits that can't be rotated now, because of its organization's plan or state.
const PAUSE_SECONDS: i64 = 60 * 60;

/// What a machine is given that shows its key.
#[derive(Debug)]
pub struct Collected {
    /// The key's name.
    pub name: Name,
    /// The new secret, if there is one.
    pub secret: Option<Secret>,
    /// From when on the secret before is dead, if it still works.
    pub previous_until: Option<Timestamp>,
    /// From when on the key is dead.
    pub expires_at: Option<Timestamp>,
}

impl Engine {
    /// Where machines collect new secrets.
    pub fn collection_url(&self) -> String {
        format!("{}/registry/key", self.issuer.as_str())
    }

    /// Sets how a key rotates by itself; `None` for not at all. A secret that is older than that is replaced at once.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn set_registry_key_rotation(
        &self,
        access: &Access<WriteRegistries>,
        id: RegistryKeyId,
        rotation: Option<Rotation>,
    ) -> Result<RegistryKey> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            if rotation.is_some() {
                self.includes(&change, scope, Feature::KeyRotation).await?;
            }
            let key = lock(&change, scope, id).await?;
            if !key.is_alive(now) {
                return Err(Error::Transition("a registry key that is dead cannot be rotated".to_owned()));
            }
            if key.rotation == rotation {
                return Ok(key);
            }
            let key = RegistryKey { rotation, ..key };
            key.check_rotation().map_err(|invalid| Error::field("rotation", invalid))?;
            change.registry_keys(scope).save(&key, now).await?;
            change.commit(Action::RegistryKeyUpdated, id.uuid(), &detail(&key)).await?;
            Ok(key)
        })
        .await
    }

    /// Shows a person the new secret that waits to be collected. From then on it is kept nowhere.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn reveal_registry_key(
        &self,
        access: &Access<WriteRegistries>,
        id: RegistryKeyId,
    ) -> Result<NewRegistrySecret> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let key = lock(&change, scope, id).await?;
            let Some(secret) = self.waiting(&key, now)? else {
                return Err(Error::Transition(
                    "no new secret of this registry key waits to be collected".to_owned(),
                ));
            };
            let key = RegistryKey { handover: None, ..key };
            change.registry_keys(scope).save(&key, now).await?;
            change.commit(Action::RegistryKeyRevealed, id.uuid(), &detail(&key)).await?;
            Ok(NewRegistrySecret { key, secret })
        })
        .await
    }

    /// Gives the bearer of a registry key's old secret the new one, if one waits, as often as asked until the old one
    /// is dead. `None` for whoever has no key that works.
    ///
    /// Written down is the first time, and each from where the key is not known: a machine may ask before every job.
    pub async fn collect_registry_key(
        &self,
        password: &str,
        address: Address,
        client: &str,
    ) -> Result<Option<Collected>> {
        let Some(shown) = Secret::parse(SecretKind::Registry, password) else { return Ok(None) };
        let (hash, now) = (shown.hash(), self.now());
        let tx = self.store.read().await?;
        let found = tx.registry_key_by_hash(&hash).await?.filter(|key| key.accepts(&hash, now));
        let Some(key) = found else { return Ok(None) };
        let scope = key.scope();
        let Some(registry) = tx.registries(scope).find(key.registry).await? else { return Ok(None) };
        let network = address.network();
        let told = is_raised(&tx, &key, &network, now).await?;
        drop(tx);
        // Who shows the new secret has it.
        if key.handover(now).is_none() || key.secret.hash == hash {
            self.note_use(&key, address, client);
            return Ok(Some(collected(&key, None, now)));
        }
        if told {
            let secret = self.waiting(&key, now)?;
            self.note_use(&key, address, client);
            return Ok(Some(collected(&key, secret, now)));
        }
        let tx = self.store.write().await?;
        let found = tx.registry_keys(scope).lock(key.id).await?;
        // Looked at again: it may have been revoked meanwhile.
        let Some(key) = found.filter(|key| key.accepts(&hash, now)) else { return Ok(None) };
        let Some(secret) = self.waiting(&key, now)? else { return Ok(Some(collected(&key, None, now))) };
        if is_raised(&tx, &key, &network, now).await? {
            return Ok(Some(collected(&key, Some(secret), now)));
        }
        let origin = Origin { address, client: shortened(client) };
        let used = LastUse { at: now, address, client: origin.client.clone() };
        let key = RegistryKey { last_use: Some(used), ..key.collected(now) };
        tx.registry_keys(scope).save(&key, now).await?;
        let by =
            [("name", json!(key.name)), ("address", json!(address.ip())), ("client", json!(origin.client))];
        self.watch_collection(&tx, &registry, key.id, origin).await?;
        let (who, action) = (Actor::RegistryKey(key.id), Action::RegistryKeyCollected);
        let who = By { actor: who, address: Some(address) };
        let recorded = self.record_for(&tx, scope, who, action, key.id.uuid(), &by).await?;
        tx.commit(recorded).await?;
        Ok(Some(collected(&key, Some(secret), now)))
    }

    /// Does what one registry key of the server needs now. One with which it fails is put off, so that it keeps no
    /// other waiting.
    pub async fn run_due_rotations(&self) -> Result<ItemRun<RegistryKeyId>> {
        let now = self.now();
        let tx = self.store.write().await?;
        let Some(id) = tx.registry_key_in_need(now).await? else { return Ok(ItemRun::Nothing) };
        let Err(error) = self.rotate_due(tx, id, now).await else { return Ok(ItemRun::Done(id)) };
        let tx = self.store.write().await?;
        tx.postpone_registry_key(id, now.plus_seconds(PAUSE_SECONDS)).await?;
        tx.commit_unrecorded(Technical::Turn).await?;
        Ok(ItemRun::Postponed(id, error))
    }

    async fn rotate_due(&self, tx: Tx, id: RegistryKeyId, now: Timestamp) -> Result<()> {
        let key = tx.lock_registry_key(id).await?.ok_or(Error::NotFound(Resource::RegistryKey))?;
        let scope = key.scope();
        let organization = organization::find(&tx, scope).await?;
        let registry = tx.registries(scope).find(key.registry).await?;
        let keys = tx.registry_keys(scope);
        let recorded = match (key.next_step(now), registry) {
            (None, _) => keys.save(&key, now).await.map(|()| None)?,
            (Some(RotationStep::Wipe), _) => {
                keys.save(&RegistryKey { handover: None, ..key }, now).await.map(|()| None)?
            }
            // Nobody reaches it any more.
            (Some(RotationStep::Rotate | RotationStep::Warn), None) => {
                let left = RegistryKey { rotation: None, handover: None, ..key };
                keys.save(&left, now).await.map(|()| None)?
            }
            (Some(RotationStep::Warn), Some(registry)) => self.warn(&tx, &registry, key).await?,
            (Some(RotationStep::Rotate), Some(registry)) => {
                self.rotate_by_schedule(&tx, &organization, &registry, key).await?
            }
        };
        match recorded {
            Some(recorded) => tx.commit(recorded).await?,
            None => tx.commit_unrecorded(Technical::Turn).await?,
        }
        Ok(())
    }

    async fn rotate_by_schedule(
        &self,
        tx: &Tx,
        organization: &Organization,
        registry: &Registry,
        key: RegistryKey,
    ) -> Result<Option<Recorded>> {
        let (scope, now) = (organization.scope(), self.now());
        let served = organization.state == OrganizationState::Active
            && organization.limits(now).includes(Feature::KeyRotation);
        let Some(rotation) = key.rotation.filter(|_| served) else {
            tx.postpone_registry_key(key.id, now.plus_seconds(PAUSE_SECONDS)).await?;
            return Ok(None);
        };
        let secret = Secret::new(SecretKind::Registry, self.random());
        let sealed = self
            .vault
            .seal_text(&place(&key), secret.expose().as_bytes(), &self.seal_entropy())
            .map_err(|source| sealed_fault(key.id, source))?;
        let key = key.rotated(rotation, secret.hash(), secret.hint(), sealed, now);
        tx.registry_keys(scope).save(&key, now).await?;
        self.mail_rotation(tx, organization, registry, &key).await?;
        let (action, id) = (Action::RegistryKeyRotated, key.id.uuid());
        self.record_for(tx, scope, JOB, action, id, &detail(&key)).await.map(Some)
    }

    async fn warn(&self, tx: &Tx, registry: &Registry, key: RegistryKey) -> Result<Option<Recorded>> {
        let (until, now) = (key.collectable_until(), self.now());
        let key = key.warned();
        tx.registry_keys(registry.scope()).save(&key, now).await?;
        match until {
            Some(until) => {
                let finding = Finding::RotationUncollected { until };
                self.raise(tx, registry, JOB, Holder::Key(key.id), finding, None).await
            }
            None => Ok(None),
        }
    }

    async fn mail_rotation(
        &self,
        tx: &Tx,
        organization: &Organization,
        registry: &Registry,
        key: &RegistryKey,
    ) -> Result<()> {
        let scope = organization.scope();
        let notices = tx.notices(scope).find().await?.ok_or(Error::NotFound(Resource::Organization))?;
        let (Some(until), true) = (key.collectable_until(), notices.alerts) else { return Ok(()) };
        let url = self.issuer.as_str();
        for member in tx.members(scope).with_roles(&[Role::Owner, Role::Admin]).await? {
            let mail = KeyRotated {
                name: plain(&member.name),
                vendor: vendor(organization),
                key: key.name.to_string(),
                registry: registry.name.to_string(),
                until: until.to_string(),
                collection: self.collection_url(),
                url: format!("{url}/registry-keys/{}/rotation", key.id),
                settings: format!("{url}/settings/notices"),
            };
            self.mail(tx, scope, &member.email, &mail).await?;
        }
        Ok(())
    }

    /// Opens the secret that waits to be collected.
    fn waiting(&self, key: &RegistryKey, now: Timestamp) -> Result<Option<Secret>> {
        let Some(handover) = key.handover(now) else { return Ok(None) };
        let wrong = |source| sealed_fault(key.id, source);
        let clear = self.vault.open_text(&place(key), &handover.sealed).map_err(wrong)?;
        let text = std::str::from_utf8(&clear).ok();
        let secret = text.and_then(|text| Secret::parse(SecretKind::Registry, text));
        let secret = secret.filter(|secret| secret.hash() == key.secret.hash);
        secret.map(Some).ok_or_else(|| wrong(SealError::Mismatch))
    }
}

/// Whether a collection is nothing new: the secret was collected before, and the key is known in this network.
async fn is_raised(tx: &Tx, key: &RegistryKey, network: &AddressRange, now: Timestamp) -> Result<bool> {
    let before = key.handover.as_ref().and_then(|handover| handover.progress.collected_at());
    if before.is_none() {
        return Ok(false);
    }
    let footprint = tx.habits(Holder::Key(key.id)).footprint(network).await?;
    let (_, unexpected) = Footprint::after(footprint, false, true, now);
    Ok(!unexpected)
}

fn sealed_fault(key: RegistryKeyId, source: SealError) -> Error {
    Error::Key { kid: format!("registry key {key}"), source }
}

fn place(key: &RegistryKey) -> Place {
    Place::RotatedSecret(key.organization, key.id)
}

fn collected(key: &RegistryKey, secret: Option<Secret>, now: Timestamp) -> Collected {
    let previous = key.secret.previous.map(|previous| previous.until);
    Collected {
        name: key.name.clone(),
        secret,
        previous_until: previous.filter(|until| now < *until),
        expires_at: key.expires_at,
    }
}
