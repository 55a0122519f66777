//! What licenses are used for, as vendors see it.

use std::collections::BTreeMap;

use keyward_domain::license_use::{LicenseActivity, SeenVersion, UseDays};
use keyward_domain::permission::{ReadCustomers, ReadLicenses, ReadProducts};
use keyward_domain::{
    Access, CustomerId, License, LicenseId, OrganizationScope, Page, PageRequest, ProductId, Timestamp,
};
use keyward_storage::{LicenseRunning, Named, Tx, UsedBy, VersionInUse};

use crate::{Engine, Result, customer, license, product};

/// The most versions of a product that are listed.
const MOST_VERSIONS: u32 = 200;

/// What a license is used for.
#[derive(Debug, Clone)]
pub struct LicenseUse {
    /// The day it is, counted from 1970-01-01 (UTC).
    pub today: i64,
    /// When it was validated; `None` if it never was.
    pub activity: Option<LicenseActivity>,
    /// What was done on each day.
    pub days: UseDays,
    /// The versions that have validated it, the last seen first.
    pub versions: Vec<SeenVersion>,
    /// How many addresses are registered.
    pub addresses: usize,
    /// How many there may be; `None` for no limit.
    pub max_ips: Option<u32>,
}

/// What all licenses of a customer are used for.
#[derive(Debug, Clone)]
pub struct CustomerUse {
    /// The day it is, counted from 1970-01-01 (UTC).
    pub today: i64,
    /// When any of them was last validated; `None` if none ever was.
    pub last_validated_at: Option<Timestamp>,
    /// What was done on each day.
    pub days: UseDays,
}

impl Engine {
    /// What a license was used for today and in the `days` before.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn license_use(
        &self,
        access: &Access<ReadLicenses>,
        id: LicenseId,
        days: u32,
    ) -> Result<LicenseUse> {
        let (tx, scope) = (self.store.read().await?, access.scope());
        let license = license::find(&tx, scope, id).await?;
        let addresses = tx.addresses(id).list().await?.len();
        self.use_of(&tx, scope, (&license, addresses), days).await
    }

    /// The same in a transaction, of a license that was found, with how many addresses it has.
    pub(crate) async fn use_of(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        (license, addresses): (&License, usize),
        days: u32,
    ) -> Result<LicenseUse> {
        let (today, known) = (self.now().day(), tx.license_use(scope));
        Ok(LicenseUse {
            today,
            activity: known.activity(&[license.id]).await?.remove(&license.id),
            days: known.days(UsedBy::License(license.id), today - i64::from(days), today).await?,
            versions: known.versions(license.id).await?,
            addresses,
            max_ips: license.bounds.max_ips.filter(|most| *most > 0),
        })
    }

    /// What all licenses of a customer were used for today and in the `days` before.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn customer_use(
        &self,
        access: &Access<ReadLicenses>,
        id: CustomerId,
        days: u32,
    ) -> Result<CustomerUse> {
        let tx = self.store.read().await?;
        customer::find(&tx, access.scope(), id).await?;
        self.use_of_customer(&tx, access.scope(), id, days).await
    }

    /// The same in a transaction, of a customer who was found.
    pub(crate) async fn use_of_customer(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        id: CustomerId,
        days: u32,
    ) -> Result<CustomerUse> {
        let (today, known) = (self.now().day(), tx.license_use(scope));
        Ok(CustomerUse {
            today,
            last_validated_at: known.last_validated(&[id]).await?.remove(&id),
            days: known.days(UsedBy::Customer(id), today - i64::from(days), today).await?,
        })
    }

    /// Which versions of a product have validated its licenses today and in the `days` before, the last seen first.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn versions_in_use(
        &self,
        access: &Access<ReadProducts>,
        id: ProductId,
        days: u32,
    ) -> Result<Vec<VersionInUse>> {
        let (tx, scope) = (self.store.read().await?, access.scope());
        product::find(&tx, scope, id).await?;
        let since = self.now().plus_days(-i64::from(days));
        Ok(tx.license_use(scope).versions_of_product(id, since, MOST_VERSIONS).await?)
    }

    /// Which licenses a version has validated today and in the `days` before, with the names of who holds them; `None` for requests
    /// that named no version.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn licenses_running(
        &self,
        access: &Access<ReadLicenses>,
        id: ProductId,
        version: Option<&str>,
        days: u32,
        page: PageRequest,
    ) -> Result<(Page<LicenseRunning>, BTreeMap<CustomerId, Named>)> {
        let (tx, scope) = (self.store.read().await?, access.scope());
        product::find(&tx, scope, id).await?;
        let since = self.now().plus_days(-i64::from(days));
        let found = tx.license_use(scope).licenses_running(id, version, since, page).await?;
        let (running, next) = found.into_parts();
        let mut customers: Vec<_> = running.iter().filter_map(|running| running.customer).collect();
        customers.sort_unstable();
        customers.dedup();
        let names = match access.also::<ReadCustomers>() {
            Ok(access) => tx.names(access.scope()).customers(&customers).await?,
            Err(_) => BTreeMap::new(),
        };
        Ok((Page::new(running, next), names))
    }
}
