//! What mails are written about, and for which licenses that are about to end one was written before.

use keyward_domain::notice::{Audience, Ending, NoticeDays, Notices, Window};
use keyward_domain::{CustomerId, OrganizationId, OrganizationScope, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::license::row as license;
use crate::revision::row as terms;
use crate::{Result, StorageError, due};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "notices")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization_id: Uuid,
        pub members: bool,
        pub customers: bool,
        pub alerts: bool,
        pub days: String,
        pub checked_at: i64,
        pub digest_day: i64,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("notices");

/// The notices of one organization.
pub struct LicenseNotices<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

/// The turn of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// What mails are written about.
    pub notices: Notices,
    /// The day, since 1970, of the last digest to its members.
    pub digest_day: i64,
}

impl LicenseNotices<'_> {
    /// What mails are written about.
    pub async fn find(&self) -> Result<Option<Notices>> {
        let found = row::Entity::find_by_id(self.scope.id().uuid()).one(self.tx).await?;
        found.as_ref().map(read).transpose()
    }

    /// The same, locked until the end of the transaction.
    pub async fn lock(&self) -> Result<Option<Notices>> {
        let found = row::Entity::find_by_id(self.scope.id().uuid()).lock(ROW).one(self.tx).await?;
        found.as_ref().map(read).transpose()
    }

    /// Sets what mails are written about.
    pub async fn save(&self, notices: &Notices) -> Result<()> {
        let row = row::ActiveModel {
            members: Set(notices.members),
            customers: Set(notices.customers),
            alerts: Set(notices.alerts),
            days: Set(TABLE.take("days", serde_json::to_string(&notices.days))?),
            version: Set(notices.version),
            ..Default::default()
        };
        let set = row::Entity::update_many().set(row);
        let saved = set.filter(row::Column::OrganizationId.eq(self.scope.id().uuid())).exec(self.tx).await?;
        TABLE.one(saved.rows_affected)
    }

    /// Notes the day of a digest to the members.
    pub async fn set_digest_day(&self, day: i64) -> Result<()> {
        self.set(row::Column::DigestDay, day).await
    }

    /// What mails are written about in its turn, which ends with that.
    pub async fn take_turn(&self, now: Timestamp) -> Result<Option<Turn>> {
        let Some(row) = row::Entity::find_by_id(self.scope.id().uuid()).one(self.tx).await? else {
            return Ok(None);
        };
        end_turn(self.tx, self.scope.id(), now).await?;
        Ok(Some(Turn { notices: read(&row)?, digest_day: row.digest_day }))
    }

    /// Makes it this organization's turn again, at once.
    pub async fn again(&self) -> Result<()> {
        self.set(row::Column::CheckedAt, 0).await
    }

    /// Active licenses that end in a window, of which an audience was not notified for it: up to `most`, by
    /// customer.
    pub async fn ending(&self, audience: Audience, window: Window, most: u64) -> Result<Vec<Ending>> {
        let notified = notified_column(audience);
        let mut query = license::Entity::find()
            .find_also_related(terms::Entity)
            .filter(license::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(license::Column::DeletedAt.is_null())
            .filter(license::Column::State.eq("active"))
            .filter(terms::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(terms::Column::State.eq("current"))
            .filter(ends_in(window))
            .filter(Condition::any().add(notified.is_null()).add(notified.gt(i64::from(window.days))));
        if audience == Audience::Customer {
            query = query.filter(license::Column::CustomerId.is_not_null());
        }
        let query = query.order_by_asc(license::Column::CustomerId).order_by_asc(license::Column::Id);
        let rows = query.limit(most).all(self.tx).await?;
        rows.into_iter()
            .map(|(license, terms)| {
                let missing = StorageError::Corrupt { table: "revisions", column: "ends_at" };
                let end = terms.as_ref().and_then(|terms| terms.ends_at.or(terms.expires_at));
                let terms =
                    terms.ok_or(StorageError::Corrupt { table: "revisions", column: "license_id" })?;
                Ok(Ending {
                    license: license.id.into(),
                    revision: terms.id.into(),
                    name: Table::name(&license.name),
                    customer: license.customer_id.map(CustomerId::from),
                    ends_at: TABLE.optional_time("ends_at", end)?.ok_or(missing)?,
                })
            })
            .collect()
    }

    /// Notes that an audience was notified of these ends, for a window.
    pub async fn notified(&self, audience: Audience, endings: &[Ending], window: Window) -> Result<()> {
        let ids = endings.iter().map(|ending| ending.revision.uuid());
        terms::Entity::update_many()
            .col_expr(notified_column(audience), Expr::value(i64::from(window.days)))
            .filter(terms::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(terms::Column::Id.is_in(ids))
            .exec(self.tx)
            .await?;
        Ok(())
    }

    async fn set(&self, column: row::Column, value: i64) -> Result<()> {
        let set = row::Entity::update_many().col_expr(column, Expr::value(value));
        let set = set.filter(row::Column::OrganizationId.eq(self.scope.id().uuid())).exec(self.tx).await?;
        TABLE.one(set.rows_affected)
    }
}

/// That terms end by their contract in a window.
fn ends_in(window: Window) -> Condition {
    let within = |column: terms::Column| {
        Condition::all().add(column.gt(window.after.unix())).add(column.lte(window.until.unix()))
    };
    let ungraced = within(terms::Column::ExpiresAt).add(terms::Column::EndsAt.is_null());
    Condition::any().add(ungraced).add(within(terms::Column::EndsAt))
}

fn notified_column(audience: Audience) -> terms::Column {
    match audience {
        Audience::Members => terms::Column::MembersNotifiedDays,
        Audience::Customer => terms::Column::CustomerNotifiedDays,
    }
}

/// What a new organization sends: notices to its members, a month and a week before, and of alerts.
pub(crate) async fn insert(tx: &Connection, organization: OrganizationId) -> Result<()> {
    let row = row::ActiveModel {
        organization_id: Set(organization.uuid()),
        members: Set(true),
        customers: Set(false),
        alerts: Set(true),
        days: Set("[30,7]".to_owned()),
        checked_at: Set(0),
        digest_day: Set(0),
        version: Set(1),
    };
    row.insert(tx).await?;
    Ok(())
}

/// The organization that has waited longest, for `period` seconds or more, locked until the end of the transaction; of
/// several who ask at once, each gets another. It is named, not read, so that one that can't be read can be passed over.
pub(crate) async fn next_turn(
    tx: &Connection,
    now: Timestamp,
    period: i64,
) -> Result<Option<OrganizationId>> {
    let due = due::since(row::Column::CheckedAt, period, now);
    let ids = row::Entity::find().select_only().column(row::Column::OrganizationId);
    let next = due::next(ids, due, row::Column::CheckedAt);
    let found: Option<Uuid> = next.into_tuple().one(tx).await?;
    Ok(found.map(OrganizationId::from))
}

/// Ends the turn of an organization, whatever came of it.
pub(crate) async fn end_turn(tx: &Connection, organization: OrganizationId, now: Timestamp) -> Result<()> {
    row::Entity::update_many()
        .col_expr(row::Column::CheckedAt, Expr::value(now.unix()))
        .filter(row::Column::OrganizationId.eq(organization.uuid()))
        .exec(tx)
        .await?;
    Ok(())
}

fn read(row: &row::Model) -> Result<Notices> {
    let days: Vec<u32> = TABLE.take("days", serde_json::from_str(&row.days))?;
    Ok(Notices {
        members: row.members,
        customers: row.customers,
        alerts: row.alerts,
        days: TABLE.take("days", NoticeDays::new(days))?,
        version: row.version,
    })
}
