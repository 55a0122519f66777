//! Showing again who one is. A session's cookie is not enough to change what a person signs in with: use-cases that do
//! take a [`Reauthenticated`], which there is for five minutes after the person has given the password again (and a code
//! where there is a second factor) or has signed in again at the organization's provider, and in that session alone.

use keyward_domain::{Access, Actor, OrganizationScope, Secret, SecretKind, Session};
use keyward_storage::{Technical, Tx};

use crate::account::{Account, Person};
use crate::attempt::Attempt;
use crate::password::Password;
use crate::sessions::SignedIn;
use crate::{Engine, Error, Result};

/// Proof that the person of a session has shown in the last five minutes who they are.
#[derive(Debug, Clone, Copy)]
pub struct Reauthenticated<'a> {
    person: Person<'a>,
}

impl<'a> Reauthenticated<'a> {
    /// Who it is.
    pub fn person(&self) -> Person<'a> {
        self.person
    }

    pub(crate) fn scope(&self) -> OrganizationScope {
        self.person.scope()
    }

    pub(crate) fn account(&self) -> Account {
        self.person.account
    }

    /// The session, held until the end of the transaction: it may have ended meanwhile, or been renewed.
    pub(crate) async fn hold(&self, engine: &Engine, tx: &Tx) -> Result<Session> {
        match self.account().lock_credentials(tx, self.scope()).await {
            Ok(_) => {}
            Err(Error::NotFound(_)) => return Err(Error::Unconfirmed),
            Err(error) => return Err(error),
        }
        let session = hold(tx, &self.person).await?;
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
            | Actor::CustomerUser(_)
            | Actor::Link(_)
            | Actor::RegistryKey(_)
            | Actor::Agent(_)
            | Actor::Job(_)
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
        let same = access.actor() == proof.account().actor() && access.scope() == proof.scope();
        if same { proof.hold(engine, tx).await.map(Some) } else { Err(Error::Unconfirmed) }
    }
}

/// How a person can show who they are.
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
    pub fn reauthenticated<'a>(&self, person: impl Into<Person<'a>>) -> Result<Reauthenticated<'a>> {
        let person = person.into();
        if person.session.is_confirmed(self.now()) {
            Ok(Reauthenticated { person })
        } else {
            Err(Error::Unconfirmed)
        }
    }

    /// How a person can show who they are.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn ways_to_confirm(&self, person: impl Into<Person<'_>>) -> Result<WaysToConfirm> {
        let person = person.into();
        let (tx, scope) = (self.store.read().await?, person.scope());
        let known = person.account.credentials(&tx, scope).await?.unwrap_or_default();
        let vouched_for = person.account.is_vouched_for(&tx, scope).await?;
        let provider = match person.account {
            Account::Member(_) => tx.providers(scope).find().await?.is_some(),
            Account::CustomerUser(_) => false,
        };
        Ok(WaysToConfirm {
            password: known.password.is_some() && !vouched_for,
            code: known.authenticator.is_some(),
            provider,
        })
    }

    /// Takes the password again, and a code where there is a second factor; wrong ones are counted as those of signing
    /// in are, by the session. The session then goes on under a new secret.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn confirm(
        &self,
        person: impl Into<Person<'_>>,
        password: Password,
        code: Option<&str>,
    ) -> Result<Confirmation> {
        let person = person.into();
        let (scope, account) = (person.scope(), person.account);
        let known = account.credentials(&self.store.read().await?, scope).await?;
        let candidates = known.and_then(|known| known.password).map(|hash| (hash.clone(), hash));
        let attempt = Attempt::again(&person);
        let judged = self.judge_password(&attempt, password, candidates.into_iter().collect()).await?;
        let Some(fitting) = judged else { return Ok(Confirmation::Refused) };
        self.transaction(async |tx| {
            let known = account.lock_credentials(&tx, scope).await?;
            let fits = known.password.as_ref() == Some(&fitting);
            if !fits || account.is_vouched_for(&tx, scope).await? {
                return Ok(Confirmation::Refused);
            }
            let Some(tx) = self.complete_attempt(tx, &attempt, scope, account, code).await? else {
                return Ok(Confirmation::CodeNeeded);
            };
            let session = hold(&tx, &person).await?;
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
async fn hold(tx: &Tx, person: &Person<'_>) -> Result<Session> {
    let found = tx.sessions(person.scope()).lock(person.session.id).await?;
    let holder = person.account.holder();
    let same = found.filter(|session| session.hash == person.session.hash && session.holder == holder);
    same.ok_or(Error::Unconfirmed)
}
