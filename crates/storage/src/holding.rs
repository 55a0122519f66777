//! Licenses by who holds them: for the pages that list customers with what they have.

use std::collections::BTreeMap;

use keyward_domain::text::Needle;
use keyward_domain::{CustomerId, License, LicenseFilter, OrganizationScope, Page, PageRequest, Timestamp};
use sea_orm::sea_query::{Alias, Expr, ExprTrait as _, Query, SelectStatement, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use crate::connection::Connection;
use crate::customer::{self, row as customers};
use crate::folding::contains;
use crate::license::{self, row as licenses};
use crate::page::{page, paged};
use crate::{Named, Result};

/// A customer of a list of licenses by customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseHolder {
    /// Who.
    pub id: CustomerId,
    /// What they are called.
    pub named: Named,
    /// Whether they are listed by their own name, and so with all their licenses, whatever those are called.
    pub by_name: bool,
}

/// The customers of one organization as holders of licenses.
pub struct LicenseHolders<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl LicenseHolders<'_> {
    /// A page of the customers for whom a filter has something: whose name or address contains its text, or who hold
    /// a license that it lets through. Without a filter that is every customer. Of those who were deleted, the ones
    /// whose licenses are still there.
    pub async fn list(
        &self,
        filter: &LicenseFilter,
        now: Timestamp,
        request: PageRequest,
    ) -> Result<Page<LicenseHolder>> {
        let alive = || customers::Column::DeletedAt.is_null();
        let untitled = LicenseFilter { name_contains: None, ..filter.clone() };
        let narrows = filter.status.is_some() || filter.product.is_some() || filter.key.is_some();
        let text = filter.name_contains.as_deref();
        let mut wanted = Condition::any().add(match text {
            // Few have the text, so they are looked up once instead of for each customer.
            Some(_) => customers::Column::Id.in_subquery(self.holders(filter, now)),
            None => self.holds(&untitled, now),
        });
        match (text, narrows) {
            (Some(text), false) => {
                wanted = wanted.add(self.is_called(text).and(alive().or(self.holds(&untitled, now))));
            }
            (Some(text), true) => wanted = wanted.add(self.is_called(text).and(self.holds(&untitled, now))),
            (None, false) => wanted = wanted.add(alive()),
            (None, true) => {}
        }
        let found = customers::Entity::find()
            .filter(customers::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(wanted);
        let rows = paged(found, customers::Column::Id, request).all(self.tx).await?;
        let needle = text.and_then(Needle::new);
        let is_called = |row: &customers::Model| {
            let searched = row.search.as_str();
            needle.as_ref().is_some_and(|needle| searched.contains(needle.as_str()))
        };
        page(
            rows,
            request,
            |row| row.id,
            |row| {
                let by_name = is_called(&row);
                let named = Named { name: row.name, deleted: row.deleted_at.is_some() };
                Ok(LicenseHolder { id: row.id.into(), named, by_name })
            },
        )
    }

    /// Of each of these customers, how many licenses the filter lets through, and the newest of them, at most `most`.
    pub async fn licenses(
        &self,
        holders: &[LicenseHolder],
        filter: &LicenseFilter,
        now: Timestamp,
        most: u32,
    ) -> Result<BTreeMap<CustomerId, (u64, Vec<License>)>> {
        if holders.is_empty() {
            return Ok(BTreeMap::new());
        }
        let found = || self.of(holders, filter, now);
        let counted = customer::counted(self.tx, found(), licenses::Column::CustomerId).await?;
        let mut held: BTreeMap<CustomerId, (u64, Vec<License>)> =
            counted.into_iter().map(|(id, count)| (id, (count, Vec::new()))).collect();
        let ranked = found()
            .select_only()
            .column(licenses::Column::Id)
            .expr_as(
                Expr::cust("ROW_NUMBER() OVER (PARTITION BY \"licenses\".\"customer_id\" ORDER BY \"licenses\".\"id\" DESC)"),
                "place",
            )
            .into_query();
        let first = Query::select()
            .column(Alias::new("id"))
            .from_subquery(ranked, Alias::new("ranked"))
            .and_where(Expr::col(Alias::new("place")).lte(i64::from(most)))
            .take();
        let rows = licenses::Entity::find().filter(licenses::Column::Id.in_subquery(first));
        let rows = license::with_terms(rows).order_by_desc(licenses::Column::Id).all(self.tx).await?;
        for row in rows {
            let license = license::read(row)?;
            if let Some((_, some)) = license.customer.and_then(|id| held.get_mut(&id)) {
                some.push(license);
            }
        }
        Ok(held)
    }

    /// Of each of these customers, how many licenses they hold, and the newest of them, at most `most`.
    pub async fn held_by(
        &self,
        customers: &[CustomerId],
        now: Timestamp,
        most: u32,
    ) -> Result<BTreeMap<CustomerId, (u64, Vec<License>)>> {
        let holder = |id: &CustomerId| {
            let named = Named { name: String::new(), deleted: false };
            LicenseHolder { id: *id, named, by_name: true }
        };
        let holders: Vec<_> = customers.iter().map(holder).collect();
        self.licenses(&holders, &LicenseFilter::default(), now, most).await
    }

    /// The licenses of these customers, of those who are not listed by their own name the ones with the text.
    fn of(
        &self,
        holders: &[LicenseHolder],
        filter: &LicenseFilter,
        now: Timestamp,
    ) -> Select<licenses::Entity> {
        let ids = |by_name: bool| -> Vec<Uuid> {
            holders.iter().filter(|one| one.by_name == by_name).map(|one| one.id.uuid()).collect()
        };
        let mut wanted = Condition::any().add(licenses::Column::CustomerId.is_in(ids(true)));
        let mut others = Condition::all().add(licenses::Column::CustomerId.is_in(ids(false)));
        if let Some(text) = &filter.name_contains {
            others = others.add(contains(licenses::Column::Search, text));
        }
        wanted = wanted.add(others);
        let untitled = LicenseFilter { name_contains: None, ..filter.clone() };
        license::filtered(self.scope, &untitled, now).filter(wanted)
    }

    fn is_called(&self, text: &str) -> SimpleExpr {
        contains(customers::Column::Search, text)
    }

    /// Whether the customer of the row holds a license that the filter lets through.
    fn holds(&self, filter: &LicenseFilter, now: Timestamp) -> SimpleExpr {
        let own = Expr::col((licenses::Entity, licenses::Column::CustomerId))
            .equals((customers::Entity, customers::Column::Id));
        let held = license::filtered(self.scope, filter, now).select_only().expr(Expr::value(1)).filter(own);
        Expr::exists(held.into_query())
    }

    /// The ids of those who hold a license that the filter lets through.
    fn holders(&self, filter: &LicenseFilter, now: Timestamp) -> SelectStatement {
        license::filtered(self.scope, filter, now)
            .select_only()
            .column(licenses::Column::CustomerId)
            .filter(licenses::Column::CustomerId.is_not_null())
            .into_query()
    }
}
