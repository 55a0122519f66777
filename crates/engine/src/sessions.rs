//! People in a browser: how they sign in, and who a session's cookie stands for.

use keyward_domain::attempt::AccountKey;
use keyward_domain::link::LinkPurpose;
use keyward_domain::session::SessionHolder;
use keyward_domain::{
    Action, Actor, Address, Customer, CustomerUser, CustomerUserStatus, Email, Identity, LicenseId, Link,
    Member, Organization, OrganizationScope, Secret, SecretKind, Session, SessionId, Slug,
};
use keyward_storage::{Credentials, Recorded, Technical, Tx};
use serde_json::json;

use crate::account::{Account, CredentialChange};
use crate::attempt::Attempt;
use crate::audit::By;
use crate::log::queue::{Entry, Use, What};
use crate::password::Password;
use crate::provider::is_vouched_for;
use crate::reauthentication::Reauthenticated;
use crate::{Engine, Error, Resource, Result};

/// How exact "last seen" is.
const LAST_SEEN_SECONDS: i64 = 60;

/// From where someone came, for the list of their sessions.
#[derive(Debug, Clone)]
pub struct ClientInfo {
    /// The client's address.
    pub address: String,
    /// The browser, as it calls itself.
    pub user_agent: String,
    /// The cookie by which we know a device that has signed in before.
    pub device: Option<String>,
}

impl ClientInfo {
    /// Someone who acts from there.
    pub(crate) fn by(&self, actor: Actor) -> By {
        By { actor, address: self.address.parse().ok().map(Address::new) }
    }
}

/// A session just begun, with the secret for its cookie.
#[derive(Debug)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// What the cookie holds.
    pub secret: Secret,
    /// What another cookie holds, unless whoever it is has opened an onboarding link: by it the device is known at the next sign-in.
    pub device: Option<String>,
}

/// What comes of signing in.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
pub enum SignIn {
    /// Signed in.
    Done(SignedIn),
    /// The password fits, and the code of the authenticator app is missing or wrong.
    CodeNeeded,
    /// Address and password fit, but do not count: the organization's provider vouches for its members.
    ProviderNeeded(Slug),
    /// Address and password don't fit.
    Refused,
}

/// Whom a session stands for.
#[derive(Debug, Clone)]
pub enum AnySession {
    /// A person of the vendor.
    Member(MemberSession),
    /// A person of a customer.
    Customer(CustomerSession),
    /// Whoever has opened an onboarding link.
    Onboarding(OnboardingSession),
}

/// A person of the vendor, signed in.
#[derive(Debug, Clone)]
pub struct MemberSession {
    /// The session.
    pub session: Session,
    /// The person.
    pub member: Member,
    /// The vendor.
    pub organization: Organization,
    /// What the person may do now.
    pub identity: Identity,
}

/// A person of a customer, signed in. It reaches what the customer holds, and nothing else.
#[derive(Debug, Clone)]
pub struct CustomerSession {
    /// The session.
    pub session: Session,
    /// The customer.
    pub customer: Customer,
    /// The person.
    pub user: CustomerUser,
    /// Whose customer.
    pub organization: Organization,
    /// From where they ask, as far as it is known: events tell it.
    pub address: Option<Address>,
}

/// Whoever has opened an onboarding link. It reaches the link's license.
#[derive(Debug, Clone)]
pub struct OnboardingSession {
    /// The session.
    pub session: Session,
    /// The license.
    pub license: LicenseId,
    /// Who gave it.
    pub organization: Organization,
}

impl Engine {
    /// Whom the cookie's secret stands for; `None` once the session or the person is gone.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn session(&self, secret: &Secret) -> Result<Option<AnySession>> {
        let (now, whose) = (self.now(), self.session_unseen(secret).await?);
        let seen = whose.as_ref().map(|whose| match whose {
            AnySession::Member(person) => (&person.session, person.organization.scope()),
            AnySession::Customer(person) => (&person.session, person.organization.scope()),
            AnySession::Onboarding(person) => (&person.session, person.organization.scope()),
        });
        if let Some((session, scope)) = seen
            && now >= session.last_seen_at.plus_seconds(LAST_SEEN_SECONDS)
        {
            self.log.add(Entry { scope, what: What::Used(Use::Session(session.id, now)) });
        }
        Ok(whose)
    }

    /// The same for what a page asks by itself: it is not noted that anybody was there.
    pub async fn session_unseen(&self, secret: &Secret) -> Result<Option<AnySession>> {
        let (now, hash) = (self.now(), secret.hash());
        let tx = self.store.read().await?;
        let found = tx.session_by_hash(&hash).await?;
        let Some(session) = found.filter(|session| session.hash == hash && session.is_live(now)) else {
            return Ok(None);
        };
        let Some(organization) = tx.organization_of(session.organization).await? else { return Ok(None) };
        let scope = organization.scope();
        let whose = match session.holder {
            SessionHolder::Member(id) => tx.members(scope).find(id).await?.map(|member| {
                let identity = member.identity().within(session.id);
                AnySession::Member(MemberSession { session: session.clone(), member, organization, identity })
            }),
            SessionHolder::CustomerUser(of) => {
                let customer = tx.customers(scope).find(of.customer).await?;
                let user = tx.customer_users(scope).find(of).await?;
                let user = user.filter(|user| user.status() == CustomerUserStatus::Active);
                customer.zip(user).map(|(customer, user)| {
                    let session = session.clone();
                    AnySession::Customer(CustomerSession {
                        session,
                        customer,
                        user,
                        organization,
                        address: None,
                    })
                })
            }
            SessionHolder::Onboarding(license) => Some(AnySession::Onboarding(OnboardingSession {
                session: session.clone(),
                license,
                organization,
            })),
        };
        Ok(whose)
    }

    /// Signs a member in by address and password, and the code of the authenticator app where there is one.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn sign_in(
        &self,
        email: &Email,
        password: Password,
        code: Option<&str>,
        client: ClientInfo,
    ) -> Result<SignIn> {
        let refused = |outcome: &Result<SignIn>| !matches!(outcome, Ok(SignIn::Done(_)));
        let judge = async {
            let found = self.store.read().await?.members_by_email(email).await?;
            let candidate = |(member, credentials): (Member, Credentials)| {
                (Account::Member(member.id), member.scope(), credentials)
            };
            let found = found.into_iter().map(candidate).collect();
            self.judge_sign_in(AccountKey::of(email), found, (password, code), client).await
        };
        self.evenly(judge, refused).await
    }

    /// Signs the one in of several accounts with an address whose password it is.
    pub(crate) async fn judge_sign_in(
        &self,
        key: AccountKey,
        found: Vec<(Account, OrganizationScope, Credentials)>,
        (password, code): (Password, Option<&str>),
        client: ClientInfo,
    ) -> Result<SignIn> {
        let accounts: Vec<_> = found.iter().map(|(account, ..)| account.uuid()).collect();
        let source = self.source_for(&accounts, key, &client);
        let attempt = Attempt { account: key, source, exists: !found.is_empty(), alone: found.len() < 2 };
        let candidates = found.into_iter().filter_map(|(account, scope, credentials)| {
            let hash = credentials.password?;
            Some(((account, scope, hash.clone()), hash))
        });
        let judged = self.judge_password(&attempt, password, candidates.collect()).await?;
        let Some((account, scope, fitting)) = judged else { return Ok(SignIn::Refused) };
        self.transaction(async |tx| {
            let organization = tx.organization_of(scope.id()).await?;
            let organization = organization.ok_or(Error::NotFound(Resource::Organization))?;
            // Hashing takes its time: what was changed meanwhile counts.
            let known = match account.lock_credentials(&tx, scope).await {
                Err(Error::NotFound(_)) => return Ok(SignIn::Refused),
                known => known?,
            };
            if known.password.as_ref() != Some(&fitting) {
                return Ok(SignIn::Refused);
            }
            if account.is_vouched_for(&tx, scope).await? {
                drop(tx);
                self.take_attempt_back(&attempt).await?;
                return Ok(SignIn::ProviderNeeded(organization.slug));
            }
            let Some(tx) = self.complete_attempt(tx, &attempt, scope, account, code).await? else {
                return Ok(SignIn::CodeNeeded);
            };
            let (signed_in, recorded) = self.session_of(&tx, scope, account, &client).await?;
            tx.commit(recorded).await?;
            Ok(SignIn::Done(signed_in))
        })
        .await
    }

    /// Begins a session of whoever has shown who they are.
    pub(crate) async fn session_of(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        account: Account,
        client: &ClientInfo,
    ) -> Result<(SignedIn, Recorded)> {
        match account {
            Account::Member(id) => {
                let member = tx.members(scope).find(id).await?.ok_or(Error::NotFound(Resource::Member))?;
                self.member_session(tx, &member, client).await
            }
            Account::CustomerUser(of) => self.customer_session(tx, scope, of, client).await,
        }
    }

    /// Ends a session.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn sign_out(&self, session: &Session) -> Result<()> {
        self.end_session(session, session.id).await.map(drop)
    }

    /// All sessions of the same person.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn sessions_of(&self, session: &Session) -> Result<Vec<Session>> {
        let tx = self.store.read().await?;
        let now = self.now();
        let sessions = tx.sessions(session.scope()).of(session.holder).await?;
        Ok(sessions.into_iter().filter(|session| session.is_live(now)).collect())
    }

    /// Ends one session of the same person; whether there was one.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn end_session(&self, session: &Session, id: SessionId) -> Result<bool> {
        let tx = self.store.write().await?;
        let ended = tx.sessions(session.scope()).end(session.holder, id).await?;
        tx.commit_unrecorded(Technical::Session).await?;
        Ok(ended)
    }

    /// Sets another password; all other sessions end.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn change_password(&self, proof: &Reauthenticated<'_>, new: Password) -> Result<SignedIn> {
        let hash = self.hash_password(new).await?;
        let change = |known| Credentials { password: Some(hash.clone()), ..known };
        self.change_own_credentials(proof, CredentialChange::Password, change).await
    }

    /// Mails a link for a new password to the members with this address. Whether there are any is not told.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn request_password_reset(&self, email: &Email) -> Result<()> {
        self.evenly(self.mail_password_reset(email), |_| true).await
    }

    async fn mail_password_reset(&self, email: &Email) -> Result<()> {
        // For addresses that nobody has, nothing is written, nor a writer kept waiting.
        if self.store.read().await?.members_by_email(email).await?.is_empty() {
            return Ok(());
        }
        let tx = self.store.write().await?;
        for (member, _) in tx.members_by_email(email).await? {
            let organization = self.home(&tx, &member).await?;
            if let Some(counted) = self.count_request(&tx, organization.scope(), &member.email).await? {
                let purpose = LinkPurpose::PasswordReset(member.id);
                self.mail_member_link(&tx, counted, &organization, &member, purpose).await?;
            }
        }
        tx.commit_unrecorded(Technical::MailedLink).await?;
        Ok(())
    }

    /// What a mailed link opens, without opening it; `None` if it is unknown, used or has run out.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn link(&self, secret: &Secret) -> Result<Option<Link>> {
        let (now, hash) = (self.now(), secret.hash());
        let found = self.store.read().await?.link_by_hash(&hash).await?;
        Ok(found.filter(|link| link.hash == hash && link.is_live(now)))
    }

    /// Opens a link of a member: sets the password, ends all sessions, and begins one; `None` where the second
    /// factor is still to be shown.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn open_member_link(
        &self,
        secret: &Secret,
        password: Password,
        client: ClientInfo,
    ) -> Result<Option<SignedIn>> {
        self.openable_link(secret).await?;
        let hash = self.hash_password(password).await?;
        self.transaction(async |tx| {
            let (link, scope) = self.open(&tx, secret).await?;
            let member = match link.purpose {
                LinkPurpose::Invitation(member) | LinkPurpose::PasswordReset(member) => member,
                LinkPurpose::CustomerInvitation(_)
                | LinkPurpose::CustomerPasswordReset(_)
                | LinkPurpose::CustomerSignIn(_)
                | LinkPurpose::Onboarding(_) => return Err(Error::LinkGone),
            };
            let member = tx.members(scope).find(member).await?.ok_or(Error::LinkGone)?;
            if is_vouched_for(&tx, scope, &member).await? {
                return Err(Error::LinkGone);
            }
            let recorded = self.put_password(&tx, &member, &hash).await?;
            let known = tx.members(scope).credentials(member.id).await?.unwrap_or_default();
            if known.authenticator.is_some() {
                tx.commit(recorded).await?;
                return Ok(None);
            }
            let (signed_in, recorded) = self.member_session(&tx, &member, &client).await?;
            tx.commit(recorded).await?;
            Ok(Some(signed_in))
        })
        .await
    }

    /// Looks at a link before anything is hashed: only who has one makes that work.
    pub(crate) async fn openable_link(&self, secret: &Secret) -> Result<()> {
        let known = self.store.read().await?.link_by_hash(&secret.hash()).await?;
        let known = known.filter(|link| link.hash == secret.hash()).ok_or(Error::NotFound(Resource::Link))?;
        if known.is_live(self.now()) { Ok(()) } else { Err(Error::LinkGone) }
    }

    /// Takes a link out, this once.
    pub(crate) async fn open(&self, tx: &Tx, secret: &Secret) -> Result<(Link, OrganizationScope)> {
        let hash = secret.hash();
        let found = tx.lock_link_by_hash(&hash).await?.filter(|link| link.hash == hash);
        let link =
            found.ok_or(Error::NotFound(Resource::Link))?.open(self.now()).map_err(|_| Error::LinkGone)?;
        let organization = tx.organization_of(link.organization).await?.ok_or(Error::LinkGone)?;
        tx.links(organization.scope()).save(&link).await?;
        Ok((link, organization.scope()))
    }

    pub(crate) async fn begin(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        holder: SessionHolder,
        client: &ClientInfo,
    ) -> Result<SignedIn> {
        let (now, secret) = (self.now(), Secret::new(SecretKind::Session, self.random()));
        let session = Session {
            id: self.id(SessionId::new),
            organization: scope.id(),
            holder,
            hash: secret.hash(),
            address: client.address.clone(),
            user_agent: keyward_domain::text::legible(&client.user_agent, 300),
            created_at: now,
            last_seen_at: now,
            expires_at: now.plus_seconds(holder.lifetime()),
            form_key: secret.hash(),
            confirmed_at: None,
        };
        tx.sessions(scope).insert(&session).await?;
        Ok(SignedIn { session, secret, device: None })
    }

    pub(crate) async fn member_session(
        &self,
        tx: &Tx,
        member: &Member,
        client: &ClientInfo,
    ) -> Result<(SignedIn, Recorded)> {
        let organization = self.home(tx, member).await?;
        let (scope, holder) = (organization.scope(), SessionHolder::Member(member.id));
        let detail = [("address", json!(client.address))];
        let account = Account::Member(member.id);
        let device = Some(self.device_cookie(account, &member.email, client.device.as_deref()));
        let signed_in = self.begin(tx, scope, holder, client).await?;
        let (by, action) = (client.by(Actor::Member(member.id)), Action::MemberSignedIn);
        let recorded = self.record_for(tx, scope, by, action, member.id.uuid(), &detail).await?;
        Ok((SignedIn { device, ..signed_in }, recorded))
    }

    /// The organization that a member belongs to.
    pub(crate) async fn home(&self, tx: &Tx, member: &Member) -> Result<Organization> {
        tx.organization_of(member.organization).await?.ok_or(Error::NotFound(Resource::Organization))
    }

    /// Sets the password of who has opened a link; all sessions end.
    pub(crate) async fn put_password(&self, tx: &Tx, member: &Member, hash: &str) -> Result<Recorded> {
        let organization = self.home(tx, member).await?;
        let (account, scope) = (Account::Member(member.id), organization.scope());
        let change = |known| Credentials { password: Some(hash.to_owned()), ..known };
        let by = (account.actor(), CredentialChange::Password);
        let (_, recorded) = self.change_credentials(tx, scope, account, by, change).await?;
        Ok(recorded)
    }
}
