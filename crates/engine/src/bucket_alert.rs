//! Products' daily buckets that are nearly used, and shares of them that are used up: told once a day, on pages and by mail.

use keyward_domain::permission::ReadProducts;
use keyward_domain::share::{Partition, Shares};
use keyward_domain::{
    Access, Action, Actor, BucketAlert, BucketAlertId, BucketFinding, Organization, OrganizationId,
    OrganizationState, Page, PageRequest, Product, ProductId, Role, ServerJob, Timestamp,
};
use keyward_storage::{PartitionUsage, Tx};
use serde_json::json;

use crate::mail_text::{plain, vendor};
use crate::mails::BucketAlertRaised;
use crate::{Engine, Error, Resource, Result, organization, product};

/// Who does what is told here.
const JOB: Actor = Actor::Job(ServerJob::BucketAlerts);

/// Of how many partitions is told in one step.
const MOST_TOLD: u64 = 100;

/// For so long after midnight, what the day before has left untold is told.
const AFTER_MIDNIGHT_SECONDS: i64 = 10 * 60;

impl Engine {
    /// What was told of the buckets of one product or of all, the latest first.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn bucket_alerts(
        &self,
        access: &Access<ReadProducts>,
        product: Option<ProductId>,
        page: PageRequest,
    ) -> Result<Page<BucketAlert>> {
        let tx = self.store.read().await?;
        if let Some(id) = product {
            product::find(&tx, access.scope(), id).await?;
        }
        Ok(tx.bucket_alerts(access.scope()).list(product, page).await?)
    }

    /// Tells of buckets that are nearly used or used up, and of shares that are used up. Gives how many times it did, and whether there
    /// may be more to tell.
    pub async fn tell_buckets(&self) -> Result<(u64, bool)> {
        let now = self.now();
        let yesterday = now.plus_seconds(-AFTER_MIDNIGHT_SECONDS).day();
        let (mut told, mut more) = (0, false);
        for day in (yesterday..=now.day()).rev() {
            let (buckets, shares) = self.untold(day, now).await?;
            more |= shares.len() as u64 == MOST_TOLD;
            for (organization, alert) in buckets {
                told += u64::from(self.tell(&organization, alert).await?);
            }
            for (organization, usage) in shares {
                told += u64::from(self.tell_share(organization, usage, now).await?);
            }
        }
        Ok((told, more))
    }

    /// What is to be told of a day: of buckets, and of partitions that were refused.
    async fn untold(
        &self,
        day: i64,
        now: Timestamp,
    ) -> Result<(Vec<(Organization, BucketAlert)>, Vec<(OrganizationId, PartitionUsage)>)> {
        let tx = self.store.read().await?;
        let (mut buckets, mut known) = (Vec::new(), None);
        for (id, product, used) in tx.usage_shares().counted(day).await? {
            // Those of one organization follow each other.
            let organization = match known.take() {
                Some((known, organization)) if known == id => organization,
                _ => tx.organization_of(id).await?,
            };
            if let Some(organization) = &organization
                && let Some(size) = organization.limits(now).validations_per_day
                && let Some(finding) = BucketFinding::of_bucket(used, size)
            {
                let alert = self.bucket_alert(organization, (product, day), finding, (used, size.into()));
                // Most of those that are nearly used are so for the rest of the day.
                if !tx.bucket_alerts(organization.scope()).is_kind_told(&alert).await? {
                    buckets.push((organization.clone(), alert));
                }
            }
            known = Some((id, organization));
        }
        Ok((buckets, tx.usage_shares().untold(day, MOST_TOLD).await?))
    }

    async fn tell_share(
        &self,
        organization: OrganizationId,
        usage: PartitionUsage,
        now: Timestamp,
    ) -> Result<bool> {
        let tx = self.store.read().await?;
        let Some(organization) = tx.organization_of(organization).await? else { return Ok(false) };
        let product = product::find(&tx, organization.scope(), usage.day.0).await?;
        drop(tx);
        let shares = Shares::new(organization.limits(now).validations_per_day, product.settings.shares);
        // Where it is larger now, or there is none, it was what was used of it.
        let size = shares.of(usage.partition.kind()).size.unwrap_or(usage.used).min(usage.used);
        let finding = BucketFinding::ShareUsedUp(usage.partition);
        let alert = self.bucket_alert(&organization, usage.day, finding, (usage.used, size));
        self.tell(&organization, alert).await
    }

    fn bucket_alert(
        &self,
        organization: &Organization,
        (product, day): (ProductId, i64),
        finding: BucketFinding,
        (used, size): (u64, u64),
    ) -> BucketAlert {
        let (id, organization, created_at) = (self.id(BucketAlertId::new), organization.id, self.now());
        BucketAlert { id, organization, product, day, finding, used, size, created_at }
    }

    /// Tells of something unless the same was told of that day. Mail tells of the first of a kind.
    async fn tell(&self, organization: &Organization, alert: BucketAlert) -> Result<bool> {
        let (tx, scope) = (self.store.write().await?, organization.scope());
        let mailed = tx.bucket_alerts(scope).is_kind_told(&alert).await?;
        if !tx.bucket_alerts(scope).insert(&alert).await? {
            return Ok(false);
        }
        let product = product::find(&tx, scope, alert.product).await?;
        if !mailed {
            self.mail_bucket_alert(&tx, organization, &product, &alert).await?;
        }
        let partition = alert.finding.partition();
        let detail = [
            ("kind", json!(alert.finding.kind().as_str())),
            ("partition", json!(partition.map(|partition| partition.kind().as_str()))),
            ("partition_key", json!(partition.map(Partition::key).filter(|key| !key.is_empty()))),
            ("used", json!(alert.used)),
            ("size", json!(alert.size)),
        ];
        let action = Action::BucketAlertRaised;
        let recorded = self.record_for(&tx, scope, JOB, action, alert.product.uuid(), &detail).await?;
        tx.commit(recorded).await?;
        Ok(true)
    }

    async fn mail_bucket_alert(
        &self,
        tx: &Tx,
        organization: &Organization,
        product: &Product,
        alert: &BucketAlert,
    ) -> Result<()> {
        let scope = organization.scope();
        let notices = tx.notices(scope).find().await?.ok_or(Error::NotFound(Resource::Organization))?;
        if !notices.alerts || organization.state != OrganizationState::Active {
            return Ok(());
        }
        let url = self.issuer.as_str();
        let license = match alert.finding.partition() {
            Some(Partition::License(id)) => tx.licenses(scope).find(id).await?,
            Some(Partition::Address(_) | Partition::UnknownKey) | None => None,
        };
        let (title, advice) = match alert.finding {
            BucketFinding::NearlyUsed => (
                "a product's validations of today are nearly used",
                "Once all are used, applications are refused until 00:00 UTC. The page shows who took the most; a larger plan has a larger bucket.",
            ),
            BucketFinding::UsedUp => (
                "a product's validations of today are used up",
                "Applications are refused until 00:00 UTC. The page shows who took the most; a larger plan has a larger bucket.",
            ),
            BucketFinding::ShareUsedUp(_) => (
                "a share of a product's validations of today is used up",
                "The rest of the bucket is left for the others. If one server of yours asks for all your customers, or a proxy hides their addresses, raise the share in the product's settings.",
            ),
        };
        for member in tx.members(scope).with_roles(&[Role::Owner, Role::Admin]).await? {
            let mail = BucketAlertRaised {
                name: plain(&member.name),
                vendor: vendor(organization),
                title,
                product: plain(&product.name),
                finding: alert.to_string(),
                license: license
                    .as_ref()
                    .map(|license| format!("{} ({url}/licenses/{})", plain(&license.name), license.id)),
                when: alert.created_at.to_string().chars().take(16).collect::<String>().replace('T', " "),
                advice,
                page: format!("{url}/products/{}", product.id),
                url: url.to_owned(),
            };
            self.mail(tx, scope, &member.email, &mail).await?;
        }
        Ok(())
    }
}

/// What is known of the bucket of one product on this day.
#[derive(Debug, Clone)]
pub struct BucketView {
    /// The day, in days since 1970-01-01 (UTC).
    pub day: i64,
    /// How many the bucket holds; `None` without limit.
    pub limit: Option<u32>,
    /// How many were let in.
    pub used: u64,
    /// How large shares are.
    pub shares: Shares,
    /// Those that took the most, by their number, as far as it has been written down: of each, a hundredth of its share may be missing.
    pub partitions: Vec<PartitionUsage>,
    /// What was told of it.
    pub alerts: Vec<BucketAlert>,
}

impl BucketView {
    /// How many partitions of each kind are shown.
    pub const MOST: usize = 10;

    /// Of one product, as it is at this moment.
    pub(crate) async fn of(tx: &Tx, product: &Product, now: Timestamp) -> Result<Self> {
        let (id, day, scope) = (product.id, now.day(), product.scope());
        let limit = organization::find(tx, scope).await?.limits(now).validations_per_day;
        let days = tx.usage(id).list(day, day).await?;
        let mut partitions = Vec::new();
        for kind in keyward_domain::share::PartitionKind::ALL {
            partitions.extend(tx.usage_shares().largest_of((id, day), kind, Self::MOST as u64).await?);
        }
        let told = tx.bucket_alerts(scope).list(Some(id), PageRequest { limit: 100, after: None }).await?;
        Ok(Self {
            day,
            limit,
            used: days.first().map_or(0, |day| day.used),
            shares: Shares::new(limit, product.settings.shares),
            partitions,
            alerts: told.newest().into_iter().filter(|alert| alert.day == day).collect(),
        })
    }

    /// How many percent of the bucket are used; `None` without limit.
    pub fn percent(&self) -> Option<u64> {
        let limit = u64::from(self.limit?);
        Some((self.used * 100).checked_div(limit).unwrap_or(100))
    }
}

impl Engine {
    /// The bucket of a product as it is now.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn product_bucket(&self, access: &Access<ReadProducts>, id: ProductId) -> Result<BucketView> {
        let tx = self.store.read().await?;
        let product = product::find(&tx, access.scope(), id).await?;
        BucketView::of(&tx, &product, self.now()).await
    }
}
