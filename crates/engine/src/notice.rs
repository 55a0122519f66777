//! Mails about licenses and registry keys that are about to end. What was told is noted in the transaction that writes the mail, so
//! it is told once, however many servers there are; other terms are told of anew.

use std::collections::BTreeMap;

use keyward_domain::notice::{Audience, Ending, EndingKey, NoticeDays, Notices};
use keyward_domain::permission::{ReadOrganization, WriteOrganization};
use keyward_domain::{
    Access, Action, Customer, CustomerId, Email, Name, Organization, OrganizationId, OrganizationScope,
    OrganizationState, Role, Timestamp,
};
use keyward_storage::{Technical, Turn, Tx};
use serde_json::json;

use crate::audit::Differences;
use crate::change::unchanged;
use crate::jobs::ItemRun;
use crate::mail_text::{plain, vendor};
use crate::mails::{CustomerEnds, End, Ends};
use crate::{Engine, Error, Resource, Result};

/// How often an organization's turn comes.
const TURN_SECONDS: i64 = 60 * 60;

/// How many customers' licenses are told in one transaction.
const MOST_TOLD: u64 = 500;

/// How many licenses members are told of at once; the others follow the next day.
const MOST_IN_DIGEST: u64 = 2_000;

/// How many of them are named in the mail.
const MOST_NAMED: usize = 50;

/// How many admins of a customer are told.
const MOST_ADMINS_TOLD: u64 = 10;

/// What is to be told; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct NoticesChange {
    /// Whether owners and admins are told.
    pub members: Option<bool>,
    /// Whether customers are told.
    pub customers: Option<bool>,
    /// Whether owners and admins are told of alerts.
    pub alerts: Option<bool>,
    /// How long before the end.
    pub days: Option<NoticeDays>,
}

impl Engine {
    /// What is told by mail.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn notices(&self, access: &Access<ReadOrganization>) -> Result<Notices> {
        let found = self.store.read().await?.notices(access.scope()).find().await?;
        found.ok_or(Error::NotFound(Resource::Organization))
    }

    /// Changes what is told by mail.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn set_notices(
        &self,
        access: &Access<WriteOrganization>,
        update: NoticesChange,
        expected: Option<i64>,
    ) -> Result<Notices> {
        let scope = access.scope();
        self.change(access, async |change| {
            let known = change.notices(scope).lock().await?.ok_or(Error::NotFound(Resource::Organization))?;
            unchanged(known.version, expected)?;
            let notices = Notices {
                members: update.members.unwrap_or(known.members),
                customers: update.customers.unwrap_or(known.customers),
                alerts: update.alerts.unwrap_or(known.alerts),
                days: update.days.clone().unwrap_or_else(|| known.days.clone()),
                version: known.version + 1,
            };
            if (Notices { version: known.version, ..notices.clone() }) == known {
                return Ok(known);
            }
            change.notices(scope).save(&notices).await?;
            let detail = [
                ("members", json!(notices.members)),
                ("customers", json!(notices.customers)),
                ("alerts", json!(notices.alerts)),
                ("days", json!(notices.days)),
                Differences::default()
                    .of("members", &known.members, &notices.members)
                    .of("customers", &known.customers, &notices.customers)
                    .of("alerts", &known.alerts, &notices.alerts)
                    .of("days", &known.days, &notices.days)
                    .detail(),
            ];
            change.commit(Action::OrganizationNoticesSet, scope.id().uuid(), &detail).await?;
            Ok(notices)
        })
        .await
    }

    /// Writes the mails that one organization has to send now. One with which that fails waits for its next turn, so that it
    /// keeps no other waiting.
    pub async fn tell_endings(&self) -> Result<ItemRun<OrganizationId>> {
        let now = self.now();
        let tx = self.store.write().await?;
        let Some(id) = tx.next_turn(now, TURN_SECONDS).await? else { return Ok(ItemRun::Nothing) };
        let Err(error) = self.tell_endings_of(tx, id, now).await else { return Ok(ItemRun::Done(id)) };
        if error.is_passing() {
            return Err(error);
        }
        let tx = self.store.write().await?;
        tx.end_turn(id, now).await?;
        tx.commit_unrecorded(Technical::Turn).await?;
        Ok(ItemRun::Postponed(id, error))
    }

    async fn tell_endings_of(&self, tx: Tx, id: OrganizationId, now: Timestamp) -> Result<()> {
        let organization = tx.organization_of(id).await?;
        let organization = organization.ok_or(Error::NotFound(Resource::Organization))?;
        let turn = tx.notices(organization.scope()).take_turn(now).await?;
        let turn = turn.ok_or(Error::NotFound(Resource::Organization))?;
        if organization.state == OrganizationState::Active {
            // Servers differ about midnight; a day further ahead is of a wrong clock.
            let told = turn.digest_day == now.day() || turn.digest_day == now.day() + 1;
            if turn.notices.members && !told {
                self.tell_members(&tx, &organization, &turn).await?;
            }
            if turn.notices.customers {
                self.tell_customers(&tx, &organization, &turn).await?;
            }
        }
        tx.commit_unrecorded(Technical::Turn).await?;
        Ok(())
    }

    async fn tell_members(&self, tx: &Tx, organization: &Organization, turn: &Turn) -> Result<()> {
        let (scope, now) = (organization.scope(), self.now());
        let mut endings = Vec::new();
        for window in turn.notices.days.windows(now) {
            let left = MOST_IN_DIGEST.saturating_sub(endings.len() as u64);
            let found = tx.notices(scope).ending(Audience::Members, window, left).await?;
            tx.notices(scope).notified(Audience::Members, &found, window).await?;
            endings.extend(found);
        }
        let mut keys = Vec::new();
        for window in turn.notices.days.windows(now) {
            let left = MOST_IN_DIGEST.saturating_sub(keys.len() as u64);
            let found = tx.registry_keys(scope).ending(window, left).await?;
            tx.registry_keys(scope).notified(&found, window).await?;
            keys.extend(found);
        }
        if endings.is_empty() && keys.is_empty() {
            return Ok(());
        }
        endings.sort_by_key(|ending| ending.ends_at);
        keys.sort_by_key(|ending| ending.expires_at);
        let mut mail = Ends {
            name: String::new(),
            vendor: vendor(organization),
            licenses: self.license_ends(tx, scope, &endings).await?,
            more_licenses: endings.len().saturating_sub(MOST_NAMED),
            keys: self.key_ends(tx, scope, &keys).await?,
            more_keys: keys.len().saturating_sub(MOST_NAMED),
            settings: format!("{}/settings/notices", self.issuer.as_str()),
        };
        for member in tx.members(scope).with_roles(&[Role::Owner, Role::Admin]).await? {
            mail.name = plain(&member.name);
            self.mail(tx, scope, &member.email, &mail).await?;
        }
        Ok(tx.notices(scope).set_digest_day(now.day()).await?)
    }

    async fn license_ends(&self, tx: &Tx, scope: OrganizationScope, endings: &[Ending]) -> Result<Vec<End>> {
        let mut ends = Vec::new();
        for ending in endings.iter().take(MOST_NAMED) {
            let customer = match ending.customer {
                Some(id) => tx.customers(scope).find(id).await?,
                None => None,
            };
            ends.push(End {
                name: plain(&ending.name),
                holder: customer.map(|customer| plain(&customer.name)),
                end: ending.ends_at.as_end().to_string(),
                url: format!("{}/licenses/{}", self.issuer.as_str(), ending.license),
            });
        }
        Ok(ends)
    }

    async fn key_ends(&self, tx: &Tx, scope: OrganizationScope, keys: &[EndingKey]) -> Result<Vec<End>> {
        let mut ends = Vec::new();
        for ending in keys.iter().take(MOST_NAMED) {
            let registry = tx.registries(scope).find(ending.registry).await?;
            ends.push(End {
                name: plain(&ending.name),
                holder: registry.map(|registry| plain(&registry.name)),
                end: ending.expires_at.as_end().to_string(),
                url: format!("{}/registries/{}/keys", self.issuer.as_str(), ending.registry),
            });
        }
        Ok(ends)
    }

    async fn tell_customers(&self, tx: &Tx, organization: &Organization, turn: &Turn) -> Result<()> {
        let scope = organization.scope();
        let mut by_customer: BTreeMap<CustomerId, Vec<Ending>> = BTreeMap::new();
        for window in turn.notices.days.windows(self.now()) {
            // Those for whom there is no room today are told at another turn.
            let room = self.notices_left(tx, scope).await?.saturating_sub(by_customer.len() as u64);
            let found = tx.notices(scope).ending(Audience::Customer, window, MOST_TOLD.min(room)).await?;
            tx.notices(scope).notified(Audience::Customer, &found, window).await?;
            if found.len() as u64 == MOST_TOLD {
                tx.notices(scope).again().await?;
            }
            for ending in found {
                if let Some(customer) = ending.customer {
                    by_customer.entry(customer).or_default().push(ending);
                }
            }
        }
        let vendor = vendor(organization);
        for (customer, mut endings) in by_customer {
            let Some(customer) = tx.customers(scope).lock(customer).await? else { continue };
            endings.sort_by_key(|ending| ending.ends_at);
            let license = |ending: &Ending| (plain(&ending.name), ending.ends_at.as_end().to_string());
            let mut mail = CustomerEnds {
                name: String::new(),
                vendor: vendor.clone(),
                licenses: endings.iter().map(license).collect(),
                portal: format!("{}/portal", self.issuer.as_str()),
            };
            for (name, recipient) in self.customer_recipients(tx, scope, &customer).await? {
                if self.count_recipient(tx, scope, &recipient).await? {
                    mail.name = plain(&name);
                    self.mail(tx, scope, &recipient, &mail).await?;
                }
            }
        }
        Ok(())
    }

    /// Who is told of what concerns a customer: the admins, or the contact address where there is none.
    async fn customer_recipients(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        customer: &Customer,
    ) -> Result<Vec<(Name, Email)>> {
        self.follow_contact(tx, scope, customer).await?;
        let admins = tx.customer_users(scope).admins(customer.id, MOST_ADMINS_TOLD).await?;
        if admins.is_empty() {
            return Ok(vec![(customer.name.clone(), customer.email.clone())]);
        }
        Ok(admins.into_iter().map(|admin| (admin.name, admin.email)).collect())
    }
}
