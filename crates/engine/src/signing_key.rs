//! The signing keys of an organization.

use keyward_domain::permission::{ReadSigningKeys, WriteSigningKeys};
use keyward_domain::{
    Access, Action, Idempotency, Invalid, Kid, OrganizationScope, SigningKey, SigningKeyState,
};
use keyward_storage::{Recorded, SealedPlace, StorageError, Tx, Unique};
use keyward_token::{PublicKey, SecretKey};
use serde_json::json;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::change::Change;
use crate::vault::{Place, SealError};
use crate::{Done, Engine, Error, Resource, Result};

/// A signing key to be created.
#[derive(Clone, Default)]
pub struct NewSigningKey {
    /// PKCS#8 PEM of an Ed25519 key to import; `None` to make one.
    pub private_key_pem: Option<String>,
    /// Whether it signs at once. Otherwise it is published first, and activated later.
    pub activate: bool,
}

impl std::fmt::Debug for NewSigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSigningKey").field("activate", &self.activate).finish_non_exhaustive()
    }
}

impl Engine {
    /// All keys, oldest first.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn signing_keys(&self, access: &Access<ReadSigningKeys>) -> Result<Vec<SigningKey>> {
        Ok(self.store.read().await?.signing_keys(access.scope()).list().await?)
    }

    /// One key.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn signing_key(&self, access: &Access<ReadSigningKeys>, kid: Kid) -> Result<SigningKey> {
        find(&self.store.read().await?, access.scope(), &kid).await
    }

    /// The public half as SPKI PEM (RFC 8410).
    pub fn public_pem(&self, key: &SigningKey) -> Result<String> {
        let fault = |_| Error::Key { kid: key.kid.to_string(), source: SealError::Mismatch };
        Ok(PublicKey::from_bytes(&key.public).map_err(fault)?.to_pem())
    }

    /// Makes or imports a key.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_signing_key(
        &self,
        access: &Access<WriteSigningKeys>,
        new: NewSigningKey,
        once: Option<&Idempotency>,
    ) -> Result<Done<SigningKey>> {
        let scope = access.scope();
        let key = match new.private_key_pem {
            None => self.new_signing_key(scope, &self.random())?,
            Some(pem) => {
                let pem = Zeroizing::new(pem);
                let secret = SecretKey::from_pem(&pem).map_err(|error| {
                    Error::field("private_key_pem", Invalid::new(error.code(), format!("is {error}")))
                })?;
                self.new_signing_key(scope, &secret.to_seed())?
            }
        };
        let earlier = async |change, id| self.earlier(access, change, id).await;
        self.change_once(access, once, earlier, async |change| {
            self.still_confirmed(&change, access).await?;
            change.signing_keys(scope).insert(&key).await.map_err(taken)?;
            let detail = [("kid", json!(key.kid))];
            let recorded = change.record(Action::SigningKeyCreated, None, &detail).await?;
            let (key, recorded) = if new.activate {
                self.make_active(&change, key.clone()).await?
            } else {
                (key.clone(), recorded)
            };
            change.commit_as(resource(&key.kid), recorded).await?;
            Ok(key)
        })
        .await
    }

    /// Lets a key sign from now on; the one before it is retired.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn activate_signing_key(
        &self,
        access: &Access<WriteSigningKeys>,
        kid: Kid,
        once: Option<&Idempotency>,
    ) -> Result<Done<SigningKey>> {
        let scope = access.scope();
        let earlier = async |change, id| self.earlier(access, change, id).await;
        self.change_once(access, once, earlier, async |change| {
            self.still_confirmed(&change, access).await?;
            change.organizations().lock(scope).await?;
            let key = lock(&change, scope, &kid).await?;
            let (key, recorded) = self.make_active(&change, key).await?;
            change.commit_as(resource(&kid), recorded).await?;
            Ok(key)
        })
        .await
    }

    /// Withdraws a key for ever.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn revoke_signing_key(
        &self,
        access: &Access<WriteSigningKeys>,
        kid: Kid,
        once: Option<&Idempotency>,
    ) -> Result<Done<SigningKey>> {
        let (scope, now) = (access.scope(), self.now());
        let earlier = async |change, id| self.earlier(access, change, id).await;
        self.change_once(access, once, earlier, async |change| {
            self.still_confirmed(&change, access).await?;
            let key = lock(&change, scope, &kid).await?.revoke(now)?;
            change.signing_keys(scope).save(&key).await?;
            let recorded = change.record(Action::SigningKeyRevoked, None, &[("kid", json!(kid))]).await?;
            change.commit_as(resource(&kid), recorded).await?;
            Ok(key)
        })
        .await
    }

    /// Opens every signing key of the server, to tell before it matters whether all can be used.
    pub async fn open_all_signing_keys(&self) -> Result<usize> {
        let keys = self.store.read().await?.all_signing_keys().await?;
        // Those of organizations that are being deleted are overwritten.
        let keys: Vec<_> = keys.into_iter().filter(|key| !key.sealed.is_empty()).collect();
        keys.iter().try_for_each(|key| self.signer(key).map(drop))?;
        Ok(keys.len())
    }

    /// Opens what else is sealed, the latest `most` of each kind. Gives how much that was.
    pub async fn open_sealed(&self, most: u64) -> Result<usize> {
        let sealed = self.store.sealed(most).await?;
        for (place, bytes) in &sealed {
            let (what, place) = match *place {
                SealedPlace::Authenticator(of, id) => {
                    ("authenticator of member", Place::Authenticator(of, id))
                }
                SealedPlace::CustomerAuthenticator(of, id) => {
                    ("authenticator of customer user", Place::CustomerAuthenticator(of, id))
                }
                SealedPlace::RegistryKey(of, id) => ("key of registry", Place::RegistryKey(of, id)),
                SealedPlace::UpstreamPassword(of, id) => {
                    ("upstream password of registry", Place::UpstreamPassword(of, id))
                }
                SealedPlace::RotatedSecret(of, id) => {
                    ("new secret of registry key", Place::RotatedSecret(of, id))
                }
                SealedPlace::ClientSecret(of) => ("client secret of organization", Place::ClientSecret(of)),
                SealedPlace::Mail(of, id) => ("mail", Place::Mail(of, id)),
                SealedPlace::WebhookSecret(of, id) => ("secret of webhook", Place::WebhookSecret(of, id)),
                SealedPlace::AuditSinkCredential(of, id) => {
                    ("credential of audit sink", Place::AuditSinkCredential(of, id))
                }
            };
            let fault = |source| Error::Key { kid: format!("{what} {}", place.row()), source };
            self.vault.open_text(&place, bytes).map_err(fault)?;
        }
        Ok(sealed.len())
    }

    /// A sealed, pending key from its seed.
    pub(crate) fn new_signing_key(&self, scope: OrganizationScope, seed: &[u8; 32]) -> Result<SigningKey> {
        let secret = SecretKey::from_seed(*seed);
        let kid = Kid::from_bytes(secret.public_key().kid().to_bytes());
        let sealed = self.vault.seal(&Place::SigningKey(scope.id(), kid), seed, &self.seal_entropy());
        Ok(SigningKey {
            kid,
            organization: scope.id(),
            public: secret.public_key().to_bytes(),
            sealed: sealed.map_err(|source| Error::Key { kid: kid.to_string(), source })?,
            state: SigningKeyState::Pending,
            created_at: self.now(),
        })
    }

    async fn make_active(&self, change: &Change<'_>, key: SigningKey) -> Result<(SigningKey, Recorded)> {
        let (scope, now) = (change.scope(), self.now());
        change.organizations().lock(scope).await?;
        let key = key.activate(now)?;
        if let Some(active) = change.signing_keys(scope).active().await? {
            change.signing_keys(scope).save(&active.retire(now)?).await?;
        }
        change.signing_keys(scope).save(&key).await?;
        let detail = [("kid", json!(key.kid))];
        let recorded = change.record(Action::SigningKeyActivated, None, &detail).await?;
        Ok((key, recorded))
    }

    /// The key that an earlier request made or changed.
    async fn earlier(
        &self,
        access: &Access<WriteSigningKeys>,
        change: Change<'_>,
        id: Uuid,
    ) -> Result<SigningKey> {
        self.still_confirmed(&change, access).await?;
        let keys = change.signing_keys(change.scope()).list().await?;
        keys.into_iter().find(|key| resource(&key.kid) == id).ok_or(Error::NotFound(Resource::SigningKey))
    }
}

async fn find(tx: &Tx, scope: OrganizationScope, kid: &Kid) -> Result<SigningKey> {
    tx.signing_keys(scope).find(kid).await?.ok_or(Error::NotFound(Resource::SigningKey))
}

async fn lock(tx: &Tx, scope: OrganizationScope, kid: &Kid) -> Result<SigningKey> {
    tx.signing_keys(scope).lock(kid).await?.ok_or(Error::NotFound(Resource::SigningKey))
}

fn taken(error: StorageError) -> Error {
    match error {
        StorageError::Unique(Unique::SigningKeyId) => {
            Error::Taken { resource: Resource::SigningKey, field: "private_key_pem" }
        }
        other => other.into(),
    }
}

/// A key is known to the idempotency record by the first half of its thumbprint.
fn resource(kid: &Kid) -> Uuid {
    let mut half = [0; 16];
    half.copy_from_slice(&kid.as_bytes()[..16]);
    Uuid::from_bytes(half)
}
