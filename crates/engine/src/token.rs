//! Management tokens.

use keyward_domain::permission::{ReadTokens, WriteTokens};
use keyward_domain::{
    Access, Action, Idempotency, Invalid, ManagementToken, Name, OrganizationScope, Page, PageRequest,
    Scopes, Secret, SecretKind, Timestamp, TokenId,
};
use serde_json::json;

use crate::{Engine, Error, Result, Thing, once};

/// A token to be created.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What it is for.
    pub name: Name,
    /// What it may do; `None` for all that its creator may do.
    pub scopes: Option<Scopes>,
    /// From when on it is dead.
    pub expires_at: Option<Timestamp>,
}

/// A token just created, with the secret that is shown this once.
#[derive(Debug)]
pub struct NewSecret {
    /// The token as kept.
    pub token: ManagementToken,
    /// The secret.
    pub secret: Secret,
}

impl Engine {
    /// All tokens, the revoked ones too.
    pub async fn tokens(
        &self,
        access: &Access<ReadTokens>,
        page: PageRequest,
    ) -> Result<Page<ManagementToken>> {
        Ok(self.store.read().await?.tokens(access.scope()).list(page).await?)
    }

    /// One token.
    pub async fn token(&self, access: &Access<ReadTokens>, id: TokenId) -> Result<ManagementToken> {
        let tx = self.store.read().await?;
        tx.tokens(access.scope()).find(id).await?.ok_or(Error::NotFound(Thing::Token))
    }

    /// Creates a token with no more scopes than the caller's own.
    pub async fn create_token(
        &self,
        access: &Access<WriteTokens>,
        new: NewToken,
        once: Option<&Idempotency>,
    ) -> Result<NewSecret> {
        let (scope, now) = (access.scope(), self.now());
        let scopes = new.scopes.unwrap_or_else(|| access.scopes());
        if let Some(missing) = scopes.iter().find(|permission| !access.scopes().contains(*permission)) {
            return Err(keyward_domain::Forbidden { needed: missing }.into());
        }
        if new.expires_at.is_some_and(|end| end <= now) {
            return Err(Error::field("expires_at", Invalid::new("in_the_past", "must lie in the future")));
        }
        let tx = self.store.write().await?;
        if let Some(resource) = once::earlier(&tx, scope, once, now).await? {
            return Err(Error::SecretShown { resource });
        }
        let made = self.new_token(scope, new.name, scopes, new.expires_at);
        tx.tokens(scope).insert(&made.token).await?;
        let detail = [("name", json!(made.token.name)), ("hint", json!(made.token.hint))];
        self.record(&tx, access, Action::TokenCreated, made.token.id.uuid(), &detail).await?;
        once::complete(&tx, scope, once, made.token.id.uuid()).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Ends a token for ever, from the very next request on. Revoking it twice is no error.
    pub async fn revoke_token(&self, access: &Access<WriteTokens>, id: TokenId) -> Result<ManagementToken> {
        let scope = access.scope();
        let tx = self.store.write().await?;
        let token = tx.tokens(scope).lock(id).await?.ok_or(Error::NotFound(Thing::Token))?;
        if token.revoked_at.is_some() {
            return Ok(token);
        }
        let token = ManagementToken { revoked_at: Some(self.now()), ..token };
        tx.tokens(scope).save(&token).await?;
        self.record(&tx, access, Action::TokenRevoked, id.uuid(), &[("name", json!(token.name))]).await?;
        tx.commit().await?;
        Ok(token)
    }

    pub(crate) fn new_token(
        &self,
        scope: OrganizationScope,
        name: Name,
        scopes: Scopes,
        expires_at: Option<Timestamp>,
    ) -> NewSecret {
        let secret = Secret::new(SecretKind::Management, self.random());
        let token = ManagementToken {
            id: self.id(TokenId::new),
            organization: scope.id(),
            name,
            hint: secret.hint(),
            hash: secret.hash(),
            scopes,
            expires_at,
            last_used_at: None,
            revoked_at: None,
            created_at: self.now(),
        };
        NewSecret { token, secret }
    }
}
