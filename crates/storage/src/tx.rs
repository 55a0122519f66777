//! The unit of work.

use keyward_domain::{ManagementToken, OrganizationScope, SecretHash, SigningKey, Timestamp, TokenId};
use sea_orm::DatabaseTransaction;

use crate::{
    AuditEvents, Customers, IdempotencyKeys, Licenses, Members, Organizations, Result, Settings, SigningKeys,
    StatusPlaces, Tokens, signing_key, token,
};

/// A transaction. Dropped without [`commit`](Self::commit), it never happened.
pub struct Tx {
    pub(crate) inner: DatabaseTransaction,
}

impl Tx {
    pub(crate) fn new(inner: DatabaseTransaction) -> Self {
        Self { inner }
    }

    /// Makes everything done in it durable, at once.
    pub async fn commit(self) -> Result<()> {
        Ok(self.inner.commit().await?)
    }

    /// Organizations.
    pub fn organizations(&self) -> Organizations<'_> {
        Organizations { tx: &self.inner }
    }

    /// Members of one organization.
    pub fn members(&self, scope: OrganizationScope) -> Members<'_> {
        Members { tx: &self.inner, scope }
    }

    /// Management tokens of one organization.
    pub fn tokens(&self, scope: OrganizationScope) -> Tokens<'_> {
        Tokens { tx: &self.inner, scope }
    }

    /// Customers of one organization.
    pub fn customers(&self, scope: OrganizationScope) -> Customers<'_> {
        Customers { tx: &self.inner, scope }
    }

    /// Licenses of one organization.
    pub fn licenses(&self, scope: OrganizationScope) -> Licenses<'_> {
        Licenses { tx: &self.inner, scope }
    }

    /// The status list of one organization.
    pub fn status_list(&self, scope: OrganizationScope) -> StatusPlaces<'_> {
        StatusPlaces { tx: &self.inner, scope }
    }

    /// Signing keys of one organization.
    pub fn signing_keys(&self, scope: OrganizationScope) -> SigningKeys<'_> {
        SigningKeys { tx: &self.inner, scope }
    }

    /// The audit log of one organization.
    pub fn audit(&self, scope: OrganizationScope) -> AuditEvents<'_> {
        AuditEvents { tx: &self.inner, scope }
    }

    /// Requests of one organization that were carried out.
    pub fn idempotency(&self, scope: OrganizationScope) -> IdempotencyKeys<'_> {
        IdempotencyKeys { tx: &self.inner, scope }
    }

    /// What the server knows of itself.
    pub fn settings(&self) -> Settings<'_> {
        Settings { tx: &self.inner }
    }

    /// The management token with this secret, of whatever organization: this is how a caller is recognised.
    pub async fn token_by_hash(&self, hash: &SecretHash) -> Result<Option<ManagementToken>> {
        token::by_hash(&self.inner, hash).await
    }

    /// Notes that a token was seen.
    pub async fn touch_token(&self, id: TokenId, now: Timestamp) -> Result<()> {
        token::touch(&self.inner, id, now).await
    }

    /// Every signing key of the server, for the operator's check.
    pub async fn all_signing_keys(&self) -> Result<Vec<SigningKey>> {
        signing_key::all(&self.inner).await
    }
}
