//! How many mails an organization may write, counted in the transactions that write them.

use keyward_domain::{CustomerId, Email, OrganizationId, OrganizationScope, Timestamp};
use keyward_storage::{MailCount, Tx};

use crate::{Engine, Error, Result};

const HOUR_SECONDS: i64 = 60 * 60;

/// How many mails there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailLimits {
    /// Of one organization in a day (UTC): invitations and links that its members send; and as many notices.
    pub organization_per_day: u64,
    /// Of those that its members send, to one recipient.
    pub recipient_per_day: u64,
    /// Of invitations that the admins of one customer send.
    pub customer_per_day: u64,
    /// That one recipient may ask for in an hour, of one organization.
    pub requests_per_hour: u64,
}

impl Default for MailLimits {
    fn default() -> Self {
        Self {
            organization_per_day: 1_000,
            recipient_per_day: 20,
            customer_per_day: 50,
            requests_per_hour: 5,
        }
    }
}

/// Which limit of mail an organization has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MailLimitReached {
    /// That of its own.
    #[error("your organization has sent the {0} mails that it may send in a day")]
    Organization(u64),
    /// That of one customer.
    #[error("your company has sent the {0} invitations that it may send in a day")]
    Customer(u64),
    /// That of one recipient.
    #[error("this recipient was sent the {0} mails that your organization may send to one in a day")]
    Recipient(u64),
}

/// A mail that was counted, and may be written.
#[derive(Debug)]
pub(crate) struct Counted(OrganizationId);

impl Counted {
    pub(crate) fn organization(&self) -> OrganizationId {
        self.0
    }
}

impl Engine {
    /// Counts a mail that a member of the organization has sent. Refused where mail can't be sent to.
    pub(crate) async fn count_vendor_mail(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        recipient: &Email,
    ) -> Result<Counted> {
        if let Err(invalid) = recipient.for_mail() {
            return Err(Error::Transition(format!("the address {recipient} {}", invalid.message)));
        }
        let (limits, now) = (self.mail_limits, self.now());
        let retry_after = now.seconds_to_midnight();
        let most = limits.organization_per_day;
        if !count(tx, scope, MailCount::Organization, (day(now), most)).await? {
            return Err(Error::MailLimit { limit: MailLimitReached::Organization(most), retry_after });
        }
        let most = limits.recipient_per_day;
        if !count(tx, scope, MailCount::Recipient(recipient), (day(now), most)).await? {
            return Err(Error::MailLimit { limit: MailLimitReached::Recipient(most), retry_after });
        }
        Ok(Counted(scope.id()))
    }

    /// Counts an invitation that an admin of a customer has sent, who is to leave room for the vendor's own mails.
    pub(crate) async fn count_customer_mail(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        customer: CustomerId,
        recipient: &Email,
    ) -> Result<Counted> {
        let now = self.now();
        let (most, retry_after) = (self.mail_limits.customer_per_day, now.seconds_to_midnight());
        if !count(tx, scope, MailCount::Customer(customer), (day(now), most)).await? {
            return Err(Error::MailLimit { limit: MailLimitReached::Customer(most), retry_after });
        }
        self.count_vendor_mail(tx, scope, recipient).await
    }

    /// Counts a mail that its recipient has asked for, or someone in their name; `None` if there were too many. That does
    /// not use up what the organization may send.
    pub(crate) async fn count_request(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        recipient: &Email,
    ) -> Result<Option<Counted>> {
        let window = (hour(self.now()), self.mail_limits.requests_per_hour);
        let may = count(tx, scope, MailCount::Request(recipient), window).await?;
        Ok(may.then(|| Counted(scope.id())))
    }

    /// Counts a mail in which the server tells of something; `None` if there were too many. What members send does not
    /// use these up, or alerts could be kept from those who should see them.
    pub(crate) async fn count_notice(&self, tx: &Tx, scope: OrganizationScope) -> Result<Option<Counted>> {
        let window = (day(self.now()), self.mail_limits.organization_per_day);
        let may = count(tx, scope, MailCount::Notices, window).await?;
        Ok(may.then(|| Counted(scope.id())))
    }

    /// Counts a notice to a customer, whose address the vendor has chosen and may share with many; whether it may be sent.
    pub(crate) async fn count_recipient(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        recipient: &Email,
    ) -> Result<bool> {
        let window = (day(self.now()), self.mail_limits.recipient_per_day);
        count(tx, scope, MailCount::Recipient(recipient), window).await
    }

    /// For how many more notices there is room today.
    pub(crate) async fn notices_left(&self, tx: &Tx, scope: OrganizationScope) -> Result<u64> {
        let used = tx.mail_counts(scope).lock(MailCount::Notices, day(self.now())).await?;
        Ok(self.mail_limits.organization_per_day.saturating_sub(used))
    }
}

async fn count(
    tx: &Tx,
    scope: OrganizationScope,
    what: MailCount<'_>,
    (since, most): (Timestamp, u64),
) -> Result<bool> {
    let counts = tx.mail_counts(scope);
    let used = counts.lock(what, since).await?;
    if used >= most {
        return Ok(false);
    }
    counts.save(what, since, used + 1).await?;
    Ok(true)
}

fn day(now: Timestamp) -> Timestamp {
    now.plus_seconds(now.seconds_to_midnight() - 24 * HOUR_SECONDS)
}

fn hour(now: Timestamp) -> Timestamp {
    now.plus_seconds(-(now.unix() % HOUR_SECONDS))
}
