//! What the server finds for webhook endpoints: licenses and registry keys that end, and validations that were refused.

use std::collections::BTreeMap;

use keyward_domain::{LicenseId, OrganizationScope, ProductId, RegistryKeyId, RevisionId, Timestamp};
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

/// A mark on the way to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndMark {
    /// It ends, a license by its contract, within so many days.
    Days(u32),
    /// The license has ended by its contract, and is in its grace.
    Grace,
    /// The license is valid no longer.
    Expired,
}

/// What has reached a mark of which endpoints were not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReachedMark {
    /// What ends.
    pub of: Ending,
    /// Which mark.
    pub mark: EndMark,
}

/// What ends. Other terms and another end are told of anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A license, by its terms in force.
    License(LicenseId, RevisionId),
    /// A registry key, and when.
    RegistryKey(RegistryKeyId, Timestamp),
}

impl EndMark {
    fn days(self) -> i64 {
        match self {
            Self::Days(days) => days.into(),
            Self::Grace => 0,
            Self::Expired => -1,
        }
    }

    fn read(days: i32) -> Self {
        match days {
            -1 => Self::Expired,
            0 => Self::Grace,
            days => Self::Days(days.unsigned_abs()),
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
    /// What has reached a mark of which endpoints were not told, at most `most`.
    pub async fn reached_marks(&self, now: Timestamp, most: u64) -> Result<Vec<ReachedMark>> {
        let mut reached = self.reached_by_licenses(now, most).await?;
        let rest = most - u64::try_from(reached.len()).unwrap_or(most);
        reached.extend(self.reached_by_registry_keys(now, rest).await?);
        Ok(reached)
    }

    async fn reached_by_licenses(&self, now: Timestamp, most: u64) -> Result<Vec<ReachedMark>> {
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
        let values = self.instants(now, &[0, DAY, 7 * DAY, 30 * DAY, -LATE]);
        let found = self.tx.query_all_raw(self.statement(sql, values)).await?;
        let read = |row: sea_orm::QueryResult| {
            let (revision, license): (Uuid, Uuid) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let mark = EndMark::read(row.try_get_by_index(2)?);
            Ok(ReachedMark { of: Ending::License(license.into(), revision.into()), mark })
        };
        found.into_iter().map(read).collect()
    }

    /// One whose whole lifetime is no longer than a mark's days is no news at it.
    async fn reached_by_registry_keys(&self, now: Timestamp, most: u64) -> Result<Vec<ReachedMark>> {
        let sql = format!(
            "SELECT id, expires_at, mark FROM (
                SELECT k.id AS id, k.expires_at AS expires_at, COALESCE(k.lives_since, k.created_at) AS since,
                    CASE WHEN k.expires_at <= $3 THEN 1 WHEN k.expires_at <= $4 THEN 7 ELSE 30 END AS mark,
                    CASE WHEN k.webhooks_notified_end = k.expires_at THEN k.webhooks_notified_days END AS told
                FROM registry_keys AS k JOIN registries AS r ON r.id = k.registry_id
                WHERE k.organization_id = $1 AND k.expires_at > $2 AND k.expires_at <= $5
                    AND k.revoked_at IS NULL AND r.deleted_at IS NULL) AS due
             WHERE (told IS NULL OR told > mark) AND expires_at - since > mark * {DAY} ORDER BY id LIMIT {most}"
        );
        let values = self.instants(now, &[0, DAY, 7 * DAY, 30 * DAY]);
        let found = self.tx.query_all_raw(self.statement(sql, values)).await?;
        let read = |row: sea_orm::QueryResult| {
            let (key, end): (Uuid, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let end = Table("registry_keys").time("expires_at", end)?;
            let mark = EndMark::read(row.try_get_by_index(2)?);
            Ok(ReachedMark { of: Ending::RegistryKey(key.into(), end), mark })
        };
        found.into_iter().map(read).collect()
    }

    /// Notes that endpoints are told of a mark. Whether they were not told of it before, by another server.
    pub async fn note_mark(&self, reached: &ReachedMark) -> Result<bool> {
        let (organization, days) = (self.scope.id().uuid(), reached.mark.days());
        let (sql, id, end) = match reached.of {
            Ending::License(_, revision) => (
                "UPDATE revisions SET webhooks_notified_days = $3 WHERE organization_id = $1 AND id = $2
                    AND (webhooks_notified_days IS NULL OR webhooks_notified_days > $3)",
                revision.uuid(),
                None,
            ),
            Ending::RegistryKey(key, end) => (
                "UPDATE registry_keys SET webhooks_notified_end = $4, webhooks_notified_days = $3
                    WHERE organization_id = $1 AND id = $2 AND expires_at = $4 AND (webhooks_notified_end IS NULL
                        OR webhooks_notified_end <> $4 OR webhooks_notified_days > $3)",
                key.uuid(),
                Some(end.unix()),
            ),
        };
        let values = [organization.into(), id.into(), days.into()].into_iter().chain(end.map(Value::from));
        let noted = self.tx.execute_raw(self.statement(sql, values)).await?;
        Ok(noted.rows_affected() == 1)
    }

    fn statement(&self, sql: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Statement {
        Statement::from_sql_and_values(self.tx.get_database_backend(), sql, values)
    }

    /// The organization, and so many seconds from now.
    fn instants(&self, now: Timestamp, seconds: &[i64]) -> Vec<Value> {
        let at = seconds.iter().map(|seconds| Value::from(now.unix() + seconds));
        std::iter::once(self.scope.id().uuid().into()).chain(at).collect()
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
