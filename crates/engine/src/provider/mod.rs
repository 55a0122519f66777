//! The OpenID provider that vouches for an organization's members: its settings, and signing in by it.
//!
//! | to find | look in |
//! |---|---|
//! | how someone goes to the provider and comes back | `sign_in` |
//! | what the provider is asked, and within which bounds | `wire` |
//! | whose signature counts | `id_token` |
//! | which statements are believed | [`keyward_domain::provider`] |

mod id_token;
mod sign_in;
mod wire;

use keyward_domain::permission::{ReadOrganization, WriteOwners};
use keyward_domain::session::SessionHolder;
use keyward_domain::{
    Access, Action, ClientId, Invalid, MailDomain, MailDomains, Member, OrganizationScope, Provider,
    ProviderUrl, Role, Session, Versioned,
};
use keyward_storage::Tx;
use serde_json::json;
use zeroize::Zeroizing;

use crate::audit::Differing as _;
use crate::change::unchanged;
use crate::identity::Whose;
use crate::reauthentication::ConfirmedCaller;
use crate::sessions::SignedIn;
use crate::vault::Place;
use crate::{Engine, Error, Resource, Result};

pub use sign_in::{Arrival, Outbound, Refusal, Return};
pub use wire::WireError;

/// The secret by which a provider knows us.
pub struct ClientSecret(Zeroizing<String>);

impl ClientSecret {
    /// The longest.
    pub const MOST: usize = 1_000;

    /// 1 to 1,000 visible characters.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if (1..=Self::MOST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(Invalid::new("invalid_client_secret", "must be 1 to 1,000 visible characters of ASCII"))
        }
    }
}

impl std::str::FromStr for ClientSecret {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

// Visible characters.
keyward_domain::described!(ClientSecret = keyward_domain::openapi::text(Self::MOST, "^[!-~]+$"););

impl std::fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientSecret(…)")
    }
}

/// A provider as it is to be.
#[derive(Debug)]
pub struct NewProvider {
    /// The provider, as it calls itself.
    pub issuer: ProviderUrl,
    /// As what we are known to it.
    pub client_id: ClientId,
    /// By what it knows us; `None` keeps the one that is set.
    pub client_secret: Option<ClientSecret>,
    /// The only domain whose addresses count.
    pub domain: Option<MailDomain>,
    /// The domains of whose addresses the provider need not say that it has verified them.
    pub verified_domains: MailDomains,
    /// Whether passwords of members no longer count.
    pub exclusive: bool,
}

/// A provider that was just set.
#[derive(Debug)]
pub struct ChangedProvider {
    /// The provider.
    pub provider: Provider,
    /// The session of the person who set it, which goes on under a new secret; `None` for a program.
    pub session: Option<SignedIn>,
}

impl Engine {
    /// The organization's sign-in provider, if one is set.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn sign_in_provider(&self, access: &Access<ReadOrganization>) -> Result<Option<Provider>> {
        let found = self.store.read().await?.providers(access.scope()).find().await?;
        Ok(found.map(|(provider, _)| provider))
    }

    /// Sets the sign-in provider, which says who members are, owners too, once it answers as one. Refused with the
    /// field `issuer` if it does not, and with `client_secret` if none was ever given for this provider. Where it takes
    /// the place of another, or of passwords, what proved the members' identities ends: all sign in anew, but for the
    /// person who sets it.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn set_sign_in_provider(
        &self,
        access: &Access<WriteOwners>,
        caller: ConfirmedCaller<'_>,
        new: NewProvider,
        expected: Option<i64>,
    ) -> Result<ChangedProvider> {
        let (scope, now) = (access.scope(), self.now());
        self.describe(scope.id(), &new.issuer).await?;
        self.change(access, async |change| {
            self.lock_roles(&change, access).await?;
            let session = caller.hold(self, &change, access).await?;
            let known = change.providers(scope).lock().await?;
            unchanged(known.as_ref().map_or(0, |(known, _)| known.version), expected)?;
            let sealed = match (&new.client_secret, &known) {
                (Some(secret), _) => self.seal_client_secret(scope, secret)?,
                // The secret goes to whom it was given for, and to nobody else.
                (None, Some((known, sealed))) if known.issuer == new.issuer => sealed.clone(),
                (None, _) => {
                    return Err(Error::field("client_secret", Invalid::new("required", "is required")));
                }
            };
            let given = new.client_secret.is_some();
            let before = known.map(|(known, _)| known);
            let provider = Provider {
                organization: scope.id(),
                issuer: new.issuer.clone(),
                client_id: new.client_id.clone(),
                domain: new.domain.clone(),
                verified_domains: new.verified_domains.clone(),
                exclusive: new.exclusive,
                created_at: before.as_ref().map_or(now, |before| before.created_at),
                updated_at: now,
                version: before.as_ref().map_or(0, |before| before.version) + 1,
            };
            if let Some(before) = before.as_ref().filter(|before| !given && provider.is_unchanged(before)) {
                return Ok(ChangedProvider { provider: before.clone(), session: None });
            }
            change.providers(scope).set(&provider, &sealed).await?;
            let mut detail = vec![
                ("issuer", json!(provider.issuer)),
                ("exclusive", json!(provider.exclusive)),
                ("verified_domains", json!(provider.verified_domains)),
            ];
            // A secret that is given counts as another one: which it was is not looked at.
            let changes = before.as_ref().map(|before| provider.differences(before));
            detail.extend(changes.map(|changes| changes.hidden("client_secret", &false, &given).detail()));
            let replaces = before.map_or(provider.exclusive, |before| given || !provider.is_as(&before));
            let session = self.after_provider_change(&change, scope, session, replaces).await?;
            change.commit(Action::OrganizationProviderSet, scope.id().uuid(), &detail).await?;
            Ok(ChangedProvider { provider, session })
        })
        .await
    }

    /// Removes the sign-in provider. Passwords count again, and what proved the members' identities ends; gives the
    /// session of the person who removed it, which goes on.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn remove_sign_in_provider(
        &self,
        access: &Access<WriteOwners>,
        caller: ConfirmedCaller<'_>,
        expected: Option<i64>,
    ) -> Result<Option<SignedIn>> {
        let scope = access.scope();
        self.change(access, async |change| {
            self.lock_roles(&change, access).await?;
            let session = caller.hold(self, &change, access).await?;
            let known = change.providers(scope).lock().await?;
            let (known, _) = known.ok_or(Error::NotFound(Resource::Provider))?;
            unchanged(known.version, expected)?;
            change.providers(scope).remove().await?;
            let session = self.after_provider_change(&change, scope, session, true).await?;
            let detail = [("issuer", json!(known.issuer))];
            change.commit(Action::OrganizationProviderRemoved, scope.id().uuid(), &detail).await?;
            Ok(session)
        })
        .await
    }

    /// Ends what the members' identities were proved by, if it `replaces` that, and else the other sessions of the
    /// person who made the change. Their own session goes on, under a new secret.
    async fn after_provider_change(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        session: Option<Session>,
        replaces: bool,
    ) -> Result<Option<SignedIn>> {
        match (replaces, session.as_ref().map(|session| session.holder)) {
            (true, _) => drop(self.end_proofs(tx, scope, Whose::AllMembers).await?),
            (false, Some(SessionHolder::Member(id))) => {
                self.end_proofs(tx, scope, Whose::Member(id)).await?;
            }
            (false, _) => {}
        }
        match session {
            Some(session) => self.go_on_with(tx, scope, session).await.map(Some),
            None => Ok(None),
        }
    }

    /// Where the provider sends people back to: to be registered there.
    pub fn provider_return_url(&self) -> String {
        format!("{}/openid/return", self.issuer.as_str())
    }

    fn seal_client_secret(&self, scope: OrganizationScope, secret: &ClientSecret) -> Result<Vec<u8>> {
        let sealed =
            self.vault.seal_text(&Place::ClientSecret(scope.id()), secret.0.as_bytes(), &self.seal_entropy());
        sealed.map_err(|source| Error::Key { kid: "client secret".to_owned(), source })
    }

    fn open_client_secret(&self, scope: OrganizationScope, sealed: &[u8]) -> Result<Zeroizing<String>> {
        let fault = |source| Error::Key { kid: "client secret".to_owned(), source };
        let clear = self.vault.open_text(&Place::ClientSecret(scope.id()), sealed).map_err(fault)?;
        let text = std::str::from_utf8(&clear).map_err(|_| fault(crate::vault::SealError::Form))?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

/// Whether a member's password does not count, because a provider vouches for all but owners.
pub(crate) async fn is_vouched_for(tx: &Tx, scope: OrganizationScope, member: &Member) -> Result<bool> {
    let found = tx.providers(scope).find().await?;
    Ok(member.role != Role::Owner && found.is_some_and(|(provider, _)| provider.exclusive))
}
