//! Numbers over everything, counted where the rows are.

use std::collections::BTreeMap;

use keyward_domain::{License, LicenseFilter, LicenseStatus, OrganizationScope, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SimpleExpr};
use sea_orm::{
    ColumnTrait, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    RelationTrait as _, Select, SelectTwo,
};

use crate::license::{self, row as licenses};
use crate::product::row as products;
use crate::revision::row as terms;
use crate::usage::row as usage;
use crate::usage_counter::row as counter;
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

    /// How many are active at `now`.
    pub async fn count_active(&self, now: Timestamp) -> Result<u64> {
        let ends_later = terms::Column::ExpiresAt.gt(now.unix());
        let ends_never = terms::Column::ExpiresAt.is_null();
        let begun = self.number(begun(self.scope, now, ends_later.clone())).await?
            + self.number(begun(self.scope, now, ends_never.clone())).await?;
        let out = self.number(out(self.scope, now, ends_later.or(ends_never))).await?;
        Ok(begun.saturating_sub(out))
    }

    /// How many of those that are active at `now` end before `until`, and the first of them to end, at most `most`.
    pub async fn ending(&self, now: Timestamp, until: Timestamp, most: u64) -> Result<(u64, Vec<License>)> {
        let mut count = 0;
        for soon in [valid_until_before(now, until), in_grace_at(until)] {
            let begun = self.number(begun(self.scope, now, soon.clone())).await?;
            count += begun.saturating_sub(self.number(out(self.scope, now, soon)).await?);
        }
        let mut first = Vec::new();
        if most > 0 {
            let graced = first_in_grace(self.scope, now, until, most).all(self.tx).await?;
            first = first_to_end(self.scope, now, until, most).all(self.tx).await?;
            first.extend(graced);
        }
        let mut first = first.into_iter().map(license::read).collect::<Result<Vec<_>>>()?;
        first.sort_by_key(|license| (license.revision.validity.ends_at(), license.id));
        first.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok((count, first))
    }

    async fn number<E: EntityTrait>(&self, rows: Select<E>) -> Result<u64> {
        let number: Option<i64> = rows.into_tuple().one(self.tx).await?;
        Ok(number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0))
    }
}

/// How many terms are in force that have begun at `now` and whose end is as `ends` says, whatever has become of their
/// licenses. Almost all licenses are neither suspended, revoked nor deleted, so that it is quicker to take those away that
/// are than to look at the license of each.
pub(crate) fn begun(scope: OrganizationScope, now: Timestamp, ends: SimpleExpr) -> Select<terms::Entity> {
    terms::Entity::find()
        .select_only()
        .column_as(terms::Column::LicenseId.count(), "rows")
        .filter(terms::Column::OrganizationId.eq(scope.id().uuid()))
        .filter(Expr::cust("\"revisions\".\"state\" = 'current'"))
        .filter(license::has_begun(now.unix()))
        .filter(ends)
}

/// How many of those belong to licenses that are suspended, revoked or deleted.
pub(crate) fn out(scope: OrganizationScope, now: Timestamp, ends: SimpleExpr) -> Select<licenses::Entity> {
    licenses::Entity::find()
        .select_only()
        .column_as(licenses::Column::Id.count(), "rows")
        .join(JoinType::InnerJoin, licenses::Relation::Revisions.def())
        .filter(licenses::Column::OrganizationId.eq(scope.id().uuid()))
        // As the index `licenses_out` says.
        .filter(Expr::cust("(\"licenses\".\"state\" <> 'active' OR \"licenses\".\"deleted_at\" IS NOT NULL)"))
        .filter(Expr::cust("\"revisions\".\"state\" = 'current'"))
        .filter(license::has_begun(now.unix()))
        .filter(ends)
}

/// That terms are valid at `now` and no longer at `until`.
fn valid_until_before(now: Timestamp, until: Timestamp) -> SimpleExpr {
    terms::Column::ExpiresAt.gt(now.unix()).and(terms::Column::ExpiresAt.lt(until.unix()))
}

/// That terms are in their grace at `until`. With those above, all that are valid at `now` and have ended by their contract
/// then.
fn in_grace_at(until: Timestamp) -> SimpleExpr {
    terms::Column::EndsAt.lt(until.unix()).and(terms::Column::ExpiresAt.gte(until.unix()))
}

/// Of those that are active at `now` and end without a grace before `until`, the first to end.
pub(crate) fn first_to_end(
    scope: OrganizationScope,
    now: Timestamp,
    until: Timestamp,
    most: u64,
) -> SelectTwo<licenses::Entity, terms::Entity> {
    let soon = valid_until_before(now, until).and(terms::Column::EndsAt.is_null());
    first_by(terms::Column::ExpiresAt, scope, now, soon, most)
}

/// Of those that are active at `now`, have a grace and end by their contract before `until`, the first to end.
pub(crate) fn first_in_grace(
    scope: OrganizationScope,
    now: Timestamp,
    until: Timestamp,
    most: u64,
) -> SelectTwo<licenses::Entity, terms::Entity> {
    let soon = terms::Column::EndsAt.lt(until.unix()).and(terms::Column::ExpiresAt.gt(now.unix()));
    first_by(terms::Column::EndsAt, scope, now, soon, most)
}

fn first_by(
    end: terms::Column,
    scope: OrganizationScope,
    now: Timestamp,
    soon: SimpleExpr,
    most: u64,
) -> SelectTwo<licenses::Entity, terms::Entity> {
    let active = LicenseFilter { status: Some(LicenseStatus::Active), ..LicenseFilter::default() };
    license::filtered(scope, &active, now)
        .filter(terms::Column::OrganizationId.eq(scope.id().uuid()))
        .filter(soon)
        .select_also(terms::Entity)
        .order_by_asc(end)
        .order_by_asc(licenses::Column::Id)
        .limit(most)
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
        let sum = || Expr::cust("CAST(SUM(\"used\") AS BIGINT)");
        let direct: Vec<(i64, i64)> = usage::Entity::find()
            .select_only()
            .column(usage::Column::Day)
            .expr_as(sum(), "used")
            .filter(usage::Column::ProductId.in_subquery(own.clone()))
            .filter(usage::Column::Day.between(first, last))
            .group_by(usage::Column::Day)
            .into_tuple()
            .all(self.tx)
            .await?;
        let allotted: Vec<(i64, i64)> = counter::Entity::find()
            .select_only()
            .column(counter::Column::Day)
            .expr_as(sum(), "used")
            .filter(counter::Column::ProductId.in_subquery(own))
            .filter(counter::Column::Day.between(first, last))
            .group_by(counter::Column::Day)
            .into_tuple()
            .all(self.tx)
            .await?;
        let mut days = BTreeMap::new();
        for (day, used) in direct.into_iter().chain(allotted) {
            *days.entry(day).or_default() += u64::try_from(used).unwrap_or(0);
        }
        Ok(days.into_iter().filter(|(_, used)| *used > 0).collect())
    }
}
