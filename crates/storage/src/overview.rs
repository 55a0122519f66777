//! Numbers over everything, counted where the rows are.

use keyward_domain::{License, LicenseFilter, LicenseStatus, OrganizationScope, Timestamp};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::license::{self, row as licenses};
use crate::product::row as products;
use crate::revision::row as terms;
use crate::usage::row as usage;
use crate::{Customers, Licenses, Products, Result};

impl Customers<'_> {
    /// How many there are.
    pub async fn count(&self) -> Result<u64> {
        Ok(self.live().count(self.tx).await?)
    }
}

impl Licenses<'_> {
    /// How many a filter lets through at `now`.
    pub async fn count(&self, filter: &LicenseFilter, now: Timestamp) -> Result<u64> {
        let found = license::filtered(self.scope, filter, now);
        let count: Option<i64> = found
            .select_only()
            .column_as(licenses::Column::Id.count(), "rows")
            .into_tuple()
            .one(self.tx)
            .await?;
        Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
    }

    /// How many of those that are active at `now` end before `until`, and the first of them to end, at most `most`.
    pub async fn ending(&self, now: Timestamp, until: Timestamp, most: u64) -> Result<(u64, Vec<License>)> {
        let ending = || ending(self.scope, now, until);
        let count: Option<i64> = ending()
            .select_only()
            .column_as(licenses::Column::Id.count(), "rows")
            .into_tuple()
            .one(self.tx)
            .await?;
        let first = ending()
            .select_also(terms::Entity)
            .order_by_asc(terms::Column::ExpiresAt)
            .order_by_asc(licenses::Column::Id)
            .limit(most);
        let first = first.all(self.tx).await?.into_iter().map(license::read).collect::<Result<_>>()?;
        Ok((count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0), first))
    }
}

/// Those that are active at `now` and end before `until`, without their terms.
pub(crate) fn ending(scope: OrganizationScope, now: Timestamp, until: Timestamp) -> Select<licenses::Entity> {
    let active = LicenseFilter { status: Some(LicenseStatus::Active), ..LicenseFilter::default() };
    license::filtered(scope, &active, now)
        .filter(terms::Column::OrganizationId.eq(scope.id().uuid()))
        .filter(terms::Column::ExpiresAt.gt(now.unix()))
        .filter(terms::Column::ExpiresAt.lt(until.unix()))
}

impl Products<'_> {
    /// How often all of them together were asked on each day from `first` to `last` on which any was, the earliest
    /// first.
    pub async fn usage(&self, first: i64, last: i64) -> Result<Vec<(i64, u64)>> {
        let own = Query::select()
            .column(products::Column::Id)
            .from(products::Entity)
            .and_where(products::Column::OrganizationId.eq(self.scope.id().uuid()))
            .take();
        let days: Vec<(i64, i64)> = usage::Entity::find()
            .select_only()
            .column(usage::Column::Day)
            .expr_as(Expr::cust("CAST(SUM(\"used\") AS BIGINT)"), "used")
            .filter(usage::Column::ProductId.in_subquery(own))
            .filter(usage::Column::Day.between(first, last))
            .group_by(usage::Column::Day)
            .order_by_asc(usage::Column::Day)
            .into_tuple()
            .all(self.tx)
            .await?;
        Ok(days.into_iter().map(|(day, used)| (day, u64::try_from(used).unwrap_or(0))).collect())
    }
}
