//! The places of revisions in their organization's status list.

use keyward_domain::{OrganizationScope, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    RelationTrait, Select,
};
use uuid::Uuid;

use crate::Result;
use crate::connection::Connection;
use crate::convert::Table;
use crate::license::row as license;
use crate::organization::{FIRST_WINDOW, row as organization};
use crate::revision::row as revision;

const TABLE: Table = Table("organizations");

/// Why a revision is withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawal {
    /// For ever.
    Revoked,
    /// For a while.
    Suspended,
}

/// The status list of one organization.
pub struct StatusPlaces<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl StatusPlaces<'_> {
    /// How many places the list has.
    pub async fn window(&self) -> Result<u32> {
        let row: Option<i64> = organization::Entity::find_by_id(self.scope.id().uuid())
            .select_only()
            .column(organization::Column::StatusWindow)
            .into_tuple()
            .one(self.tx)
            .await?;
        TABLE.take("status_window", row.map_or(Ok(FIRST_WINDOW), u32::try_from))
    }

    /// Gives the list `to` places.
    pub async fn widen(&self, to: u32) -> Result<()> {
        let widened = organization::Entity::update_many()
            .col_expr(organization::Column::StatusWindow, Expr::value(i64::from(to)))
            .filter(organization::Column::Id.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        TABLE.one(widened.rows_affected)
    }

    /// Whether a revision has this place.
    pub async fn taken(&self, index: u32) -> Result<bool> {
        let found = revision::Entity::find()
            .filter(revision::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(revision::Column::StatusIndex.eq(i64::from(index)))
            .count(self.tx)
            .await?;
        Ok(found > 0)
    }

    /// The issuers that revisions name whose tokens have not expired at `now`, in order; at most `most`. Each is found
    /// by itself in an index, however many revisions there are.
    pub async fn issuers(&self, now: Timestamp, most: usize) -> Result<Vec<String>> {
        let (mut living, mut last) = (Vec::new(), String::new());
        while living.len() < most {
            let next = self.revisions().filter(revision::Column::Issuer.gt(last.as_str()));
            let next: Option<String> =
                next.order_by_asc(revision::Column::Issuer).limit(1).into_tuple().one(self.tx).await?;
            let Some(issuer) = next else { break };
            for alive in [revision::Column::ExpiresAt.is_null(), revision::Column::ExpiresAt.gt(now.unix())] {
                let named = self.revisions().filter(revision::Column::Issuer.eq(issuer.as_str()));
                let one: Option<String> = named.filter(alive).limit(1).into_tuple().one(self.tx).await?;
                if let Some(issuer) = one {
                    living.push(issuer);
                    break;
                }
            }
            last = issuer;
        }
        Ok(living)
    }

    fn revisions(&self) -> Select<revision::Entity> {
        revision::Entity::find()
            .select_only()
            .column(revision::Column::Issuer)
            .filter(revision::Column::OrganizationId.eq(self.scope.id().uuid()))
    }

    /// The places of all revisions that are withdrawn, and why.
    pub async fn withdrawn(&self) -> Result<Vec<(u32, Withdrawal)>> {
        let any = Condition::any()
            .add(revision::Column::State.eq("revoked"))
            .add(license::Column::State.ne("active"))
            .add(license::Column::DeletedAt.is_not_null());
        let rows: Vec<(i64, String, String, Option<i64>, Uuid)> = license::Entity::find()
            .select_only()
            .column(revision::Column::StatusIndex)
            .column(revision::Column::State)
            .column(license::Column::State)
            .column(license::Column::DeletedAt)
            .column(revision::Column::Id)
            .join(JoinType::InnerJoin, license::Relation::Revisions.def())
            .filter(license::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(any)
            .into_tuple()
            .all(self.tx)
            .await?;
        let place = |(index, revision, license, deleted, _): (i64, String, String, Option<i64>, Uuid)| {
            let suspended = revision != "revoked" && license == "suspended" && deleted.is_none();
            let withdrawal = if suspended { Withdrawal::Suspended } else { Withdrawal::Revoked };
            Ok((Table("revisions").take("status_index", index.try_into())?, withdrawal))
        };
        rows.into_iter().map(place).collect()
    }
}
