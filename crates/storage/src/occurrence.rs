//! What the server finds for webhook endpoints: licenses that end, and validations that were refused.

use std::collections::BTreeMap;

use keyward_domain::{LicenseId, OrganizationScope, ProductId, RevisionId, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ConnectionTrait as _, EntityTrait, Statement, Value};
use uuid::Uuid;

use crate::Result;
use crate::connection::Connection;
use crate::convert::Table;

mod report {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "validation_reports")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub product_id: Uuid,
        pub day: i64,
        #[sea_orm(column_type = "Text")]
        pub answers: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const REPORTS: Table = Table("validation_reports");
const DAY: i64 = 24 * 60 * 60;

/// After how many seconds it is too late to tell that a license has ended.
const LATE: i64 = 7 * DAY;

/// A mark on the way to a license's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndMark {
    /// It ends by its contract within so many days.
    Days(u32),
    /// It has ended by its contract, and is in its grace.
    Grace,
    /// It is valid no longer.
    Expired,
}

/// A license that has reached a mark of which endpoints were not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReachedMark {
    /// The license.
    pub license: LicenseId,
    /// Its terms in force.
    pub revision: RevisionId,
    /// Which mark.
    pub mark: EndMark,
}

impl EndMark {
    fn days(self) -> i64 {
        match self {
            Self::Days(days) => days.into(),
            Self::Grace => 0,
            Self::Expired => -1,
        }
    }
}

/// What endpoints were told of a product's validations on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationReport {
    /// The day, counted from 1970-01-01 (UTC).
    pub day: i64,
    /// How many of each answer.
    pub answers: BTreeMap<String, u64>,
}

/// What is found for the endpoints of one organization.
pub struct Occurrences<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Occurrences<'_> {
    /// The licenses that have reached a mark of which endpoints were not told, at most `most`.
    pub async fn reached_marks(&self, now: Timestamp, most: u64) -> Result<Vec<ReachedMark>> {
        let backend = self.tx.get_database_backend();
        // Each part goes along an index of its own.
        let part = |window: &str| {
            format!(
                "SELECT r.id AS id, r.license_id AS license_id, CASE WHEN r.expires_at <= $2 THEN -1
                    WHEN COALESCE(r.ends_at, r.expires_at) <= $2 THEN 0
                    WHEN COALESCE(r.ends_at, r.expires_at) <= $3 THEN 1
                    WHEN COALESCE(r.ends_at, r.expires_at) <= $4 THEN 7 ELSE 30 END AS mark,
                    r.webhooks_notified_days AS told
                 FROM revisions AS r JOIN licenses AS l ON l.id = r.license_id
                 WHERE r.organization_id = $1 AND r.state = 'current' AND {window}
                    AND l.deleted_at IS NULL AND l.state <> 'revoked'"
            )
        };
        let sql = format!(
            "SELECT id, license_id, mark FROM ({} UNION ALL {}) AS due
                WHERE told IS NULL OR told > mark ORDER BY id LIMIT {most}",
            part("r.ends_at IS NULL AND r.expires_at > $6 AND r.expires_at <= $5"),
            part("r.ends_at IS NOT NULL AND r.ends_at <= $5 AND r.expires_at > $6"),
        );
        let at = |seconds: i64| Value::from(now.unix() + seconds);
        let values: [Value; 6] =
            [self.scope.id().uuid().into(), at(0), at(DAY), at(7 * DAY), at(30 * DAY), at(-LATE)];
        let found = self.tx.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        let read = |row: sea_orm::QueryResult| {
            let (revision, license): (Uuid, Uuid) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            // An integer of either width.
            let mark: i32 = row.try_get_by_index(2)?;
            let mark = match mark {
                -1 => EndMark::Expired,
                0 => EndMark::Grace,
                days => EndMark::Days(days.unsigned_abs()),
            };
            Ok(ReachedMark { license: license.into(), revision: revision.into(), mark })
        };
        found.into_iter().map(read).collect()
    }

    /// Notes that endpoints were told of a mark.
    pub async fn note_mark(&self, reached: &ReachedMark) -> Result<()> {
        let sql = "UPDATE revisions SET webhooks_notified_days = $3 WHERE organization_id = $1 AND id = $2";
        let values: [Value; 3] =
            [self.scope.id().uuid().into(), reached.revision.uuid().into(), reached.mark.days().into()];
        let backend = self.tx.get_database_backend();
        self.tx.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        Ok(())
    }

    /// What endpoints were last told of a product's validations. The product is of this organization.
    pub async fn report(&self, product: ProductId) -> Result<Option<ValidationReport>> {
        let found = report::Entity::find_by_id(product.uuid()).one(self.tx).await?;
        let read = |row: report::Model| {
            let answers = REPORTS.take("answers", serde_json::from_str(&row.answers))?;
            Ok(ValidationReport { day: row.day, answers })
        };
        found.map(read).transpose()
    }

    /// Notes what endpoints were told of a product's validations. The product is of this organization.
    pub async fn keep_report(&self, product: ProductId, report: &ValidationReport) -> Result<()> {
        let row = report::ActiveModel {
            product_id: Set(product.uuid()),
            day: Set(report.day),
            answers: Set(REPORTS.take("answers", serde_json::to_string(&report.answers))?),
        };
        let columns = [report::Column::Day, report::Column::Answers];
        let replace = OnConflict::column(report::Column::ProductId).update_columns(columns).to_owned();
        report::Entity::insert(row).on_conflict(replace).exec_without_returning(self.tx).await?;
        Ok(())
    }
}
