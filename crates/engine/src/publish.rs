//! What an organization publishes: its keys, and which licenses are withdrawn. No permission is needed.

use keyward_domain::{OrganizationScope, Slug};
use keyward_storage::{Tx, Withdrawal};
use keyward_token::{Keyring, PublicKey, Status, StatusTable, UnixSeconds};

use crate::issue::status_list_uri;
use crate::vault::SealError;
use crate::{Engine, Error, Result};

/// For how long a status list may be kept before it is fetched again, in seconds.
const STATUS_LIST_TTL: u64 = 300;

/// For how long a status list can be relied upon offline, in seconds.
const STATUS_LIST_LIFETIME: i64 = 30 * 24 * 60 * 60;

impl Engine {
    /// The JWK Set (RFC 7517) of an organization's published keys; `None` if there is no such organization.
    pub async fn jwks(&self, slug: &Slug) -> Result<Option<String>> {
        let tx = self.store.read().await?;
        let Some(organization) = tx.organizations().by_slug(slug).await? else { return Ok(None) };
        let mut keyring = Keyring::new();
        for key in tx.signing_keys(organization.scope()).list().await? {
            if key.is_published() {
                let public = PublicKey::from_bytes(&key.public).and_then(|public| keyring.insert(public));
                public.map_err(|_| Error::Key { kid: key.kid.to_string(), source: SealError::Mismatch })?;
            }
        }
        Ok(Some(keyring.to_jwks()))
    }

    /// The SPKI PEM (RFC 8410) of the key that signs now.
    pub async fn public_key_pem(&self, slug: &Slug) -> Result<Option<String>> {
        let tx = self.store.read().await?;
        let Some(organization) = tx.organizations().by_slug(slug).await? else { return Ok(None) };
        let active = tx.signing_keys(organization.scope()).active().await?;
        active.map(|key| self.public_pem(&key)).transpose()
    }

    /// The signed Token Status List of all revisions that are withdrawn.
    pub async fn status_list(&self, slug: &Slug) -> Result<Option<String>> {
        let tx = self.store.read().await?;
        let Some(organization) = tx.organizations().by_slug(slug).await? else { return Ok(None) };
        let scope = organization.scope();
        let Some(key) = tx.signing_keys(scope).active().await? else { return Ok(None) };
        let table = table(&tx, scope).await?;
        let uri = status_list_uri(self.issuer.as_str(), slug.as_str());
        let now = UnixSeconds::new(self.now().unix());
        let end = UnixSeconds::new(self.now().plus_seconds(STATUS_LIST_LIFETIME).unix());
        Ok(Some(table.sign(&self.signer(&key)?, &uri, now, Some(end), Some(STATUS_LIST_TTL))?))
    }
}

async fn table(tx: &Tx, scope: OrganizationScope) -> Result<StatusTable> {
    let list = tx.status_list(scope);
    let mut table = StatusTable::new(list.window().await? as usize);
    for (index, withdrawal) in list.withdrawn().await? {
        let status = match withdrawal {
            Withdrawal::Revoked => Status::Invalid,
            Withdrawal::Suspended => Status::Suspended,
        };
        // Every index was drawn from within the window, and the window only grows.
        table.set(index.into(), status).map_err(|_| Error::StatusIndex { index })?;
    }
    Ok(table)
}
