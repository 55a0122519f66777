//! Whoever signs in with a password and a second factor: a member, or a user of a customer. What both can do is written once,
//! for both.

use keyward_domain::attempt::AccountKey;
use keyward_domain::session::SessionHolder;
use keyward_domain::{
    Action, Actor, Address, CustomerUserRef, Email, MemberId, Organization, OrganizationScope, Session,
};
use keyward_storage::{Credentials, Tx};
use uuid::Uuid;

use crate::provider::is_vouched_for;
use crate::sessions::{CustomerSession, MemberSession};
use crate::vault::Place;
use crate::{Error, Resource, Result};

/// Who signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// A person of the vendor.
    Member(MemberId),
    /// A person of a customer.
    CustomerUser(CustomerUserRef),
}

/// What is changed of what someone signs in with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CredentialChange {
    Password,
    AuthenticatorAdded,
    AuthenticatorRemoved,
    RecoveryCodes,
}

impl Account {
    pub(crate) fn uuid(self) -> Uuid {
        match self {
            Self::Member(id) => id.uuid(),
            Self::CustomerUser(of) => of.user.uuid(),
        }
    }

    pub(crate) fn actor(self) -> Actor {
        match self {
            Self::Member(id) => Actor::Member(id),
            Self::CustomerUser(of) => Actor::CustomerUser(of.user),
        }
    }

    pub(crate) fn holder(self) -> SessionHolder {
        match self {
            Self::Member(id) => SessionHolder::Member(id),
            Self::CustomerUser(of) => SessionHolder::CustomerUser(of),
        }
    }

    /// By what attempts to sign in are counted.
    pub(crate) fn key(self, email: &Email) -> AccountKey {
        match self {
            Self::Member(_) => AccountKey::of(email),
            Self::CustomerUser(_) => AccountKey::of_customer_user(email),
        }
    }

    /// Where the secret of the authenticator app is sealed to.
    pub(crate) fn authenticator(self, scope: OrganizationScope) -> Place {
        match self {
            Self::Member(id) => Place::Authenticator(scope.id(), id),
            Self::CustomerUser(of) => Place::CustomerAuthenticator(scope.id(), of.user),
        }
    }

    pub(crate) fn action(self, change: CredentialChange) -> Action {
        match (self, change) {
            (Self::Member(_), CredentialChange::Password) => Action::MemberPasswordSet,
            (Self::Member(_), CredentialChange::AuthenticatorAdded) => Action::MemberAuthenticatorAdded,
            (Self::Member(_), CredentialChange::AuthenticatorRemoved) => Action::MemberAuthenticatorRemoved,
            (Self::Member(_), CredentialChange::RecoveryCodes) => Action::MemberRecoveryCodesRenewed,
            (Self::CustomerUser(_), CredentialChange::Password) => Action::CustomerUserPasswordSet,
            (Self::CustomerUser(_), CredentialChange::AuthenticatorAdded) => {
                Action::CustomerUserAuthenticatorAdded
            }
            (Self::CustomerUser(_), CredentialChange::AuthenticatorRemoved) => {
                Action::CustomerUserAuthenticatorRemoved
            }
            (Self::CustomerUser(_), CredentialChange::RecoveryCodes) => {
                Action::CustomerUserRecoveryCodesRenewed
            }
        }
    }

    /// What they sign in with; `None` of who is gone.
    pub(crate) async fn credentials(self, tx: &Tx, scope: OrganizationScope) -> Result<Option<Credentials>> {
        Ok(match self {
            Self::Member(id) => tx.members(scope).credentials(id).await?,
            Self::CustomerUser(of) => tx.customer_users(scope).credentials(of).await?,
        })
    }

    /// The same, held until the end of the transaction.
    pub(crate) async fn lock_credentials(self, tx: &Tx, scope: OrganizationScope) -> Result<Credentials> {
        let (there, gone) = match self {
            Self::Member(id) => (tx.members(scope).lock(id).await?.is_some(), Resource::Member),
            Self::CustomerUser(of) => {
                (tx.customer_users(scope).lock(of).await?.is_some(), Resource::CustomerUser)
            }
        };
        let known = if there { self.credentials(tx, scope).await? } else { None };
        known.ok_or(Error::NotFound(gone))
    }

    pub(crate) async fn set_credentials(
        self,
        tx: &Tx,
        scope: OrganizationScope,
        credentials: &Credentials,
    ) -> Result<()> {
        match self {
            Self::Member(id) => tx.members(scope).set_credentials(id, credentials).await?,
            Self::CustomerUser(of) => tx.customer_users(scope).set_credentials(of, credentials).await?,
        }
        Ok(())
    }

    /// Whether their password does not count, because a provider vouches for them.
    pub(crate) async fn is_vouched_for(self, tx: &Tx, scope: OrganizationScope) -> Result<bool> {
        match self {
            Self::Member(id) => match tx.members(scope).find(id).await? {
                Some(member) => is_vouched_for(tx, scope, &member).await,
                None => Ok(false),
            },
            Self::CustomerUser(_) => Ok(false),
        }
    }
}

/// Someone who is signed in and can change what they sign in with.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    pub(crate) session: &'a Session,
    pub(crate) organization: &'a Organization,
    pub(crate) account: Account,
    pub(crate) email: &'a Email,
    /// From where they ask, as far as that is known.
    pub(crate) address: Option<Address>,
}

impl Person<'_> {
    pub(crate) fn scope(&self) -> OrganizationScope {
        self.organization.scope()
    }
}

impl<'a> From<&'a MemberSession> for Person<'a> {
    fn from(person: &'a MemberSession) -> Self {
        let MemberSession { session, member, organization, identity } = person;
        let (account, address) = (Account::Member(member.id), identity.address());
        Self { session, organization, account, email: &member.email, address }
    }
}

impl<'a> From<&'a CustomerSession> for Person<'a> {
    fn from(person: &'a CustomerSession) -> Self {
        let CustomerSession { session, user, organization, address, .. } = person;
        let account = Account::CustomerUser(user.reference());
        Self { session, organization, account, email: &user.email, address: *address }
    }
}
