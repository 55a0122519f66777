//! Management tokens.

use keyward_domain::permission::{ReadTokens, WriteOwners, WriteTokens};
use keyward_domain::{
    Access, Action, Authority, Idempotency, Invalid, Maker, ManagementToken, Member, Name, OrganizationScope,
    Page, PageRequest, Scopes, Secret, SecretKind, Timestamp, TokenId, TokenState,
};
use keyward_storage::Tx;
use serde_json::json;

use crate::{Engine, Error, Resource, Result};

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
    /// All tokens, with those that no longer work.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn tokens(
        &self,
        access: &Access<ReadTokens>,
        page: PageRequest,
    ) -> Result<Page<ManagementToken>> {
        Ok(self.store.read().await?.tokens(access.scope()).list(page).await?)
    }

    /// One token.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn token(&self, access: &Access<ReadTokens>, id: TokenId) -> Result<ManagementToken> {
        let tx = self.store.read().await?;
        tx.tokens(access.scope()).find(id).await?.ok_or(Error::NotFound(Resource::Token))
    }

    /// Creates a token for whom the caller acts, with no more scopes than the caller has.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_token(
        &self,
        access: &Access<WriteTokens>,
        new: NewToken,
        once: Option<&Idempotency>,
    ) -> Result<NewSecret> {
        let (scope, now) = (access.scope(), self.now());
        if new.expires_at.is_some_and(|end| end <= now) {
            return Err(Error::field("expires_at", Invalid::new("in_the_past", "must lie in the future")));
        }
        self.change_shown_once(access, once, async |change| {
            let access = &change.access::<WriteTokens>()?;
            let scopes = new.scopes.unwrap_or_else(|| access.scopes());
            scopes.iter().try_for_each(|permission| access.identity().check(permission))?;
            self.still_confirmed(&change, access).await?;
            let maker = maker(&change, access).await?;
            let made = self.new_token(scope, maker, new.name.clone(), scopes, new.expires_at);
            change.tokens(scope).insert(&made.token).await?;
            let detail = [("name", json!(made.token.name)), ("hint", json!(made.token.hint))];
            change.commit(Action::TokenCreated, made.token.id.uuid(), &detail).await?;
            Ok(made)
        })
        .await
    }

    /// Ends a token for ever, from the very next request on. Revoking it twice is no error. The tokens of other owners, and
    /// of the operator, are ended by who may do what concerns owners.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn revoke_token(&self, access: &Access<WriteTokens>, id: TokenId) -> Result<ManagementToken> {
        let scope = access.scope();
        self.change(access, async |change| {
            let token = change.tokens(scope).lock(id).await?.ok_or(Error::NotFound(Resource::Token))?;
            if !token.maker.may_be_ended_by(access.authority()) {
                self.still::<_, WriteOwners>(&change, access).await?;
            }
            if token.revoked_at.is_some() {
                return Ok(token);
            }
            let token = ManagementToken { revoked_at: Some(self.now()), ..token };
            change.tokens(scope).save(&token).await?;
            change.commit(Action::TokenRevoked, id.uuid(), &[("name", json!(token.name))]).await?;
            Ok(token)
        })
        .await
    }

    /// Makes a token the caller's own: it acts for them from now on, whoever holds its secret. Taking it over twice is no
    /// error; what is revoked or expired stays so.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn take_over_token(
        &self,
        access: &Access<WriteOwners>,
        id: TokenId,
    ) -> Result<ManagementToken> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let token = change.tokens(scope).lock(id).await?.ok_or(Error::NotFound(Resource::Token))?;
            // Looked at again: the token may have been waited for.
            let access = &self.still::<_, WriteOwners>(&change, access).await?;
            self.still_confirmed(&change, access).await?;
            match token.state(now) {
                TokenState::Active | TokenState::Orphaned => {}
                ended @ (TokenState::Expired | TokenState::Revoked) => {
                    return Err(Error::Transition(format!("the token is {}", ended.as_str())));
                }
            }
            let maker = maker(&change, access).await?;
            if maker == token.maker {
                return Ok(token);
            }
            let detail =
                [("name", json!(token.name)), ("from", described(&token.maker)), ("to", described(&maker))];
            let token = ManagementToken { maker, ..token };
            change.tokens(scope).save(&token).await?;
            change.commit(Action::TokenTakenOver, id.uuid(), &detail).await?;
            Ok(token)
        })
        .await
    }

    pub(crate) fn new_token(
        &self,
        scope: OrganizationScope,
        maker: Maker,
        name: Name,
        scopes: Scopes,
        expires_at: Option<Timestamp>,
    ) -> NewSecret {
        let secret = Secret::new(SecretKind::Management, self.random());
        let token = ManagementToken {
            id: self.id(TokenId::new),
            organization: scope.id(),
            maker,
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

/// A member, as the maker of a token.
pub(crate) fn maker_of(member: &Member) -> Maker {
    Maker::Member { id: member.id, name: member.name.clone(), role: Some(member.role) }
}

/// For whom the caller acts, as the maker of a token.
async fn maker<P>(tx: &Tx, access: &Access<P>) -> Result<Maker> {
    match access.authority() {
        Authority::Operator => Ok(Maker::Operator),
        Authority::Member { id, .. } => {
            let member = tx.members(access.scope()).find(id).await?.ok_or(Error::Unauthenticated)?;
            Ok(maker_of(&member))
        }
    }
}

/// For the audit log.
fn described(maker: &Maker) -> serde_json::Value {
    match maker {
        Maker::Member { id, name, .. } => json!({ "kind": maker.as_str(), "id": id, "name": name }),
        Maker::Operator | Maker::Unknown => json!({ "kind": maker.as_str() }),
    }
}
