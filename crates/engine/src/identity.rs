//! What proves who someone is, and its end. Whatever changes a secret or an address by which a person is known goes
//! through here, so that nothing that was proved by the old one lives on.

use keyward_domain::session::SessionHolder;
use keyward_domain::{Action, CustomerId, MemberId, OrganizationScope, Session};
use keyward_storage::{Credentials, Recorded, Tx};
use serde_json::json;

use crate::audit::By;
use crate::sessions::SignedIn;
use crate::{Engine, Error, Resource, Result};

/// Whose identity is proved by something.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whose {
    /// One member's.
    Member(MemberId),
    /// That of each member of the organization.
    AllMembers,
    /// A customer's.
    Customer(CustomerId),
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
            Whose::Customer(id) => {
                links.withdraw_all(id.uuid(), now).await?;
                links.withdraw_mailed_onboarding(id, now).await?;
                let onboarding = sessions.end_onboarding(id).await?;
                Ok(onboarding + sessions.end_all(SessionHolder::Customer(id)).await?)
            }
        }
    }

    /// Changes what a member signs in with, and ends what the old credentials have proved. Gives how many sessions
    /// ended, with the event. Codes are used up elsewhere; there is no other way to change credentials.
    pub(crate) async fn change_credentials(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        id: MemberId,
        (by, action): (impl Into<By>, Action),
        change: impl FnOnce(Credentials) -> Credentials,
    ) -> Result<(u64, Recorded)> {
        let known = lock_credentials(tx, scope, id).await?;
        tx.members(scope).set_credentials(id, &change(known)).await?;
        let ended = self.end_proofs(tx, scope, Whose::Member(id)).await?;
        let detail = [("sessions_ended", json!(ended))];
        let recorded = self.record_for(tx, scope, by, action, id.uuid(), &detail).await?;
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

/// What a member signs in with, held until the end of the transaction.
pub(crate) async fn lock_credentials(tx: &Tx, scope: OrganizationScope, id: MemberId) -> Result<Credentials> {
    tx.members(scope).lock(id).await?.ok_or(Error::NotFound(Resource::Member))?;
    tx.members(scope).credentials(id).await?.ok_or(Error::NotFound(Resource::Member))
}
