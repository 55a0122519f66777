//! What partitions took of products' daily buckets.

use keyward_domain::share::{Partition, PartitionKind};
use keyward_domain::{OrganizationId, ProductId};
use sea_orm::{
    ColumnTrait, ConnectionTrait as _, DbBackend, EntityTrait, QueryFilter, QueryOrder, QueryResult,
    QuerySelect, Select, Statement,
};
use serde::Serialize;
use uuid::Uuid;

use crate::Result;
use crate::connection::Connection;
use crate::convert::Table;
use crate::recordset::{Kind, recordset};
use crate::usage_counter::ProductDay;

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "usage_shares")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub product_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub day: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub kind: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub partition_key: String,
        pub used: i64,
        pub refused: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("usage_shares");

/// What one partition took of a product's day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionUsage {
    /// Which product and day.
    pub day: ProductDay,
    /// Who.
    pub partition: Partition,
    /// How many were let in.
    pub used: u64,
    /// How many were refused because the share was used up.
    pub refused: u64,
}

/// What partitions took of all products' days.
pub struct UsageShares<'a> {
    pub(crate) tx: &'a Connection,
}

impl UsageShares<'_> {
    /// Those that took the most of one day, at most `most`.
    pub async fn largest(&self, product_day: ProductDay, most: u64) -> Result<Vec<PartitionUsage>> {
        let rows = largest(product_day, most).all(self.tx).await?;
        rows.into_iter().map(read).collect()
    }

    /// The same of one kind.
    pub async fn largest_of(
        &self,
        (product, day): ProductDay,
        kind: PartitionKind,
        most: u64,
    ) -> Result<Vec<PartitionUsage>> {
        let rows = row::Entity::find()
            .filter(row::Column::ProductId.eq(product.uuid()))
            .filter(row::Column::Day.eq(day))
            .filter(row::Column::Kind.eq(kind.as_str()))
            .order_by_desc(row::Column::Used)
            .limit(most)
            .all(self.tx)
            .await?;
        rows.into_iter().map(read).collect()
    }

    /// Adds what was counted and refused, and locks the rows until the end of the transaction, each server in the same order. Gives what
    /// they say then.
    pub async fn add(&self, more: &[PartitionUsage]) -> Result<Vec<PartitionUsage>> {
        if more.is_empty() {
            return Ok(Vec::new());
        }
        let statement = statement(self.tx.get_database_backend(), more)?;
        let rows = self.tx.query_all_raw(statement).await?;
        rows.iter().map(|row| read(returned(row)?)).collect()
    }

    /// Partitions that were refused something on a day, of which that is not told yet, with their products' organizations; at most `most`.
    pub async fn untold(&self, day: i64, most: u64) -> Result<Vec<(OrganizationId, PartitionUsage)>> {
        let rows = self.tx.query_all_raw(untold(self.tx.get_database_backend(), day, most)).await?;
        let read_untold = |row: &QueryResult| {
            let organization: Uuid = row.try_get_by_index(6)?;
            Ok((organization.into(), read(returned(row)?)?))
        };
        rows.iter().map(read_untold).collect()
    }

    /// How many were counted on a day of each product of which it is not told yet that its bucket is used up, with its organization.
    pub async fn counted(&self, day: i64) -> Result<Vec<(OrganizationId, ProductId, u64)>> {
        let rows = self.tx.query_all_raw(counted(self.tx.get_database_backend(), day)).await?;
        let read_counted = |row: &QueryResult| {
            let (organization, product): (Uuid, Uuid) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let used: i64 = row.try_get_by_index(2)?;
            Ok((organization.into(), product.into(), TABLE.take("used", used.try_into())?))
        };
        rows.iter().map(read_counted).collect()
    }
}

const UNTOLD: &str = "\
SELECT shares.product_id, shares.day, shares.kind, shares.partition_key, shares.used, shares.refused, products.organization_id
FROM usage_shares AS shares JOIN products ON products.id = shares.product_id
WHERE shares.day = $1 AND shares.refused > 0 AND NOT EXISTS (SELECT 1 FROM bucket_alerts AS told
    WHERE told.product_id = shares.product_id AND told.day = shares.day AND told.kind = 'share_used_up'
        AND told.partition_kind = shares.kind AND told.partition_key = shares.partition_key)
ORDER BY shares.product_id, shares.kind, shares.partition_key LIMIT $2";

const COUNTED: &str = "\
SELECT products.organization_id, products.id, CAST(SUM(counted.used) AS BIGINT)
FROM (SELECT product_id, used FROM usage_counters WHERE day = $1
    UNION ALL SELECT product_id, used FROM product_usage WHERE day = $1 AND used > 0) AS counted
JOIN products ON products.id = counted.product_id
WHERE NOT EXISTS (SELECT 1 FROM bucket_alerts AS told
    WHERE told.product_id = products.id AND told.day = $1 AND told.kind = 'used_up')
GROUP BY products.organization_id, products.id ORDER BY products.organization_id, products.id";

pub(crate) fn largest((product, day): ProductDay, most: u64) -> Select<row::Entity> {
    row::Entity::find()
        .filter(row::Column::ProductId.eq(product.uuid()))
        .filter(row::Column::Day.eq(day))
        .order_by_desc(row::Column::Used)
        .limit(most)
}

pub(crate) fn untold(backend: DbBackend, day: i64, most: u64) -> Statement {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    Statement::from_sql_and_values(backend, UNTOLD, [day.into(), most.into()])
}

pub(crate) fn counted(backend: DbBackend, day: i64) -> Statement {
    Statement::from_sql_and_values(backend, COUNTED, [day.into()])
}

/// One partition as the statement reads it.
#[derive(Serialize)]
struct Added<'a> {
    product: uuid::fmt::Simple,
    day: i64,
    kind: &'a str,
    key: String,
    used: u64,
    refused: u64,
}

const COLUMNS: [(&str, Kind); 6] = [
    ("product", Kind::Uuid),
    ("day", Kind::Number),
    ("kind", Kind::Text),
    ("key", Kind::Text),
    ("used", Kind::Number),
    ("refused", Kind::Number),
];

fn statement(backend: DbBackend, more: &[PartitionUsage]) -> Result<Statement> {
    let row = |usage: &PartitionUsage| Added {
        product: usage.day.0.uuid().simple(),
        day: usage.day.1,
        kind: usage.partition.kind().as_str(),
        key: usage.partition.key(),
        used: usage.used,
        refused: usage.refused,
    };
    let rows: Vec<_> = more.iter().map(row).collect();
    let rows = TABLE.take("used", serde_json::to_string(&rows))?;
    let new = recordset(backend, &COLUMNS);
    let text = format!(
        "INSERT INTO usage_shares (product_id, day, kind, partition_key, used, refused)
        SELECT new.product, new.day, new.kind, new.key, new.used, new.refused FROM {new}
        WHERE TRUE ORDER BY new.product, new.day, new.kind, new.key
        ON CONFLICT (product_id, day, kind, partition_key) DO UPDATE
        SET used = usage_shares.used + excluded.used, refused = usage_shares.refused + excluded.refused
        RETURNING product_id, day, kind, partition_key, used, refused"
    );
    Ok(Statement::from_sql_and_values(backend, text, [rows.into()]))
}

fn returned(row: &QueryResult) -> Result<row::Model> {
    Ok(row::Model {
        product_id: row.try_get_by_index(0)?,
        day: row.try_get_by_index(1)?,
        kind: row.try_get_by_index(2)?,
        partition_key: row.try_get_by_index(3)?,
        used: row.try_get_by_index(4)?,
        refused: row.try_get_by_index(5)?,
    })
}

fn read(row: row::Model) -> Result<PartitionUsage> {
    let kind = TABLE.parse("kind", &row.kind)?;
    Ok(PartitionUsage {
        day: (row.product_id.into(), row.day),
        partition: TABLE.take("partition_key", Partition::parse(kind, &row.partition_key))?,
        used: TABLE.take("used", row.used.try_into())?,
        refused: TABLE.take("refused", row.refused.try_into())?,
    })
}
