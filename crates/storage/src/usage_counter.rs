//! What each counter was allotted of products' daily buckets, and has counted.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use keyward_domain::bucket::Allotment;
use keyward_domain::{OrganizationId, ProductId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder,
    QueryResult, QuerySelect, Statement,
};
use serde::Serialize;
use uuid::Uuid;

use crate::changes::Generation;
use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::recordset::{Kind, recordset};
use crate::usage::{self, row as direct};
use crate::{Result, Usage, UsageDays};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "usage_counters")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub product_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub day: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub counter: Uuid,
        pub bucket: Option<i64>,
        pub allotted: i64,
        pub used: i64,
        pub answers: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("usage_counters");

/// One day of one product.
pub type ProductDay = (ProductId, i64);

/// What one counter was allotted and has counted on one day of one product.
#[derive(Debug, Clone)]
pub struct CounterDay {
    /// Of which product.
    pub product: ProductId,
    /// By which counter.
    pub counter: Uuid,
    /// How large the bucket was when it was allotted; `None` for one without bottom.
    pub bucket: Option<u32>,
    /// How many the counter may count.
    pub allotted: u64,
    /// What it has counted.
    pub usage: Usage,
}

impl CounterDay {
    /// Its allotment.
    pub fn allotment(&self) -> Allotment {
        Allotment { limit: self.bucket, allotted: self.allotted, used: self.usage.used }
    }
}

/// What a counter has to count of one product's day, and on what condition.
#[derive(Debug)]
pub struct Count {
    /// Which product.
    pub product: ProductId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// The organization's generation: nothing was changed since.
    pub generation: Generation,
    /// How many the counter had counted.
    pub before: u64,
    /// What it has counted then.
    pub after: Usage,
}

/// All counters' days.
pub struct CounterDays<'a> {
    pub(crate) tx: &'a Connection,
}

impl CounterDays<'_> {
    /// Locks the buckets of products' days until the end of the transaction, each server in the same order. Gives what was counted
    /// without an allotment.
    pub async fn lock(&self, days: &BTreeSet<ProductDay>) -> Result<BTreeMap<ProductDay, Usage>> {
        let locked = self.find_and_lock(days).await?;
        if locked.len() == days.len() {
            return Ok(locked);
        }
        // A row that is not there can't be locked, so it is made first; of several who do, one does.
        let empty = days.iter().map(|(product, day)| direct::ActiveModel {
            product_id: Set(product.uuid()),
            day: Set(*day),
            used: Set(0),
            answers: Set("{}".to_owned()),
        });
        let key = [direct::Column::ProductId, direct::Column::Day];
        let mine = OnConflict::columns(key).do_nothing().to_owned();
        direct::Entity::insert_many(empty).on_conflict(mine).exec_without_returning(self.tx).await?;
        self.find_and_lock(days).await
    }

    async fn find_and_lock(&self, days: &BTreeSet<ProductDay>) -> Result<BTreeMap<ProductDay, Usage>> {
        // More than is wanted where the days differ, which they do at midnight alone.
        let rows = direct::Entity::find()
            .filter(direct::Column::ProductId.is_in(days.iter().map(|(product, _)| product.uuid())))
            .filter(direct::Column::Day.is_in(days.iter().map(|(_, day)| *day)))
            .order_by_asc(direct::Column::ProductId)
            .order_by_asc(direct::Column::Day)
            .lock(ROW)
            .all(self.tx)
            .await?;
        let rows = rows.into_iter().map(|row| Ok((row.product_id.into(), usage::read(row)?)));
        let rows = rows.map(|row| row.map(|(product, usage)| ((product, usage.day), usage)));
        rows.filter(|row| row.as_ref().map_or(true, |(day, _)| days.contains(day))).collect()
    }

    /// What all counters were allotted of these days, and have counted. With `locked`, none of them counts on until the end of the
    /// transaction.
    pub async fn find(&self, days: &BTreeSet<ProductDay>, locked: bool) -> Result<Vec<CounterDay>> {
        let rows = row::Entity::find()
            .filter(row::Column::ProductId.is_in(days.iter().map(|(product, _)| product.uuid())))
            .filter(row::Column::Day.is_in(days.iter().map(|(_, day)| *day)))
            .order_by_asc(row::Column::ProductId)
            .order_by_asc(row::Column::Day)
            .order_by_asc(row::Column::Counter);
        let rows = if locked { rows.lock(ROW) } else { rows };
        let rows = rows.all(self.tx).await?.into_iter().map(read);
        rows.filter(|row| row.as_ref().map_or(true, |row| days.contains(&(row.product, row.usage.day))))
            .collect()
    }

    /// Writes days of buckets that are locked: the writing counter's own, and those of others that were locked as well.
    pub async fn save(&self, days: &[CounterDay]) -> Result<()> {
        if days.is_empty() {
            return Ok(());
        }
        let rows = days.iter().map(write).collect::<Result<Vec<_>>>()?;
        let again = OnConflict::columns([row::Column::ProductId, row::Column::Day, row::Column::Counter])
            .update_columns([
                row::Column::Bucket,
                row::Column::Allotted,
                row::Column::Used,
                row::Column::Answers,
            ])
            .to_owned();
        row::Entity::insert_many(rows).on_conflict(again).exec_without_returning(self.tx).await?;
        Ok(())
    }

    /// Days before `day` that are still divided, at most `most`.
    pub async fn divided_before(&self, day: i64, most: u64) -> Result<Vec<ProductDay>> {
        let days: Vec<(Uuid, i64)> = row::Entity::find()
            .select_only()
            .column(row::Column::ProductId)
            .column(row::Column::Day)
            .distinct()
            .filter(row::Column::Day.lt(day))
            .order_by_asc(row::Column::ProductId)
            .order_by_asc(row::Column::Day)
            .limit(most)
            .into_tuple()
            .all(self.tx)
            .await?;
        Ok(days.into_iter().map(|(product, day)| (ProductId::from(product), day)).collect())
    }

    /// Adds up what counters have counted on one day that is over.
    pub async fn add_up(&self, (product, day): ProductDay) -> Result<()> {
        let (days, only) = (UsageDays { tx: self.tx, product }, BTreeSet::from([(product, day)]));
        let mut usage = days.lock(day).await?;
        for counted in self.find(&only, true).await? {
            usage.add(&counted.usage);
        }
        days.save(&usage).await?;
        row::Entity::delete_many()
            .filter(row::Column::ProductId.eq(product.uuid()))
            .filter(row::Column::Day.eq(day))
            .exec(self.tx)
            .await?;
        Ok(())
    }
}

/// One `Count` as the statement reads it.
#[derive(Serialize)]
struct CountRow {
    product: uuid::fmt::Simple,
    /// Named unlike the column, which is given back.
    of_day: i64,
    before: u64,
    used: u64,
    answers: String,
    organization: uuid::fmt::Simple,
    generation: i64,
    change: uuid::fmt::Simple,
}

const COLUMNS: [(&str, Kind); 8] = [
    ("product", Kind::Uuid),
    ("of_day", Kind::Number),
    ("before", Kind::Number),
    ("used", Kind::Number),
    ("answers", Kind::Text),
    ("organization", Kind::Uuid),
    ("generation", Kind::Number),
    ("change", Kind::Uuid),
];

/// Writes what `counter` has counted, where its allotment suffices, its row is as it was, and nothing of the organization was
/// changed. Gives the days that were written. One statement, whatever the number of days, and durable when it returns if it
/// stands alone.
pub(crate) async fn count<'a>(
    connection: &impl ConnectionTrait,
    counter: Uuid,
    counts: impl IntoIterator<Item = &'a Count>,
) -> Result<HashSet<ProductDay>> {
    let statement = statement(connection.get_database_backend(), counter, counts)?;
    let written = connection.query_all_raw(statement).await?;
    let day =
        |row: &QueryResult| Ok((ProductId::from(row.try_get_by_index::<Uuid>(0)?), row.try_get_by_index(1)?));
    written.iter().map(day).collect()
}

pub(crate) fn statement<'a>(
    backend: DbBackend,
    counter: Uuid,
    counts: impl IntoIterator<Item = &'a Count>,
) -> Result<Statement> {
    let row = |count: &Count| {
        Ok(CountRow {
            product: count.product.uuid().simple(),
            of_day: count.after.day,
            before: count.before,
            used: count.after.used,
            answers: answers(&count.after)?,
            organization: count.organization.uuid().simple(),
            generation: count.generation.number,
            change: count.generation.id.simple(),
        })
    };
    let rows = counts.into_iter().map(row).collect::<Result<Vec<_>>>()?;
    let rows = TABLE.take("used", serde_json::to_string(&rows))?;
    let new = recordset(backend, &COLUMNS);
    let text = format!(
        "UPDATE usage_counters AS own SET used = new.used, answers = new.answers FROM {new}
        JOIN organizations ON organizations.id = new.organization
            AND organizations.generation = new.generation AND organizations.last_change = new.change
        WHERE own.product_id = new.product AND own.day = new.of_day AND own.counter = $2
            AND own.used = new.before AND own.allotted >= new.used
        RETURNING product_id, day"
    );
    Ok(Statement::from_sql_and_values(backend, text, [rows.into(), counter.into()]))
}

fn answers(usage: &Usage) -> Result<String> {
    TABLE.take("answers", serde_json::to_string(&usage.answers))
}

fn write(day: &CounterDay) -> Result<row::ActiveModel> {
    Ok(row::ActiveModel {
        product_id: Set(day.product.uuid()),
        day: Set(day.usage.day),
        counter: Set(day.counter),
        bucket: Set(day.bucket.map(i64::from)),
        allotted: Set(TABLE.take("allotted", i64::try_from(day.allotted))?),
        used: Set(TABLE.take("used", i64::try_from(day.usage.used))?),
        answers: Set(answers(&day.usage)?),
    })
}

pub(crate) fn read(row: row::Model) -> Result<CounterDay> {
    let usage = Usage {
        day: row.day,
        used: TABLE.take("used", row.used.try_into())?,
        answers: TABLE.take("answers", serde_json::from_str(&row.answers))?,
    };
    Ok(CounterDay {
        product: row.product_id.into(),
        counter: row.counter,
        bucket: row.bucket.map(|size| TABLE.take("bucket", size.try_into())).transpose()?,
        allotted: TABLE.take("allotted", row.allotted.try_into())?,
        usage,
    })
}
