//! What proves who someone is, and its end. Whatever changes a secret or an address by which a person is known goes
//! through here, so that nothing that was proved by the old one lives on.

use keyward_domain::session::SessionHolder;
use keyward_domain::{CustomerId, CustomerUserRef, MemberId, OrganizationScope, Session};
use keyward_storage::{Credentials, Recorded, Tx};
use serde_json::json;

use crate::account::{Account, CredentialChange};
use crate::audit::By;
use crate::sessions::SignedIn;
use crate::{Engine, Result};

/// Whose identity is proved by something.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whose {
    /// One member's.
    Member(MemberId),
    /// That of each member of the organization.
    AllMembers,
    /// That of one user of a customer.
    CustomerUser(CustomerUserRef),
    /// That of each user of a customer, and of whoever was mailed an onboarding link.
    Customer(CustomerId),
    /// That of whoever was mailed an onboarding link of a customer's license.
    Onboarding(CustomerId),
}

impl From<Account> for Whose {
    fn from(account: Account) -> Self {
        match account {
            Account::Member(id) => Self::Member(id),
            Account::CustomerUser(of) => Self::CustomerUser(of),
        }
    }
}

impl Engine {
    /// Ends whatever proves an identity: sessions, mailed links, and the way to a provider and back. Gives how many
    /// sessions there were.
    pub(crate) async fn end_proofs(&self, tx: &Tx, scope: OrganizationScope, whose: Whose) -> Result<u64> {
        let now = self.now();
        let (sessions, links) = (tx.sessions(scope), tx.links(scope));
        match whose {
            Whose::Member(id) => {
                links.withdraw_all(id.uuid(), now).await?;
                Ok(sessions.end_all(SessionHolder::Member(id)).await?)
            }
            Whose::AllMembers => {
                links.withdraw_members(now).await?;
                tx.providers(scope).forget_departures().await?;
                Ok(sessions.end_members().await?)
            }
            Whose::CustomerUser(of) => {
                links.withdraw_of_user(of.user, now).await?;
                Ok(sessions.end_all(SessionHolder::CustomerUser(of)).await?)
            }
            Whose::Customer(id) => {
                links.withdraw_all(id.uuid(), now).await?;
                links.withdraw_mailed_onboarding(id, now).await?;
                let onboarding = sessions.end_onboarding(id).await?;
                Ok(onboarding + sessions.end_customer(id).await?)
            }
            Whose::Onboarding(id) => {
                links.withdraw_mailed_onboarding(id, now).await?;
                Ok(sessions.end_onboarding(id).await?)
            }
        }
    }

    /// Changes what someone signs in with, and ends what the old credentials have proved. Gives how many sessions
    /// ended, with the event. Codes are used up elsewhere; there is no other way to change credentials.
    pub(crate) async fn change_credentials(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        account: Account,
        (by, what): (impl Into<By>, CredentialChange),
        change: impl FnOnce(Credentials) -> Credentials,
    ) -> Result<(u64, Recorded)> {
        let known = account.lock_credentials(tx, scope).await?;
        account.set_credentials(tx, scope, &change(known)).await?;
        let ended = self.end_proofs(tx, scope, account.into()).await?;
        let detail = [("sessions_ended", json!(ended))];
        let recorded = self.record_for(tx, scope, by, account.action(what), account.uuid(), &detail).await?;
        Ok((ended, recorded))
    }

    /// Goes on with one session after all were ended, under a new secret.
    pub(crate) async fn go_on_with(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        session: Session,
    ) -> Result<SignedIn> {
        let renewed = self.with_new_secret(session);
        tx.sessions(scope).insert(&renewed.session).await?;
        Ok(renewed)
    }
}
