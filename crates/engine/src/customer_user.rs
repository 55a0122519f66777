//! The users of customers: added, changed and removed by the vendor, or by the customer's own admins.

use keyward_domain::link::LinkPurpose;
use keyward_domain::permission::{ReadCustomers, WriteCustomers};
use keyward_domain::{
    Access, Action, Customer, CustomerId, CustomerRole, CustomerUser, CustomerUserId, CustomerUserRef,
    CustomerUserStatus, Email, Idempotency, Name, OrganizationScope, Page, PageRequest, Versioned,
};
use keyward_storage::{StorageError, Tx, Unique};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::account::{Account, CredentialChange};
use crate::audit::{By, Differing as _};
use crate::authenticator::without_second_factor;
use crate::change::{Change, unchanged};
use crate::identity::Whose;
use crate::mail_limit::Counted;
use crate::mail_text::{plain, vendor};
use crate::mails::CustomerInvitation;
use crate::own_change::Told;
use crate::sessions::CustomerSession;
use crate::{Done, Engine, Error, Resource, Result, customer, organization};

/// A user to be invited.
#[derive(Debug, Clone)]
pub struct NewCustomerUser {
    /// Where the person is reached.
    pub email: Email,
    /// As shown to others.
    pub name: Name,
    /// What the person may do.
    pub role: CustomerRole,
}

/// What is to be changed; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct CustomerUserChange {
    /// The new name.
    pub name: Option<Name>,
    /// The new role.
    pub role: Option<CustomerRole>,
}

/// Who changes a customer's users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Changer {
    Vendor,
    /// One of them. They always leave an admin.
    Admin,
}

impl Engine {
    /// The users of a customer, the newest first.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn customer_users(
        &self,
        access: &Access<ReadCustomers>,
        customer: CustomerId,
        page: PageRequest,
    ) -> Result<Page<CustomerUser>> {
        let scope = access.scope();
        self.with_contact(scope, customer).await?;
        Ok(self.store.read().await?.customer_users(scope).list(customer, page).await?)
    }

    /// The users of all customers, the newest first.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn users_of_customers(
        &self,
        access: &Access<ReadCustomers>,
        page: PageRequest,
    ) -> Result<Page<CustomerUser>> {
        Ok(self.store.read().await?.customer_users(access.scope()).list_all(page).await?)
    }

    /// One user of a customer.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn customer_user(
        &self,
        access: &Access<ReadCustomers>,
        of: CustomerUserRef,
    ) -> Result<CustomerUser> {
        let tx = self.store.read().await?;
        customer::find(&tx, access.scope(), of.customer).await?;
        find(&tx, access.scope(), of).await
    }

    /// Whether a user has a second factor.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn has_second_factor(
        &self,
        access: &Access<ReadCustomers>,
        of: CustomerUserRef,
    ) -> Result<bool> {
        let tx = self.store.read().await?;
        let known = tx.customer_users(access.scope()).credentials(of).await?;
        Ok(known.is_some_and(|known| known.authenticator.is_some()))
    }

    /// Adds a user, and mails an invitation.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn invite_customer_user(
        &self,
        access: &Access<WriteCustomers>,
        customer: CustomerId,
        new: NewCustomerUser,
        once: Option<&Idempotency>,
    ) -> Result<Done<CustomerUser>> {
        let scope = access.scope();
        let user = self.new_customer_user(scope, customer, new);
        let earlier = async |change: Change<'_>, id: Uuid| {
            find(&change, scope, CustomerUserRef { customer, user: id.into() }).await
        };
        self.change_once(access, once, earlier, async |change| {
            let holder = customer::lock(&change, scope, customer).await?;
            self.follow_contact(&change, scope, &holder).await?;
            let counted = self.count_vendor_mail(&change, scope, &user.email).await?;
            let told = self.add_customer_user(&change, scope, (&holder, &user), counted).await?;
            commit(change, told).await?;
            Ok(user.clone())
        })
        .await
    }

    /// Mails an invitation again. The one before is dead.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn invite_customer_user_again(
        &self,
        access: &Access<WriteCustomers>,
        of: CustomerUserRef,
    ) -> Result<()> {
        let scope = access.scope();
        self.change(access, async |change| {
            let holder = customer::lock(&change, scope, of.customer).await?;
            let user = lock(&change, scope, of).await?;
            let counted = self.count_vendor_mail(&change, scope, &user.email).await?;
            let told = self.invite_again(&change, scope, (&holder, user), counted).await?;
            commit(change, told).await
        })
        .await
    }

    /// Changes the name or role of a user, from the very next request on. The vendor may leave a customer without an admin.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn update_customer_user(
        &self,
        access: &Access<WriteCustomers>,
        of: CustomerUserRef,
        update: CustomerUserChange,
        expected: Option<i64>,
    ) -> Result<CustomerUser> {
        let scope = access.scope();
        self.change(access, async |change| {
            let holder = customer::lock(&change, scope, of.customer).await?;
            let before = lock(&change, scope, of).await?;
            unchanged(before.version, expected)?;
            match self.put_customer_user(&change, scope, &holder, (&before, &update), Changer::Vendor).await?
            {
                Some((user, told)) => {
                    commit(change, told).await?;
                    Ok(user)
                }
                None => Ok(before),
            }
        })
        .await
    }

    /// Removes a user, whose sessions end at once. The vendor may leave a customer without any.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn delete_customer_user(
        &self,
        access: &Access<WriteCustomers>,
        of: CustomerUserRef,
        expected: Option<i64>,
    ) -> Result<()> {
        let scope = access.scope();
        self.change(access, async |change| {
            let holder = customer::lock(&change, scope, of.customer).await?;
            let user = lock(&change, scope, of).await?;
            unchanged(user.version, expected)?;
            let told = self.remove_customer_user(&change, scope, (&holder, &user), Changer::Vendor).await?;
            commit(change, told).await
        })
        .await
    }

    /// Removes the second factor of a user who has lost it; their sessions end. Refused where there is none.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn reset_customer_second_factor(
        &self,
        access: &Access<WriteCustomers>,
        of: CustomerUserRef,
    ) -> Result<()> {
        let (scope, account) = (access.scope(), Account::CustomerUser(of));
        self.change(access, async |change| {
            customer::lock(&change, scope, of.customer).await?;
            if account.lock_credentials(&change, scope).await?.authenticator.is_none() {
                return Err(Error::Transition("there is no second factor".to_owned()));
            }
            let by = (By::of(access), CredentialChange::AuthenticatorRemoved);
            let (_, recorded) =
                self.change_credentials(&change, scope, account, by, without_second_factor).await?;
            change.commit_as(of.user.uuid(), recorded).await
        })
        .await
    }

    /// The users of the customer of someone who is signed in.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn own_users(&self, person: &CustomerSession, page: PageRequest) -> Result<Page<CustomerUser>> {
        let tx = self.store.read().await?;
        Ok(tx.customer_users(person.organization.scope()).list(person.customer.id, page).await?)
    }

    /// One of them, if there is.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn own_user(
        &self,
        person: &CustomerSession,
        id: CustomerUserId,
    ) -> Result<Option<CustomerUser>> {
        let tx = self.store.read().await?;
        let of = CustomerUserRef { customer: person.customer.id, user: id };
        Ok(tx.customer_users(person.organization.scope()).find(of).await?)
    }

    /// Adds a user for an admin of the same customer, and mails an invitation.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn invite_own_user(
        &self,
        person: &CustomerSession,
        new: NewCustomerUser,
    ) -> Result<CustomerUser> {
        let scope = person.organization.scope();
        let user = self.new_customer_user(scope, person.customer.id, new);
        self.own_change(person, async |tx, holder| {
            self.admins_confirm(tx, person, &[user.role]).await?;
            let counted = self.count_customer_mail(tx, scope, holder.id, &user.email).await?;
            let told = self.add_customer_user(tx, scope, (&holder, &user), counted).await?;
            Ok((user.clone(), Some(told)))
        })
        .await
    }

    /// Mails an invitation again for an admin of the same customer.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn invite_own_user_again(&self, person: &CustomerSession, id: CustomerUserId) -> Result<()> {
        let scope = person.organization.scope();
        self.own_change(person, async |tx, holder| {
            let user = lock(tx, scope, CustomerUserRef { customer: holder.id, user: id }).await?;
            self.admins_confirm(tx, person, &[user.role]).await?;
            let counted = self.count_customer_mail(tx, scope, holder.id, &user.email).await?;
            let told = self.invite_again(tx, scope, (&holder, user), counted).await?;
            Ok(((), Some(told)))
        })
        .await
    }

    /// Changes the name or role of a user for an admin of the same customer, who may be that user. An admin stays.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn update_own_user(
        &self,
        person: &CustomerSession,
        id: CustomerUserId,
        update: CustomerUserChange,
    ) -> Result<CustomerUser> {
        let (scope, by) = (person.organization.scope(), Changer::Admin);
        self.own_change(person, async |tx, holder| {
            let before = lock(tx, scope, CustomerUserRef { customer: holder.id, user: id }).await?;
            let role = update.role.unwrap_or(before.role);
            self.admins_confirm(tx, person, &[before.role, role]).await?;
            Ok(match self.put_customer_user(tx, scope, &holder, (&before, &update), by).await? {
                Some((user, told)) => (user, Some(told)),
                None => (before, None),
            })
        })
        .await
    }

    /// Removes a user for an admin of the same customer, who may be that user. An admin stays.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn delete_own_user(&self, person: &CustomerSession, id: CustomerUserId) -> Result<()> {
        let (scope, by) = (person.organization.scope(), Changer::Admin);
        self.own_change(person, async |tx, holder| {
            let user = lock(tx, scope, CustomerUserRef { customer: holder.id, user: id }).await?;
            self.admins_confirm(tx, person, &[user.role]).await?;
            let told = self.remove_customer_user(tx, scope, (&holder, &user), by).await?;
            Ok(((), Some(told)))
        })
        .await
    }

    /// Goes on only if the person has shown lately who they are, where admins are made, changed or removed: another admin
    /// would outlive a stolen cookie.
    async fn admins_confirm(&self, tx: &Tx, person: &CustomerSession, roles: &[CustomerRole]) -> Result<()> {
        if !roles.contains(&CustomerRole::Admin) {
            return Ok(());
        }
        let session = tx.sessions(person.organization.scope()).find(person.session.id).await?;
        let confirmed = session.is_some_and(|session| session.is_confirmed(self.now()));
        if confirmed { Ok(()) } else { Err(Error::Unconfirmed) }
    }

    async fn add_customer_user(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        (holder, user): (&Customer, &CustomerUser),
        counted: Counted,
    ) -> Result<Told> {
        tx.customer_users(scope).insert(user).await.map_err(taken)?;
        self.mail_customer_invitation(tx, scope, (holder, user), counted).await?;
        Ok(invited(holder, user))
    }

    async fn invite_again(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        (holder, user): (&Customer, CustomerUser),
        counted: Counted,
    ) -> Result<Told> {
        if user.status() == CustomerUserStatus::Active {
            return Err(Error::Transition("this user has accepted the invitation before".to_owned()));
        }
        // By when they were last invited, those who do not come are removed.
        let user = CustomerUser { updated_at: self.now(), version: user.version + 1, ..user };
        tx.customer_users(scope).save(&user).await?;
        self.mail_customer_invitation(tx, scope, (holder, &user), counted).await?;
        Ok(invited(holder, &user))
    }

    async fn mail_customer_invitation(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        (holder, user): (&Customer, &CustomerUser),
        counted: Counted,
    ) -> Result<()> {
        tx.links(scope).withdraw_of_user(user.id, self.now()).await?;
        let (link, secret) = self.new_link(scope.id(), LinkPurpose::CustomerInvitation(user.reference()));
        tx.links(scope).insert(&link).await?;
        let mail = CustomerInvitation {
            name: plain(&user.name),
            customer: plain(&holder.name),
            vendor: vendor(&organization::find(tx, scope).await?),
            url: self.link_url(&secret),
        };
        self.queue_mail(tx, counted, &user.email, &mail).await
    }

    async fn put_customer_user(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        holder: &Customer,
        (before, update): (&CustomerUser, &CustomerUserChange),
        by: Changer,
    ) -> Result<Option<(CustomerUser, Told)>> {
        let user = CustomerUser {
            name: update.name.clone().unwrap_or_else(|| before.name.clone()),
            role: update.role.unwrap_or(before.role),
            updated_at: self.now(),
            version: before.version + 1,
            ..before.clone()
        };
        if user.is_unchanged(before) {
            return Ok(None);
        }
        if user.role != CustomerRole::Admin {
            an_admin_stays(tx, scope, before, by).await?;
        }
        tx.customer_users(scope).save(&user).await?;
        let told = updated(holder, before, &user);
        Ok(Some((user, told)))
    }

    async fn remove_customer_user(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        (holder, user): (&Customer, &CustomerUser),
        by: Changer,
    ) -> Result<Told> {
        an_admin_stays(tx, scope, user, by).await?;
        self.end_proofs(tx, scope, Whose::CustomerUser(user.reference())).await?;
        tx.customer_users(scope).delete(user.id).await?;
        Ok((Action::CustomerUserDeleted, user.id.uuid(), about(holder, user)))
    }

    fn new_customer_user(
        &self,
        scope: OrganizationScope,
        customer: CustomerId,
        new: NewCustomerUser,
    ) -> CustomerUser {
        let now = self.now();
        CustomerUser {
            id: self.id(CustomerUserId::new),
            organization: scope.id(),
            customer,
            email: new.email,
            name: new.name,
            role: new.role,
            joined_at: None,
            signed_in_at: None,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// Sees to it that there is a user for the contact address of a customer that a server made which knows of no users.
    pub(crate) async fn with_contact(&self, scope: OrganizationScope, id: CustomerId) -> Result<()> {
        let tx = self.store.read().await?;
        let customer = customer::find(&tx, scope, id).await?;
        let known = tx.customer_users(scope).contact_key(id).await?;
        drop(tx);
        if known.as_deref() == Some(customer.email.key().as_str()) {
            return Ok(());
        }
        let tx = self.store.write().await?;
        let customer = customer::lock(&tx, scope, id).await?;
        self.follow_contact(&tx, scope, &customer).await?;
        Ok(tx.commit_unrecorded(keyward_storage::Technical::Upgrade).await?)
    }
}

/// Where the users themselves decide, one admin who has joined stays.
async fn an_admin_stays(tx: &Tx, scope: OrganizationScope, user: &CustomerUser, by: Changer) -> Result<()> {
    match by {
        Changer::Vendor => Ok(()),
        Changer::Admin if !user.is_admin() => Ok(()),
        Changer::Admin => {
            let another = tx.customer_users(scope).another_admin(user.reference()).await?;
            if another { Ok(()) } else { Err(Error::LastAdmin) }
        }
    }
}

fn invited(holder: &Customer, user: &CustomerUser) -> Told {
    (Action::CustomerUserInvited, user.id.uuid(), about(holder, user))
}

/// What is told of a user who was changed.
pub(crate) fn updated(holder: &Customer, before: &CustomerUser, user: &CustomerUser) -> Told {
    let mut detail = about(holder, user);
    detail.push(user.differences(before).detail());
    (Action::CustomerUserUpdated, user.id.uuid(), detail)
}

fn about(holder: &Customer, user: &CustomerUser) -> Vec<(&'static str, Value)> {
    vec![
        ("name", json!(user.name)),
        ("email", json!(user.email)),
        ("role", json!(user.role)),
        ("customer", json!(holder.name)),
        ("customer_id", json!(holder.id)),
    ]
}

async fn commit(change: Change<'_>, (action, target, detail): Told) -> Result<()> {
    change.commit(action, target, &detail).await
}

async fn find(tx: &Tx, scope: OrganizationScope, of: CustomerUserRef) -> Result<CustomerUser> {
    tx.customer_users(scope).find(of).await?.ok_or(Error::NotFound(Resource::CustomerUser))
}

async fn lock(tx: &Tx, scope: OrganizationScope, of: CustomerUserRef) -> Result<CustomerUser> {
    tx.customer_users(scope).lock(of).await?.ok_or(Error::NotFound(Resource::CustomerUser))
}

fn taken(error: StorageError) -> Error {
    match error {
        StorageError::Unique(Unique::CustomerUserEmail) => {
            Error::Taken { resource: Resource::CustomerUser, field: "email" }
        }
        other => other.into(),
    }
}
