//! Mail: written in the transaction of what it tells, sent by whoever claims it.

use askama::Template;
use keyward_domain::job::Backoff;
use keyward_domain::link::LinkPurpose;
use keyward_domain::permission::WriteMembers;
use keyward_domain::{
    Access, Action, Email, Link, LinkId, MailId, Member, MemberId, Organization, OrganizationId,
    OrganizationScope, Secret, SecretKind, Timestamp,
};
use keyward_storage::{MailBody, QueuedMail, Technical, Tx};
use serde_json::json;

use crate::change::Change;
use crate::mail_limit::Counted;
use crate::mail_text::{plain, vendor};
use crate::mails::{Invitation, PasswordReset, ProviderSignIn, Text};
use crate::member::{self, NewMember};
use crate::provider::is_vouched_for;
use crate::vault::{Place, SealError};
use crate::{Engine, Error, Result};

/// When a mail is tried again: the last of twelve tries comes a day after the first.
const BACKOFF: Backoff = Backoff { first: 60, longest: 60 << 12, most: Some(12) };

/// For how many seconds a sender has a mail to itself.
const LEASE_SECONDS: i64 = 60;

/// A mail to be handed over.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its id.
    pub id: MailId,
    /// To whom.
    pub recipient: Email,
    /// Its subject, on one line.
    pub subject: String,
    /// Its text, which may hold a link.
    pub body: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// How often it was tried before.
    pub attempts: u32,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("id", &self.id).field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl Engine {
    /// Adds a member and mails the link for the first password.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn invite_member(&self, access: &Access<WriteMembers>, new: NewMember) -> Result<Member> {
        let member = self.new_member(access.scope(), new);
        self.change(access, async |change| {
            self.insert_member(&change, access, &member).await?;
            self.mail_invitation(change, &member).await?;
            Ok(member.clone())
        })
        .await
    }

    /// Mails a member the link for the first password, again if need be. The one mailed before is dead, so owners are
    /// invited by who may do what concerns owners.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn send_invitation(&self, access: &Access<WriteMembers>, id: MemberId) -> Result<()> {
        self.change(access, async |change| {
            let access = &self.lock_roles(&change, access).await?;
            let member = member::lock(&change, change.scope(), id).await?;
            self.owners_for_owners(&change, access, member.role).await?;
            self.mail_invitation(change, &member).await
        })
        .await
    }

    /// Mails the link for the first password, which ends the change.
    async fn mail_invitation(&self, change: Change<'_>, member: &Member) -> Result<()> {
        let scope = change.scope();
        let counted = self.count_vendor_mail(&change, scope, &member.email).await?;
        let organization = self.home(&change, member).await?;
        change.links(scope).withdraw_all(member.id.uuid(), self.now()).await?;
        let purpose = LinkPurpose::Invitation(member.id);
        self.mail_member_link(&change, counted, &organization, member, purpose).await?;
        change.commit(Action::MemberInvited, member.id.uuid(), &[("email", json!(member.email))]).await
    }

    /// The next mail to be sent, held back from other senders for a minute.
    pub async fn claim_mail(&self) -> Result<Option<Mail>> {
        let now = self.now();
        let again = now.plus_seconds(LEASE_SECONDS);
        let tx = self.store.write().await?;
        let Some(mail) = tx.claim_mail(now, again, BACKOFF.longest).await? else {
            return Ok(None);
        };
        tx.commit_unrecorded(Technical::Mail).await?;
        match self.unsealed(&mail) {
            Ok(body) => Ok(Some(Mail {
                id: mail.id,
                recipient: mail.recipient,
                subject: mail.subject,
                body,
                created_at: mail.created_at,
                attempts: mail.attempts,
            })),
            Err(error) => {
                self.mail_tried(mail.id, mail.attempts).await?;
                Err(error)
            }
        }
    }

    /// The mail was handed over.
    pub async fn mail_sent(&self, mail: &Mail) -> Result<()> {
        let tx = self.store.write().await?;
        tx.remove_mail(mail.id).await?;
        Ok(tx.commit_unrecorded(Technical::Mail).await?)
    }

    /// The mail can't be handed over, however often it is tried.
    pub async fn mail_undeliverable(&self, mail: &Mail) -> Result<()> {
        self.mail_sent(mail).await
    }

    /// The mail could not be handed over: it is tried again later, and in the end given up. Whether it was.
    pub async fn mail_failed(&self, mail: &Mail) -> Result<bool> {
        self.mail_tried(mail.id, mail.attempts).await
    }

    async fn mail_tried(&self, id: MailId, attempts: u32) -> Result<bool> {
        let tx = self.store.write().await?;
        let pause = BACKOFF.pause(attempts + 1);
        match pause {
            Some(pause) => tx.postpone_mail(id, self.now().plus_seconds(pause)).await?,
            None => tx.remove_mail(id).await?,
        }
        tx.commit_unrecorded(Technical::Mail).await?;
        Ok(pause.is_none())
    }

    pub(crate) async fn mail_member_link(
        &self,
        tx: &Tx,
        counted: Counted,
        organization: &Organization,
        member: &Member,
        purpose: LinkPurpose,
    ) -> Result<()> {
        let (name, vendor) = (plain(&member.name), vendor(organization));
        if is_vouched_for(tx, organization.scope(), member).await? {
            let url = format!("{}/sign-in/{}", self.issuer.as_str(), organization.slug);
            return self.queue_mail(tx, counted, &member.email, &ProviderSignIn { name, vendor, url }).await;
        }
        let (link, secret) = self.new_link(organization.id, purpose);
        tx.links(organization.scope()).insert(&link).await?;
        let url = self.link_url(&secret);
        match purpose {
            LinkPurpose::PasswordReset(_) => {
                self.queue_mail(tx, counted, &member.email, &PasswordReset { name, vendor, url }).await
            }
            _ => self.queue_mail(tx, counted, &member.email, &Invitation { name, vendor, url }).await,
        }
    }

    /// Tells someone of the organization, or a customer, what has happened. Beyond what an organization may have told in
    /// a day, nothing is written.
    pub(crate) async fn mail(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        recipient: &Email,
        mail: &impl Template,
    ) -> Result<()> {
        match self.count_notice(tx, scope).await? {
            Some(counted) => self.queue_mail(tx, counted, recipient, mail).await,
            None => Ok(()),
        }
    }

    /// Puts a mail on its way that was counted before, if mail can be sent to the recipient. Its text is sealed: it may
    /// hold a link.
    pub(crate) async fn queue_mail(
        &self,
        tx: &Tx,
        counted: Counted,
        recipient: &Email,
        mail: &impl Template,
    ) -> Result<()> {
        let (id, organization) = (self.id(MailId::new), counted.organization());
        if let Err(why) = recipient.for_mail() {
            tracing::warn!(%organization, why = %why.message, "a mail is not written: none can be sent to its recipient");
            return Ok(());
        }
        let Text { subject, body } = Text::of(mail);
        let place = Place::Mail(organization, id);
        let sealed = self.vault.seal_text(&place, body.as_bytes(), &self.seal_entropy());
        let mail = QueuedMail {
            id,
            organization,
            recipient: recipient.clone(),
            subject,
            body: MailBody::Sealed(sealed.map_err(|source| fault(id, source))?),
            created_at: self.now(),
            attempts: 0,
        };
        Ok(tx.send_mail(&mail).await?)
    }

    fn unsealed(&self, mail: &QueuedMail) -> Result<String> {
        let sealed = match &mail.body {
            MailBody::Sealed(sealed) => sealed,
            MailBody::Clear(text) => return Ok(text.clone()),
        };
        let place = Place::Mail(mail.organization, mail.id);
        let text = self.vault.open_text(&place, sealed).map_err(|source| fault(mail.id, source))?;
        String::from_utf8(text.to_vec()).map_err(|_| fault(mail.id, SealError::Mismatch))
    }

    pub(crate) fn new_link(&self, organization: OrganizationId, purpose: LinkPurpose) -> (Link, Secret) {
        let kind = match purpose {
            LinkPurpose::Onboarding(_) => SecretKind::Onboarding,
            LinkPurpose::Invitation(_)
            | LinkPurpose::PasswordReset(_)
            | LinkPurpose::CustomerInvitation(_)
            | LinkPurpose::CustomerPasswordReset(_)
            | LinkPurpose::CustomerSignIn(_) => SecretKind::Link,
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

    /// The address at which people and programs reach this service.
    pub fn public_url(&self) -> &str {
        self.issuer.as_str()
    }

    pub(crate) fn link_url(&self, secret: &Secret) -> String {
        format!("{}/link/{}", self.issuer.as_str(), secret.expose())
    }
}

fn fault(id: MailId, source: SealError) -> Error {
    Error::Key { kid: format!("mail {id}"), source }
}
