//! Takes a person's data out of what is kept. What they hold stays: licenses name their holder by an id.

use keyward_domain::permission::WriteOwners;
use keyward_domain::{
    Access, Action, Actor, CustomerId, CustomerUserRef, Email, Member, MemberId, Name, OrganizationScope,
    PageRequest, Role, Slug,
};
use keyward_storage::{Person, Recorded, Technical, Tx};
use serde_json::json;
use uuid::Uuid;

use crate::audit::By;
use crate::identity::Whose;
use crate::member::{another_owner, one_of};
use crate::{ConfirmedCaller, Engine, Error, Resource, Result};

/// Whose data is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Customer,
    CustomerUser(CustomerId),
    Member,
}

impl Engine {
    /// Takes the name, the address and the notes of a customer out of what is kept, and removes their users likewise. Their
    /// licenses stay as they are.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn erase_customer(
        &self,
        access: &Access<WriteOwners>,
        caller: &ConfirmedCaller<'_>,
        id: CustomerId,
    ) -> Result<()> {
        let scope = access.scope();
        let found = self.change(access, async |change| {
            caller.hold(self, &change, access).await?;
            change.customers(scope).find(id).await?.ok_or(Error::NotFound(Resource::Customer))
        });
        let found = found.await?;
        self.erase_users_of(scope, id, &found.email, By::of(access)).await?;
        let person = person(Kind::Customer, Some((id.uuid(), found.name)), found.email)?;
        let after = self.leave_log(scope, &person).await?;
        self.change(access, async |change| {
            caller.hold(self, &change, access).await?;
            let recorded = self.leave(&change, scope, Kind::Customer, &person, after, By::of(access)).await?;
            change.commit_as(id.uuid(), recorded).await
        })
        .await
    }

    /// Removes a user of a customer, and takes their name and address out of what is kept.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn erase_customer_user(
        &self,
        access: &Access<WriteOwners>,
        caller: &ConfirmedCaller<'_>,
        of: CustomerUserRef,
    ) -> Result<()> {
        let scope = access.scope();
        let found = self.change(access, async |change| {
            caller.hold(self, &change, access).await?;
            change.customers(scope).find(of.customer).await?.ok_or(Error::NotFound(Resource::Customer))?;
            change.customer_users(scope).find(of).await?.ok_or(Error::NotFound(Resource::CustomerUser))
        });
        let user = found.await?;
        let kind = Kind::CustomerUser(of.customer);
        let person = person(kind, Some((of.user.uuid(), user.name)), user.email)?;
        let after = self.leave_log(scope, &person).await?;
        self.change(access, async |change| {
            caller.hold(self, &change, access).await?;
            let recorded = self.leave(&change, scope, kind, &person, after, By::of(access)).await?;
            change.commit_as(of.user.uuid(), recorded).await
        })
        .await
    }

    /// Erases the users of a customer that is erased. That the contact goes is told with the customer.
    async fn erase_users_of(
        &self,
        scope: OrganizationScope,
        customer: CustomerId,
        contact: &Email,
        by: By,
    ) -> Result<()> {
        loop {
            let page = PageRequest { limit: PageRequest::MOST, after: None };
            let found = self.store.read().await?.customer_users(scope).list(customer, page).await?;
            let (users, _) = found.into_parts();
            if users.is_empty() {
                return Ok(());
            }
            for user in users {
                let (kind, known) = (Kind::CustomerUser(customer), Some((user.id.uuid(), user.name)));
                if !user.email.is(contact) {
                    self.erase_known(scope, kind, known, user.email, by).await?;
                    continue;
                }
                let person = person(kind, known, user.email)?;
                let after = self.leave_log(scope, &person).await?;
                let tx = self.store.write().await?;
                self.take_out(&tx, scope, kind, &person, after).await?;
                tx.commit_unrecorded(Technical::Erasure).await?;
            }
        }
    }

    async fn erase_known(
        &self,
        scope: OrganizationScope,
        kind: Kind,
        known: Option<(Uuid, Name)>,
        email: Email,
        by: By,
    ) -> Result<()> {
        let person = person(kind, known, email)?;
        let after = self.leave_log(scope, &person).await?;
        let tx = self.store.write().await?;
        let recorded = self.leave(&tx, scope, kind, &person, after, by).await?;
        Ok(tx.commit(recorded).await?)
    }

    /// Removes a member, and takes their name and address out of what is kept.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn erase_member(
        &self,
        access: &Access<WriteOwners>,
        caller: &ConfirmedCaller<'_>,
        id: MemberId,
    ) -> Result<()> {
        let scope = access.scope();
        let found = self.change(access, async |change| {
            caller.hold(self, &change, access).await?;
            let member = change.members(scope).find(id).await?.ok_or(Error::NotFound(Resource::Member))?;
            may_go(&change, scope, &member).await?;
            Ok(member)
        });
        let member = found.await?;
        let person = person(Kind::Member, Some((id.uuid(), member.name)), member.email)?;
        let after = self.leave_log(scope, &person).await?;
        self.change(access, async |change| {
            let held = self.lock_roles(&change, access).await?;
            caller.hold(self, &change, access).await?;
            let recorded = self.leave(&change, scope, Kind::Member, &person, after, By::of(&held)).await?;
            change.commit_as(id.uuid(), recorded).await
        })
        .await
    }

    /// The same at the operator's command line, of all customers with an address, also of those that were deleted, and of
    /// users of other customers with that address. Gives how many there were.
    pub async fn operator_erases_customers(&self, slug: &Slug, email: &Email) -> Result<usize> {
        let scope = self.scope_named(slug).await?;
        let tx = self.store.read().await?;
        let found = tx.erasure(scope).customers(email).await?;
        let mut users = tx.erasure(scope).customer_users(email).await?;
        let mut former = tx.erasure(scope).former("customer_user", email).await?;
        drop(tx);
        former.retain(|(id, _)| !users.iter().any(|(of, _)| of.user.uuid() == *id));
        users.retain(|(of, _)| !found.iter().any(|(id, _)| of.customer.uuid() == *id));
        let count = found.len() + users.len();
        for (of, name) in users {
            let (kind, known) = (Kind::CustomerUser(of.customer), Some((of.user.uuid(), name)));
            self.erase_known(scope, kind, known, email.clone(), Actor::Operator.into()).await?;
        }
        for (id, name) in former {
            // Of whichever customer: their row is gone.
            let kind = Kind::CustomerUser(CustomerId::from(Uuid::nil()));
            self.erase_known(scope, kind, Some((id, name)), email.clone(), Actor::Operator.into()).await?;
        }
        for known in found {
            self.erase_users_of(scope, known.0.into(), email, Actor::Operator.into()).await?;
            let person = person(Kind::Customer, Some(known), email.clone())?;
            let after = self.leave_log(scope, &person).await?;
            let tx = self.store.write().await?;
            let recorded =
                self.leave(&tx, scope, Kind::Customer, &person, after, Actor::Operator.into()).await?;
            tx.commit(recorded).await?;
        }
        if count == 0 {
            return Err(Error::NotFound(Resource::Customer));
        }
        Ok(count)
    }

    /// The same at the operator's command line, of a member; of one who was removed before, the logs are left. Whether there
    /// was one.
    pub async fn operator_erases_member(&self, slug: &Slug, email: &Email) -> Result<bool> {
        let scope = self.scope_named(slug).await?;
        let tx = self.store.read().await?;
        let member = one_of(tx.members(scope).by_email(email).await?, email);
        if let Some(member) = &member {
            may_go(&tx, scope, member).await?;
        }
        let mut known: Vec<_> = match &member {
            Some(member) => vec![Some((member.id.uuid(), member.name.clone()))],
            None => tx.erasure(scope).former("member", email).await?.into_iter().map(Some).collect(),
        };
        drop(tx);
        if known.is_empty() {
            known.push(None);
        }
        for known in known {
            let person = person(Kind::Member, known, email.clone())?;
            let after = self.leave_log(scope, &person).await?;
            let tx = self.store.write().await?;
            tx.organizations().lock(scope).await?;
            let by = Actor::Operator.into();
            let recorded = self.leave(&tx, scope, Kind::Member, &person, after, by).await?;
            tx.commit(recorded).await?;
        }
        Ok(member.is_some())
    }

    async fn scope_named(&self, slug: &Slug) -> Result<OrganizationScope> {
        let found = self.store.read().await?.organizations().by_slug(slug).await?;
        Ok(found.ok_or(Error::NotFound(Resource::Organization))?.scope())
    }

    /// Takes a person out of the log, a part at a time. The person's own row goes last: who is stopped half-way begins
    /// again with the same address.
    async fn leave_log(&self, scope: OrganizationScope, person: &Person) -> Result<i64> {
        let mut after = i64::MIN;
        loop {
            let tx = self.store.write().await?;
            let Some(last) = tx.erasure(scope).leave_log(person, after).await? else { return Ok(after) };
            tx.commit_unrecorded(Technical::Erasure).await?;
            after = last;
        }
    }

    /// Takes a person out of all else, and of what the log was told since the line of this number, and records that.
    async fn leave(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        kind: Kind,
        person: &Person,
        after: i64,
        by: By,
    ) -> Result<Recorded> {
        let action = self.take_out(tx, scope, kind, person, after).await?;
        let detail = [("name", json!(person.pseudonym))];
        self.record_for(tx, scope, by, action, person.id, &detail).await
    }

    async fn take_out(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        kind: Kind,
        person: &Person,
        mut after: i64,
    ) -> Result<Action> {
        let erasure = tx.erasure(scope);
        while let Some(last) = erasure.leave_log(person, after).await? {
            after = last;
        }
        let mut told = Uuid::nil();
        while let Some(last) = erasure.leave_outbox(person, told).await? {
            told = last;
        }
        erasure.remove_mails(person).await?;
        Ok(match (kind, person.id) {
            (Kind::Customer, Some(id)) => {
                self.end_proofs(tx, scope, Whose::Customer(id.into())).await?;
                erasure.leave_customer(person).await?;
                Action::CustomerErased
            }
            (Kind::CustomerUser(customer), Some(id)) => {
                let of = CustomerUserRef { customer, user: id.into() };
                self.end_proofs(tx, scope, Whose::CustomerUser(of)).await?;
                tx.customer_users(scope).delete(of.user).await?;
                Action::CustomerUserErased
            }
            (Kind::Member, Some(id)) => {
                if let Some(member) = tx.members(scope).lock(id.into()).await? {
                    may_go(tx, scope, &member).await?;
                    let nameless = Member { name: person.pseudonym.clone(), ..member };
                    tx.tokens(scope).keep_maker(&nameless).await?;
                    self.end_proofs(tx, scope, Whose::Member(id.into())).await?;
                    tx.members(scope).delete(id.into()).await?;
                }
                erasure.leave_tokens(person).await?;
                Action::MemberErased
            }
            (Kind::Customer, None) => Action::CustomerErased,
            (Kind::CustomerUser(_), None) => Action::CustomerUserErased,
            (Kind::Member, None) => Action::MemberErased,
        })
    }
}

/// The last owner stays.
async fn may_go(tx: &Tx, scope: OrganizationScope, member: &Member) -> Result<()> {
    if member.role == Role::Owner { another_owner(tx, scope).await } else { Ok(()) }
}

fn person(kind: Kind, known: Option<(Uuid, Name)>, email: Email) -> Result<Person> {
    let (id, name) = known.unzip();
    let hex = id.map(|id| id.simple().to_string()).unwrap_or_default();
    let (noun, tail) = match kind {
        Kind::Customer => ("Erased customer", hex.get(20..).unwrap_or_default()),
        Kind::CustomerUser(_) => ("Erased user", hex.get(20..).unwrap_or_default()),
        Kind::Member => ("Erased member", hex.get(20..).unwrap_or_default()),
    };
    let pseudonym =
        format!("{noun} {tail}").trim().parse().map_err(|invalid| Error::field("name", invalid))?;
    let address = if tail.is_empty() {
        "erased@erased.invalid".to_owned()
    } else {
        format!("erased-{tail}@erased.invalid")
    };
    let pseudonymous_email = address.parse().map_err(|invalid| Error::field("email", invalid))?;
    Ok(Person { id, name, email, pseudonym, pseudonymous_email })
}
