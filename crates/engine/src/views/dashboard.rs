//! What needs attention, in numbers over everything that an organization has.

use keyward_domain::permission::{ReadAuditEvents, ReadLicenses, ReadProducts, ReadRegistries};
use keyward_domain::{
    Access, AlertStatus, AuditFilter, Feature, License, OrganizationScope, PageRequest, RecordedEvent,
    Timestamp,
};
use keyward_storage::{AlertFilter, Tx};

use super::beside;
use crate::{Engine, Result, organization};

/// What the dashboard shows.
#[derive(Debug, Clone)]
pub struct DashboardView {
    /// How things stand.
    pub overview: Overview,
    /// The newest events. `None` also where the plan does not include the audit log.
    pub events: Option<Vec<RecordedEvent>>,
    /// How many alerts nobody has acknowledged.
    pub open_alerts: Option<u64>,
    /// How many times something was told of products' buckets of today. `None` for who may not see products.
    pub bucket_alerts: Option<usize>,
}

/// How things stand at an organization.
#[derive(Debug, Clone)]
pub struct Overview {
    /// How many products there are, the archived ones too.
    pub products: u64,
    /// How many customers there are.
    pub customers: u64,
    /// How many licenses are active.
    pub active: u64,
    /// How many of those end within [`Overview::SOON_DAYS`].
    pub ending: u64,
    /// The first of them to end.
    pub soon: Vec<License>,
    /// How often the products were asked on each of the last [`Overview::DAYS`] days, today's last.
    pub days: Vec<(i64, u64)>,
}

impl Overview {
    /// Licenses that end within so many days end soon.
    pub const SOON_DAYS: i64 = 30;

    /// For so many days usage is given.
    pub const DAYS: i64 = 30;

    /// How often the products were asked today (UTC).
    pub fn today(&self) -> u64 {
        self.days.last().map_or(0, |(_, used)| *used)
    }
}

impl Engine {
    /// The dashboard, with at most `most` licenses that end soon and `most` events.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn dashboard_view(&self, access: &Access<ReadLicenses>, most: u32) -> Result<DashboardView> {
        let (tx, now, scope) = (self.store.read().await?, self.now(), access.scope());
        let organization = organization::find(&tx, scope).await?;
        let events = match beside::<ReadAuditEvents, _>(access) {
            Some(scope) if organization.limits(now).includes(Feature::AuditLog) => Some(
                tx.audit(scope)
                    .list(&AuditFilter::default(), PageRequest { limit: most, after: None })
                    .await?
                    .newest(),
            ),
            Some(_) | None => None,
        };
        let open = AlertFilter { status: Some(AlertStatus::Open), ..AlertFilter::default() };
        let open_alerts = match beside::<ReadRegistries, _>(access) {
            Some(scope) => Some(tx.alerts(scope).count(open).await?),
            None => None,
        };
        let bucket_alerts = match beside::<ReadProducts, _>(access) {
            Some(scope) => {
                let told =
                    tx.bucket_alerts(scope).list(None, PageRequest { limit: 100, after: None }).await?;
                Some(told.newest().iter().filter(|alert| alert.day == now.day()).count())
            }
            None => None,
        };
        let overview = overview(&tx, scope, now, most).await?;
        Ok(DashboardView { overview, events, open_alerts, bucket_alerts })
    }

    /// How things stand now. Who sees the licenses may know how many customers and products there are.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn overview(&self, access: &Access<ReadLicenses>) -> Result<Overview> {
        overview(&self.store.read().await?, access.scope(), self.now(), 0).await
    }
}

/// How things stand at `now`, with the `most` licenses that end first.
async fn overview(tx: &Tx, scope: OrganizationScope, now: Timestamp, most: u32) -> Result<Overview> {
    let until = now.plus_days(Overview::SOON_DAYS);
    let (ending, soon) = tx.licenses(scope).ending(now, until, most.into()).await?;
    let (first, today) = (now.day() - Overview::DAYS + 1, now.day());
    let used = tx.products(scope).usage(first, today).await?;
    let used_on = |day| used.iter().find(|(used, _)| *used == day).map_or(0, |(_, used)| *used);
    Ok(Overview {
        products: tx.products(scope).count().await?.into(),
        customers: tx.customers(scope).count().await?,
        active: tx.licenses(scope).count_active(now).await?,
        ending,
        soon,
        days: (first..=today).map(|day| (day, used_on(day))).collect(),
    })
}
