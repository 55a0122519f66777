//! Mail: written in the transaction of what it tells, sent by whoever claims it.

use keyward_domain::link::LinkPurpose;
use keyward_domain::permission::WriteMembers;
use keyward_domain::{
    Access, Action, Email, Link, LinkId, MailId, Member, MemberId, OrganizationId, OrganizationScope, Secret,
    SecretKind,
};
use keyward_storage::{Mail, Tx};
use serde_json::json;

use crate::member::NewMember;
use crate::provider::is_vouched_for;
use crate::{Engine, Error, Result, Thing};

/// After how many tries a mail is given up; the last comes a day after the first.
const MOST_ATTEMPTS: u32 = 12;

impl Engine {
    /// Adds a member and mails the link for the first password.
    pub async fn invite_member(&self, access: &Access<WriteMembers>, new: NewMember) -> Result<Member> {
        let member = self.create_member(access, new, None).await?.value;
        self.send_invitation(access, member.id).await?;
        Ok(member)
    }

    /// Mails a member the link for the first password, again if need be.
    pub async fn send_invitation(&self, access: &Access<WriteMembers>, id: MemberId) -> Result<()> {
        let scope = access.scope();
        let tx = self.store.write().await?;
        let member = tx.members(scope).find(id).await?.ok_or(Error::NotFound(Thing::Member))?;
        tx.links(scope).withdraw_all(id.uuid(), self.now()).await?;
        self.mail_member_link(&tx, &member, LinkPurpose::Invitation(id)).await?;
        let detail = [("email", json!(member.email))];
        self.record(&tx, access, Action::MemberInvited, id.uuid(), &detail).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The next mail to be sent, held back from other senders for a minute.
    pub async fn claim_mail(&self) -> Result<Option<Mail>> {
        let now = self.now();
        let tx = self.store.write().await?;
        let mail = tx.claim_mail(now, now.plus_seconds(60)).await?;
        if mail.is_some() {
            tx.commit().await?;
        }
        Ok(mail)
    }

    /// The mail was handed over.
    pub async fn mail_sent(&self, mail: &Mail) -> Result<()> {
        let tx = self.store.write().await?;
        tx.remove_mail(mail.id).await?;
        Ok(tx.commit().await?)
    }

    /// The mail could not be handed over: it is tried again later, and in the end given up. Whether it was.
    pub async fn mail_failed(&self, mail: &Mail) -> Result<bool> {
        let tx = self.store.write().await?;
        let given_up = mail.attempts + 1 >= MOST_ATTEMPTS;
        if given_up {
            tx.remove_mail(mail.id).await?;
        } else {
            let pause = 60_i64 << mail.attempts.min(11);
            tx.postpone_mail(mail.id, self.now().plus_seconds(pause)).await?;
        }
        tx.commit().await?;
        Ok(given_up)
    }

    pub(crate) async fn mail_member_link(
        &self,
        tx: &Tx,
        member: &Member,
        purpose: LinkPurpose,
    ) -> Result<()> {
        let organization =
            tx.organization_of(member.organization).await?.ok_or(Error::NotFound(Thing::Organization))?;
        let (name, vendor) = (&member.name, &organization.name);
        if is_vouched_for(tx, organization.scope(), member).await? {
            let url = format!("{}/sign-in/{}", self.issuer.as_str(), organization.slug);
            let subject = format!("Sign in to {vendor}");
            let body = format!(
                "Hello {name},\n\nyou sign in to {vendor} with your organization's account:\n\n{url}\n"
            );
            return self.mail(tx, organization.scope(), &member.email, subject, body).await;
        }
        let (link, secret) = self.new_link(organization.id, purpose);
        tx.links(organization.scope()).insert(&link).await?;
        let url = self.link_url(&secret);
        let (subject, body) = match purpose {
            LinkPurpose::PasswordReset(_) => (
                "Set a new password".to_owned(),
                format!(
                    "Hello {name},\n\nthis link sets a new password for {vendor}. It works once, for an hour:\n\n{url}\n\n\
                     If you did not ask for it, there is nothing to do.\n"
                ),
            ),
            _ => (
                format!("You are invited to {vendor}"),
                format!(
                    "Hello {name},\n\nyou are invited to {vendor}. This link sets your password. It works once, for 7 days:\n\n\
                     {url}\n"
                ),
            ),
        };
        self.mail(tx, organization.scope(), &member.email, subject, body).await
    }

    pub(crate) async fn mail(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        recipient: &Email,
        subject: String,
        body: String,
    ) -> Result<()> {
        let mail = Mail {
            id: self.id(MailId::new),
            recipient: recipient.clone(),
            subject,
            body,
            created_at: self.now(),
            attempts: 0,
        };
        Ok(tx.send_mail(scope, &mail).await?)
    }

    pub(crate) fn new_link(&self, organization: OrganizationId, purpose: LinkPurpose) -> (Link, Secret) {
        let kind = match purpose {
            LinkPurpose::Onboarding(_) => SecretKind::Onboarding,
            LinkPurpose::Invitation(_) | LinkPurpose::PasswordReset(_) | LinkPurpose::CustomerSignIn(_) => {
                SecretKind::Link
            }
        };
        let (now, secret) = (self.now(), Secret::new(kind, self.random()));
        let link = Link {
            id: self.id(LinkId::new),
            organization,
            purpose,
            hash: secret.hash(),
            created_at: now,
            expires_at: now.plus_seconds(purpose.lifetime()),
            used_at: None,
            // Onboarding links are also handed over by other means.
            mailed: !matches!(purpose, LinkPurpose::Onboarding(_)),
        };
        (link, secret)
    }

    pub(crate) fn link_url(&self, secret: &Secret) -> String {
        format!("{}/link/{}", self.issuer.as_str(), secret.expose())
    }
}
