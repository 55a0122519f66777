//! How the users of customers sign in: by a mailed link, or by address and password; and what links from mail open to them.

use keyward_domain::attempt::AccountKey;
use keyward_domain::link::LinkPurpose;
use keyward_domain::session::SessionHolder;
use keyward_domain::{
    Action, Actor, CustomerUser, CustomerUserRef, CustomerUserStatus, Email, OrganizationScope, Secret,
};
use keyward_storage::{Credentials, Recorded, Technical, Tx};
use serde_json::json;

use crate::account::{Account, CredentialChange};
use crate::attempt::Attempt;
use crate::mail_text::{plain, vendor};
use crate::mails::{CustomerPasswordReset, CustomerSignIn};
use crate::password::Password;
use crate::sessions::{ClientInfo, SignIn, SignedIn};
use crate::{Engine, Error, Resource, Result, customer};

/// What an invitation is to, for the page that asks whether to accept it.
#[derive(Debug, Clone)]
pub struct InvitationTo {
    /// The customer.
    pub customer: keyward_domain::Name,
    /// Whose customer.
    pub organization: keyward_domain::Name,
}

/// What comes of opening a link that signs in.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
pub enum LinkOpened {
    /// Signed in.
    Done(SignedIn),
    /// The code of the authenticator app is missing or wrong. The link can still be opened.
    CodeNeeded,
}

impl LinkOpened {
    /// The session, if one was begun.
    pub fn signed_in(self) -> Option<SignedIn> {
        match self {
            Self::Done(signed_in) => Some(signed_in),
            Self::CodeNeeded => None,
        }
    }
}

impl Engine {
    /// Signs a user of a customer in by address and password, and the code of the authenticator app where there is one.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn customer_sign_in(
        &self,
        email: &Email,
        password: Password,
        code: Option<&str>,
        client: ClientInfo,
    ) -> Result<SignIn> {
        let refused = |outcome: &Result<SignIn>| !matches!(outcome, Ok(SignIn::Done(_)));
        let judge = async {
            let found = self.store.read().await?.customer_users_by_email(email).await?;
            let candidate = |(user, credentials): (CustomerUser, Credentials)| {
                let account = Account::CustomerUser(user.reference());
                (account, user.scope(), credentials)
            };
            let found = found.into_iter().map(candidate).collect();
            self.judge_sign_in(AccountKey::of_customer_user(email), found, (password, code), client).await
        };
        self.evenly(judge, refused).await
    }

    /// Mails a link to sign in to the users of customers with this address. Whether there are any is not told.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn request_customer_sign_in(&self, email: &Email) -> Result<()> {
        self.evenly(self.mail_customer_links(email, LinkPurpose::CustomerSignIn), |_| true).await
    }

    /// Mails a link for a password to the users of customers with this address. Whether there are any is not told.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn request_customer_password(&self, email: &Email) -> Result<()> {
        self.evenly(self.mail_customer_links(email, LinkPurpose::CustomerPasswordReset), |_| true).await
    }

    async fn mail_customer_links(
        &self,
        email: &Email,
        purpose: fn(CustomerUserRef) -> LinkPurpose,
    ) -> Result<()> {
        // For addresses that nobody has, nothing is written, nor a writer kept waiting.
        let tx = self.store.read().await?;
        let (found, behind) = (tx.customer_users_by_email(email).await?, tx.customers_behind(email).await?);
        if found.is_empty() && behind.is_empty() {
            return Ok(());
        }
        drop(tx);
        let tx = self.store.write().await?;
        for customer in behind {
            let scope = customer.scope();
            if let Some(customer) = tx.customers(scope).lock(customer.id).await? {
                self.follow_contact(&tx, scope, &customer).await?;
            }
        }
        for (user, _) in tx.customer_users_by_email(email).await? {
            self.mail_customer_link(&tx, &user, purpose(user.reference())).await?;
        }
        tx.commit_unrecorded(Technical::MailedLink).await?;
        Ok(())
    }

    async fn mail_customer_link(&self, tx: &Tx, user: &CustomerUser, purpose: LinkPurpose) -> Result<()> {
        let Some(organization) = tx.organization_of(user.organization).await? else { return Ok(()) };
        let scope = organization.scope();
        let Some(counted) = self.count_request(tx, scope, &user.email).await? else { return Ok(()) };
        let (link, secret) = self.new_link(organization.id, purpose);
        tx.links(scope).insert(&link).await?;
        let (name, vendor, url) = (plain(&user.name), vendor(&organization), self.link_url(&secret));
        if let LinkPurpose::CustomerPasswordReset(_) = purpose {
            let mail = CustomerPasswordReset { name, vendor, url };
            self.queue_mail(tx, counted, &user.email, &mail).await
        } else {
            self.queue_mail(tx, counted, &user.email, &CustomerSignIn { name, vendor, url }).await
        }
    }

    /// Opens a link that signs a user of a customer in. Where there is a second factor the link alone is not enough.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn open_customer_link(
        &self,
        secret: &Secret,
        code: Option<&str>,
        client: ClientInfo,
    ) -> Result<LinkOpened> {
        self.transaction(async |tx| {
            let (link, scope) = self.open(&tx, secret).await?;
            let LinkPurpose::CustomerSignIn(of) = link.purpose else { return Err(Error::LinkGone) };
            let user = joined(&tx, scope, of).await?;
            let account = Account::CustomerUser(of);
            if account.lock_credentials(&tx, scope).await?.authenticator.is_some() {
                let Some(code) = code else { return Ok(LinkOpened::CodeNeeded) };
                let key = account.key(&user.email);
                let source = self.source_for(&[account.uuid()], key, &client);
                let attempt = Attempt { account: key, source, exists: true, alone: true };
                self.begin_code(&tx, &attempt).await?;
                if !self.take_code(&tx, scope, account, code).await? {
                    // The link is as it was, and the wrong code counts.
                    tx.links(scope).save(&keyward_domain::Link { used_at: None, ..link }).await?;
                    tx.commit_unrecorded(Technical::Attempts).await?;
                    return Ok(LinkOpened::CodeNeeded);
                }
                self.attempt_succeeded(&tx, &attempt, true).await?;
            }
            let (signed_in, recorded) = self.customer_session(&tx, scope, of, &client).await?;
            tx.commit(recorded).await?;
            Ok(LinkOpened::Done(signed_in))
        })
        .await
    }

    /// What an invitation is to, without accepting it.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn invitation_to(&self, link: &keyward_domain::Link) -> Result<InvitationTo> {
        let LinkPurpose::CustomerInvitation(of) = link.purpose else { return Err(Error::LinkGone) };
        let tx = self.store.read().await?;
        let organization = tx.organization_of(link.organization).await?.ok_or(Error::LinkGone)?;
        let customer = tx.customers(organization.scope()).find(of.customer).await?.ok_or(Error::LinkGone)?;
        Ok(InvitationTo { customer: customer.name, organization: organization.name })
    }

    /// Accepts an invitation, once: of two who try, one does. Sets a password if one is given, and begins a session.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn join_customer(
        &self,
        secret: &Secret,
        password: Option<Password>,
        client: ClientInfo,
    ) -> Result<SignedIn> {
        self.openable_link(secret).await?;
        let hash = match password {
            Some(password) => Some(self.hash_password(password).await?),
            None => None,
        };
        self.transaction(async |tx| {
            let (link, scope) = self.open(&tx, secret).await?;
            let LinkPurpose::CustomerInvitation(of) = link.purpose else { return Err(Error::LinkGone) };
            let customer = customer::find(&tx, scope, of.customer).await.map_err(|_| Error::LinkGone)?;
            let user = tx.customer_users(scope).lock(of).await?.ok_or(Error::LinkGone)?;
            if user.status() == CustomerUserStatus::Active {
                return Err(Error::LinkGone);
            }
            let now = self.now();
            let joined =
                CustomerUser { joined_at: Some(now), updated_at: now, version: user.version + 1, ..user };
            tx.customer_users(scope).save(&joined).await?;
            let account = Account::CustomerUser(of);
            if let Some(hash) = &hash {
                let password = Some(hash.clone());
                let known = account.lock_credentials(&tx, scope).await?;
                account.set_credentials(&tx, scope, &Credentials { password, ..known }).await?;
            }
            let detail = [
                ("name", json!(joined.name)),
                ("role", json!(joined.role)),
                ("customer", json!(customer.name)),
                ("customer_id", json!(customer.id)),
            ];
            let (by, action) = (client.by(account.actor()), Action::CustomerUserJoined);
            self.record_for(&tx, scope, by, action, of.user.uuid(), &detail).await?;
            let (signed_in, recorded) = self.customer_session(&tx, scope, of, &client).await?;
            tx.commit(recorded).await?;
            Ok(signed_in)
        })
        .await
    }

    /// Opens a link for a password: sets it, ends all sessions, and begins one; `None` where the second factor is still to
    /// be shown.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn open_customer_password_link(
        &self,
        secret: &Secret,
        password: Password,
        client: ClientInfo,
    ) -> Result<Option<SignedIn>> {
        self.openable_link(secret).await?;
        let hash = self.hash_password(password).await?;
        self.transaction(async |tx| {
            let (link, scope) = self.open(&tx, secret).await?;
            let LinkPurpose::CustomerPasswordReset(of) = link.purpose else { return Err(Error::LinkGone) };
            joined(&tx, scope, of).await?;
            let account = Account::CustomerUser(of);
            let by = (client.by(account.actor()), CredentialChange::Password);
            let change = |known| Credentials { password: Some(hash.clone()), ..known };
            let (_, recorded) = self.change_credentials(&tx, scope, account, by, change).await?;
            if account.lock_credentials(&tx, scope).await?.authenticator.is_some() {
                tx.commit(recorded).await?;
                return Ok(None);
            }
            let (signed_in, recorded) = self.customer_session(&tx, scope, of, &client).await?;
            tx.commit(recorded).await?;
            Ok(Some(signed_in))
        })
        .await
    }

    /// Begins a session of a customer's user, who is held.
    pub(crate) async fn customer_session(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        of: CustomerUserRef,
        client: &ClientInfo,
    ) -> Result<(SignedIn, Recorded)> {
        let user = tx.customer_users(scope).find(of).await?.ok_or(Error::NotFound(Resource::CustomerUser))?;
        let device = self.device_cookie(Account::CustomerUser(of), &user.email, client.device.as_deref());
        let signed_in = self.begin(tx, scope, SessionHolder::CustomerUser(of), client).await?;
        tx.customer_users(scope).signed_in(of.user, self.now()).await?;
        let (by, action) = (client.by(Actor::CustomerUser(of.user)), Action::CustomerSignedIn);
        let recorded = self.record_for(tx, scope, by, action, of.customer.uuid(), &[]).await?;
        Ok((SignedIn { device: Some(device), ..signed_in }, recorded))
    }
}

/// A user who has joined, of a customer that is there.
async fn joined(tx: &Tx, scope: OrganizationScope, of: CustomerUserRef) -> Result<CustomerUser> {
    tx.customers(scope).find(of.customer).await?.ok_or(Error::LinkGone)?;
    let found = tx.customer_users(scope).lock(of).await?;
    found.filter(|user| user.status() == CustomerUserStatus::Active).ok_or(Error::LinkGone)
}
