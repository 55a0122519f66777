//! Showing again who one is. A session's cookie is not enough to change what a person signs in with: use-cases that do
//! take a [`Reauthenticated`], which there is for five minutes after the person has given the password again (and a code
//! where there is a second factor) or has signed in again at the organization's provider, and in that session alone.

use keyward_domain::session::SessionHolder;
use keyward_domain::{Access, Actor, MemberId, OrganizationScope, Secret, SecretKind, Session};
use keyward_storage::{Technical, Tx};

use crate::attempt::Attempt;
use crate::identity::lock_credentials;
use crate::password::Password;
use crate::provider::is_vouched_for;
use crate::sessions::{MemberSession, SignedIn};
use crate::{Engine, Error, Result};

/// Proof that the person of a session has shown in the last five minutes who they are.
#[derive(Debug, Clone, Copy)]
pub struct Reauthenticated<'a> {
    person: &'a MemberSession,
}

impl<'a> Reauthenticated<'a> {
    /// Who it is.
    pub fn person(&self) -> &'a MemberSession {
        self.person
    }

    pub(crate) fn scope(&self) -> OrganizationScope {
        self.person.organization.scope()
    }

    pub(crate) fn member(&self) -> MemberId {
        self.person.member.id
    }

    /// The session, held until the end of the transaction: it may have ended meanwhile, or been renewed.
    pub(crate) async fn hold(&self, engine: &Engine, tx: &Tx) -> Result<Session> {
        tx.members(self.scope()).lock(self.member()).await?.ok_or(Error::Unconfirmed)?;
        let session = hold(tx, self.person).await?;
        if session.is_confirmed(engine.now()) { Ok(session) } else { Err(Error::Unconfirmed) }
    }
}

/// Who changes how an organization's people sign in: a person who has just shown who they are, or a program with a
/// management token, which such a person has made.
#[derive(Debug, Clone, Copy)]
pub struct ConfirmedCaller<'a>(Option<Reauthenticated<'a>>);

impl<'a> ConfirmedCaller<'a> {
    /// A person.
    pub fn person(proof: Reauthenticated<'a>) -> Self {
        Self(Some(proof))
    }

    /// A program; refused for the rights of a person who is signed in.
    pub fn program<P>(access: &Access<P>) -> Result<Self> {
        match access.actor() {
            Actor::Token(_) | Actor::Operator => Ok(Self(None)),
            Actor::Member(_)
            | Actor::Customer(_)
            | Actor::Link(_)
            | Actor::RegistryKey(_)
            | Actor::Server => Err(Error::Unconfirmed),
        }
    }

    /// The person's session, held until the end of the transaction; `None` for a program.
    pub(crate) async fn hold<P>(
        &self,
        engine: &Engine,
        tx: &Tx,
        access: &Access<P>,
    ) -> Result<Option<Session>> {
        let Some(proof) = &self.0 else { return Ok(None) };
        let same = access.actor() == Actor::Member(proof.member()) && access.scope() == proof.scope();
        if same { proof.hold(engine, tx).await.map(Some) } else { Err(Error::Unconfirmed) }
    }
}

/// How a member can show who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaysToConfirm {
    /// By password.
    pub password: bool,
    /// With a code besides.
    pub code: bool,
    /// At the organization's provider.
    pub provider: bool,
}

/// What comes of giving the password again.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
pub enum Confirmation {
    /// It fits. The session goes on under a new secret.
    Done(SignedIn),
    /// The password fits, and the code is missing or wrong.
    CodeNeeded,
    /// It does not fit.
    Refused,
}

impl Engine {
    /// The proof that a use-case takes which changes an identity; refused with [`Error::Unconfirmed`] if the person
    /// has not shown lately who they are.
    pub fn reauthenticated<'a>(&self, person: &'a MemberSession) -> Result<Reauthenticated<'a>> {
        if person.session.is_confirmed(self.now()) {
            Ok(Reauthenticated { person })
        } else {
            Err(Error::Unconfirmed)
        }
    }

    /// How a member can show who they are.
    pub async fn ways_to_confirm(&self, person: &MemberSession) -> Result<WaysToConfirm> {
        let (tx, scope) = (self.store.read().await?, person.organization.scope());
        let known = tx.members(scope).credentials(person.member.id).await?.unwrap_or_default();
        let vouched_for = is_vouched_for(&tx, scope, &person.member).await?;
        Ok(WaysToConfirm {
            password: known.password.is_some() && !vouched_for,
            code: known.authenticator.is_some(),
            provider: tx.providers(scope).find().await?.is_some(),
        })
    }

    /// Takes the password again, and a code where there is a second factor; wrong ones are counted as those of signing
    /// in are, by the session. The session then goes on under a new secret.
    pub async fn confirm(
        &self,
        person: &MemberSession,
        password: Password,
        code: Option<&str>,
    ) -> Result<Confirmation> {
        let (scope, id) = (person.organization.scope(), person.member.id);
        let known = self.store.read().await?.members(scope).credentials(id).await?;
        let candidates = known.and_then(|known| known.password).map(|hash| (hash.clone(), hash));
        let attempt = Attempt::again(person);
        let judged = self.judge_password(&attempt, password, candidates.into_iter().collect()).await?;
        let Some(fitting) = judged else { return Ok(Confirmation::Refused) };
        self.transaction(async |tx| {
            let known = lock_credentials(&tx, scope, id).await?;
            let fits = known.password.as_ref() == Some(&fitting);
            if !fits || is_vouched_for(&tx, scope, &person.member).await? {
                return Ok(Confirmation::Refused);
            }
            let Some(tx) = self.complete_attempt(tx, &attempt, scope, id, code).await? else {
                return Ok(Confirmation::CodeNeeded);
            };
            let session = hold(&tx, person).await?;
            let renewed = self.confirmed(&tx, scope, session).await?;
            tx.commit_unrecorded(Technical::Session).await?;
            Ok(Confirmation::Done(renewed))
        })
        .await
    }

    /// Notes that the person of a session has shown who they are, and gives the session a new secret: whoever else has
    /// its cookie is left with nothing.
    pub(crate) async fn confirmed(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        session: Session,
    ) -> Result<SignedIn> {
        let now = self.now();
        let session = Session { confirmed_at: Some(now), last_seen_at: now, ..session };
        let renewed = self.with_new_secret(session);
        tx.sessions(scope).save(&renewed.session).await?;
        Ok(renewed)
    }

    /// A session under a new secret, still to be saved.
    pub(crate) fn with_new_secret(&self, session: Session) -> SignedIn {
        let secret = Secret::new(SecretKind::Session, self.random());
        SignedIn { session: Session { hash: secret.hash(), ..session }, secret, device: None }
    }
}

/// The session of a person, held until the end of the transaction, if it is still the one that the cookie stands for.
async fn hold(tx: &Tx, person: &MemberSession) -> Result<Session> {
    let found = tx.sessions(person.organization.scope()).lock(person.session.id).await?;
    let holder = SessionHolder::Member(person.member.id);
    let same = found.filter(|session| session.hash == person.session.hash && session.holder == holder);
    same.ok_or(Error::Unconfirmed)
}
