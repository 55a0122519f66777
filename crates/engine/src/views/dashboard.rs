//! What needs attention, in numbers over everything that an organization has.

use keyward_domain::permission::ReadLicenses;
use keyward_domain::{Access, License, LicenseFilter, LicenseStatus};

use crate::{Engine, Result};

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
    /// How things stand now, with the `most` licenses that end first. Who sees the licenses may know how many customers
    /// and products there are.
    pub async fn overview(&self, access: &Access<ReadLicenses>, most: u64) -> Result<Overview> {
        let (tx, now, scope) = (self.store.read().await?, self.now(), access.scope());
        let active = LicenseFilter { status: Some(LicenseStatus::Active), ..LicenseFilter::default() };
        let until = now.plus_days(Overview::SOON_DAYS);
        let (ending, soon) = tx.licenses(scope).ending(now, until, most).await?;
        let (first, today) = (now.day() - Overview::DAYS + 1, now.day());
        let used = tx.products(scope).usage(first, today).await?;
        let used_on = |day| used.iter().find(|(used, _)| *used == day).map_or(0, |(_, used)| *used);
        Ok(Overview {
            products: tx.products(scope).count().await?.into(),
            customers: tx.customers(scope).count().await?,
            active: tx.licenses(scope).count(&active, now).await?,
            ending,
            soon,
            days: (first..=today).map(|day| (day, used_on(day))).collect(),
        })
    }
}
