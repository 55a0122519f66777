//! How a member goes to the provider and comes back: the authorization code flow with PKCE.
//!
//! Two secrets go out. The state travels by the provider and names what is waited for, once; the other stays in
//! the browser's cookie. Verifier and nonce are made from the one in the browser, so nothing that is kept here
//! could finish a sign-in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_domain::provider::{Confirms, Departure};
use keyward_domain::session::SessionHolder;
use keyward_domain::{
    Distrust, Email, Name, Organization, OrganizationScope, Provider, Secret, SecretKind, Slug, Timestamp,
};
use keyward_storage::Technical;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::wire::Exchange;
use super::{WireError, id_token};
use crate::member::one_of;
use crate::sessions::{ClientInfo, MemberSession, SignedIn};
use crate::{Engine, Result};

/// The way to a provider.
#[derive(Debug)]
pub struct Outbound {
    /// Where the browser is sent.
    pub url: String,
    /// What its cookie keeps meanwhile.
    pub away: Secret,
}

/// What the browser brings back.
#[derive(Debug)]
pub struct Return {
    /// The state that was sent along.
    pub state: String,
    /// The code, if the provider has signed the person in.
    pub code: Option<String>,
    /// As the provider calls itself (RFC 9207).
    pub issuer: Option<String>,
    /// What the browser's cookie holds.
    pub away: Option<Secret>,
}

/// What becomes of someone who comes back.
#[derive(Debug)]
pub enum Arrival {
    /// Signed in.
    Done(SignedIn),
    /// A member has shown again who they are.
    Confirmed {
        /// Their session, which goes on under a new secret.
        session: SignedIn,
        /// The page to go on with.
        then: String,
    },
    /// Not let in.
    Refused(Refusal),
}

/// Why someone who comes back is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nothing is waited for, or by another browser.
    #[error("this sign-in was begun in another browser, was finished before, or took too long")]
    Stale,
    /// The provider has signed nobody in.
    #[error("the provider has not signed you in")]
    Declined,
    /// It can't be worked with.
    #[error("the provider {0}")]
    Wire(#[from] WireError),
    /// What it states is not believed.
    #[error(transparent)]
    Distrust(#[from] Distrust),
    /// Who was to show again who they are came back as another member.
    #[error("you have signed in at the provider as {email}, which is not who you are here")]
    SomeoneElse {
        /// The address that the provider vouches for.
        email: Email,
    },
    /// Nobody of the organization.
    #[error("{email} is not a member of {organization}")]
    Stranger {
        /// The address that the provider vouches for.
        email: Email,
        /// Whose provider it is.
        organization: Name,
    },
}

impl Engine {
    /// The organization of this slug, if its members can sign in by a provider.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn vouched_organization(&self, slug: &Slug) -> Result<Option<Organization>> {
        let tx = self.store.read().await?;
        let Some(organization) = tx.organizations().by_slug(slug).await? else { return Ok(None) };
        let found = tx.providers(organization.scope()).find().await?;
        Ok(found.map(|_| organization))
    }

    /// Sends someone to the provider of the organization with this slug; `None` if it has none.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn depart(&self, slug: &Slug) -> Result<Option<Result<Outbound, WireError>>> {
        match self.vouched_organization(slug).await? {
            Some(organization) => self.set_out(organization.scope(), None).await,
            None => Ok(None),
        }
    }

    /// Sends a member to the provider to sign in there again, and then on to a page of ours; `None` if the
    /// organization has no provider.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn depart_to_confirm(
        &self,
        person: &MemberSession,
        then: &str,
    ) -> Result<Option<Result<Outbound, WireError>>> {
        let confirms = Confirms { session: person.session.id, then: then.to_owned() };
        self.set_out(person.organization.scope(), Some(confirms)).await
    }

    async fn set_out(
        &self,
        scope: OrganizationScope,
        confirms: Option<Confirms>,
    ) -> Result<Option<Result<Outbound, WireError>>> {
        let again = confirms.is_some();
        let found = self.store.read().await?.providers(scope).find().await?;
        let Some((provider, _)) = found else { return Ok(None) };
        let description = match self.describe(scope.id(), &provider.issuer).await {
            Ok(description) => description,
            Err(error) => return Ok(Some(Err(error))),
        };
        let state = Secret::new(SecretKind::State, self.random());
        let away = Secret::new(SecretKind::Away, self.random());
        let departure = Departure {
            organization: scope.id(),
            state: state.hash(),
            browser: away.hash(),
            expires_at: self.now().plus_seconds(Departure::LIFETIME),
            confirms,
        };
        let tx = self.store.write().await?;
        tx.providers(scope).depart(&departure).await?;
        tx.commit_unrecorded(Technical::ProviderTrip).await?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(derived(&away, "verifier").as_bytes()));
        let mut url = description.authorization.url().clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", provider.client_id.as_str())
            .append_pair("redirect_uri", &self.provider_return_url())
            .append_pair("scope", "openid email")
            .append_pair("state", state.expose())
            .append_pair("nonce", &derived(&away, "nonce"))
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        if again {
            // Who is signed in there is asked all the same, and the answer says when.
            url.query_pairs_mut().append_pair("prompt", "login").append_pair("max_age", "0");
        }
        Ok(Some(Ok(Outbound { url: url.into(), away })))
    }

    /// Lets someone in who comes back from a provider. What was waited for is so no more, whatever comes of it.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn arrive(&self, back: Return, client: ClientInfo) -> Result<Arrival> {
        let Some(state) = Secret::parse(SecretKind::State, &back.state) else {
            return Ok(Arrival::Refused(Refusal::Stale));
        };
        // Looked at before anything is written: states can be made up, and the browser that left has its cookie.
        let Some(browser) = back.away.as_ref().map(Secret::hash) else {
            return Ok(Arrival::Refused(Refusal::Stale));
        };
        let left = self.store.read().await?.departure(&state.hash()).await?;
        if left.is_none_or(|left| left.browser != browser) {
            return Ok(Arrival::Refused(Refusal::Stale));
        }
        let tx = self.store.write().await?;
        let departure = tx.take_departure(&state.hash()).await?;
        tx.commit_unrecorded(Technical::ProviderTrip).await?;
        let waited_for = departure.filter(|departure| {
            let same = back.away.as_ref().is_some_and(|away| away.hash() == departure.browser);
            same && departure.state == state.hash() && departure.is_live(self.now())
        });
        let (Some(departure), Some(away)) = (waited_for, &back.away) else {
            return Ok(Arrival::Refused(Refusal::Stale));
        };
        let tx = self.store.read().await?;
        let organization = tx.organization_of(departure.organization).await?;
        let Some(organization) = organization else { return Ok(Arrival::Refused(Refusal::Stale)) };
        let scope = organization.scope();
        let Some((provider, sealed)) = tx.providers(scope).find().await? else {
            return Ok(Arrival::Refused(Refusal::Stale));
        };
        drop(tx);
        let Some(code) = back.code.clone() else { return Ok(Arrival::Refused(Refusal::Declined)) };
        let exchange = Exchange {
            code,
            verifier: derived(away, "verifier"),
            return_url: self.provider_return_url(),
            client_id: provider.client_id.to_string(),
            client_secret: self.open_client_secret(scope, &sealed)?,
        };
        let since = departure.confirms.as_ref().map(|_| departure.left_at());
        let email = match self.ask(&provider, exchange, &back, &derived(away, "nonce"), since).await {
            Ok(email) => email,
            Err(refusal) => return Ok(Arrival::Refused(refusal)),
        };
        let tx = self.store.write().await?;
        // What was set meanwhile counts, and so does who was removed.
        let now_set = tx.providers(scope).find().await?;
        let same = now_set.is_some_and(|(now_set, _)| now_set.version == provider.version);
        let found = if same { tx.members(scope).by_email(&email).await? } else { Vec::new() };
        let member = one_of(found, &email);
        let Some(member) = member else {
            let refusal = Refusal::Stranger { email, organization: organization.name };
            return Ok(Arrival::Refused(if same { refusal } else { Refusal::Stale }));
        };
        if let Some(Confirms { session, then }) = departure.confirms {
            let found = tx.sessions(scope).lock(session).await?.filter(|session| session.is_live(self.now()));
            let Some(session) = found else { return Ok(Arrival::Refused(Refusal::Stale)) };
            if session.holder != SessionHolder::Member(member.id) {
                return Ok(Arrival::Refused(Refusal::SomeoneElse { email }));
            }
            let session = self.confirmed(&tx, scope, session).await?;
            tx.commit_unrecorded(Technical::Session).await?;
            return Ok(Arrival::Confirmed { session, then });
        }
        let (signed_in, recorded) = self.member_session(&tx, &member, &client).await?;
        tx.commit(recorded).await?;
        Ok(Arrival::Done(signed_in))
    }

    /// The address that the provider vouches for.
    async fn ask(
        &self,
        provider: &Provider,
        exchange: Exchange,
        back: &Return,
        nonce: &str,
        since: Option<Timestamp>,
    ) -> Result<Email, Refusal> {
        let description = self.describe(provider.organization, &provider.issuer).await?;
        let named = back.issuer.as_deref().map(|issuer| provider.issuer.is(issuer));
        if !named.unwrap_or(!description.names_itself) {
            return Err(Distrust::Issuer.into());
        }
        let tokens = self.exchange(provider, &description, exchange).await?;
        let keys = self.provider_keys(provider, &description).await?;
        let verified = id_token::verify(&tokens.id_token, &keys)?;
        provider.believes(&verified.statement, nonce, self.now())?;
        if let Some(since) = since {
            Provider::signed_in_again(&verified.statement, since, self.now())?;
        }
        let vouched = provider.vouches(verified.email.as_deref(), verified.email_verified);
        let asks = match vouched {
            Err(Distrust::NoEmail) => verified.email.is_none(),
            Err(Distrust::UnverifiedEmail) => verified.email_verified.is_none(),
            Ok(_) | Err(_) => false,
        };
        // Some tell the address, or that it is verified, only when asked for it.
        let (true, Some(url), Some(access_token)) = (asks, &description.userinfo, &tokens.access_token)
        else {
            return Ok(vouched?);
        };
        let told = match self.userinfo(provider, url, access_token).await {
            Ok(told) => told,
            Err(_) if verified.email.is_some() => return Ok(vouched?),
            Err(error) => return Err(error.into()),
        };
        if told.get("sub").and_then(Value::as_str) != Some(verified.statement.subject.as_str()) {
            return Err(Distrust::Subject.into());
        }
        let email = told.get("email").and_then(Value::as_str).or(verified.email.as_deref());
        Ok(provider.vouches(email, id_token::email_verified(&told))?)
    }
}

/// A value for the provider that only who holds the browser's secret could make.
fn derived(away: &Secret, purpose: &str) -> Zeroizing<String> {
    let hash = Sha256::new().chain_update(purpose).chain_update("\0").chain_update(away.expose()).finalize();
    Zeroizing::new(URL_SAFE_NO_PAD.encode(hash))
}
