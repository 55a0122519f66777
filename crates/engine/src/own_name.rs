//! What people call themselves.

use keyward_domain::{Action, CustomerUser, Member, Name, Versioned as _};
use serde_json::json;

use crate::account::{Account, Person};
use crate::audit::{By, Differing as _};
use crate::own_change::Told;
use crate::{Engine, Error, Result, customer_user};

impl Engine {
    /// Changes the name of whoever is signed in, as others see it. It takes no right but to be there.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn rename_self(&self, person: impl Into<Person<'_>>, name: Name) -> Result<()> {
        let person = person.into();
        let (scope, account) = (person.scope(), person.account);
        self.transaction(async |tx| {
            let session = tx.sessions(scope).find(person.session.id).await?;
            if !session.is_some_and(|session| session.is_live(self.now())) {
                return Err(Error::Unauthenticated);
            }
            let told: Option<Told> = match account {
                Account::Member(id) => {
                    let before = tx.members(scope).lock(id).await?.ok_or(Error::Unauthenticated)?;
                    let member = Member {
                        name: name.clone(),
                        updated_at: self.now(),
                        version: before.version + 1,
                        ..before.clone()
                    };
                    if member.is_unchanged(&before) {
                        None
                    } else {
                        tx.members(scope).save(&member).await?;
                        let changes = member.differences(&before).detail();
                        let detail =
                            vec![("email", json!(member.email)), ("role", json!(member.role)), changes];
                        Some((Action::MemberUpdated, id.uuid(), detail))
                    }
                }
                Account::CustomerUser(of) => {
                    let holder =
                        tx.customers(scope).find(of.customer).await?.ok_or(Error::Unauthenticated)?;
                    let before = tx.customer_users(scope).lock(of).await?.ok_or(Error::Unauthenticated)?;
                    let user = CustomerUser {
                        name: name.clone(),
                        updated_at: self.now(),
                        version: before.version + 1,
                        ..before.clone()
                    };
                    if user.is_unchanged(&before) {
                        None
                    } else {
                        tx.customer_users(scope).save(&user).await?;
                        Some(customer_user::updated(&holder, &before, &user))
                    }
                }
            };
            let Some((action, target, detail)) = told else { return Ok(()) };
            let by = By { actor: account.actor(), address: person.address };
            let recorded = self.record_for(&tx, scope, by, action, target, &detail).await?;
            tx.commit(recorded).await?;
            Ok(())
        })
        .await
    }
}
