//! Changes by the admins of a customer, on the customer's own pages.

use keyward_domain::{Action, Customer};
use keyward_storage::Tx;
use serde_json::Value;
use uuid::Uuid;

use crate::account::Account;
use crate::audit::By;
use crate::sessions::CustomerSession;
use crate::{Engine, Error, Result};

/// An event to be recorded: what was done to which thing, and what there is to tell of it.
pub(crate) type Told = (Action, Uuid, Vec<(&'static str, Value)>);

impl Engine {
    /// Runs a change by an admin of a customer, who is looked at again in its transaction, with the customer held: of two
    /// admins who remove each other one is there still.
    pub(crate) async fn own_change<T>(
        &self,
        person: &CustomerSession,
        work: impl AsyncFn(&Tx, Customer) -> Result<(T, Option<Told>)>,
    ) -> Result<T> {
        let scope = person.organization.scope();
        self.transaction(async |tx| {
            let holder = tx.customers(scope).lock(person.customer.id).await?.ok_or(Error::Unauthenticated)?;
            let session = tx.sessions(scope).find(person.session.id).await?;
            let user = tx.customer_users(scope).find(person.user.reference()).await?;
            let live = session.is_some_and(|session| session.is_live(self.now()));
            let user = user.filter(|_| live).ok_or(Error::Unauthenticated)?;
            if !user.is_admin() {
                return Err(Error::AdminsOnly);
            }
            let (done, told) = work(&tx, holder).await?;
            let Some((action, target, detail)) = told else { return Ok(done) };
            let by = By { actor: Account::CustomerUser(user.reference()).actor(), address: person.address };
            let recorded = self.record_for(&tx, scope, by, action, target, &detail).await?;
            tx.commit(recorded).await?;
            Ok(done)
        })
        .await
    }
}
