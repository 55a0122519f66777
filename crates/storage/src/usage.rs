//! How often each product was asked on each day, by those who count without an allotment; and all together.

use std::collections::{BTreeMap, BTreeSet};

use keyward_domain::ProductId;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::Result;
use crate::connection::Connection;
use crate::convert::Table;
use crate::usage_counter as counter;

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "product_usage")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub product_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub day: i64,
        pub used: i64,
        pub answers: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("product_usage");

/// One day of one product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Days since 1970-01-01 (UTC).
    pub day: i64,
    /// How many requests were let in.
    pub used: u64,
    /// What they were answered, by name.
    pub answers: BTreeMap<String, u64>,
}

impl Usage {
    /// A day on which nothing was asked.
    pub fn none(day: i64) -> Self {
        Self { day, used: 0, answers: BTreeMap::new() }
    }

    /// Lets one more in, which is answered with `answer`.
    pub fn count(&mut self, answer: &str) {
        self.used += 1;
        match self.answers.get_mut(answer) {
            Some(count) => *count += 1,
            None => drop(self.answers.insert(answer.to_owned(), 1)),
        }
    }

    /// Adds what was counted elsewhere.
    pub(crate) fn add(&mut self, other: &Self) {
        self.used += other.used;
        for (answer, count) in &other.answers {
            *self.answers.entry(answer.clone()).or_default() += count;
        }
    }
}

/// The days of one product.
pub struct UsageDays<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) product: ProductId,
}

impl UsageDays<'_> {
    /// One day, locked until the end of the transaction.
    pub async fn lock(&self, day: i64) -> Result<Usage> {
        let day = (self.product, day);
        let locked = counter::CounterDays { tx: self.tx }.lock(&BTreeSet::from([day])).await?.remove(&day);
        locked.ok_or_else(|| TABLE.corrupt("day"))
    }

    /// Writes a day that is locked.
    pub async fn save(&self, usage: &Usage) -> Result<()> {
        let answers = TABLE.take("answers", serde_json::to_string(&usage.answers))?;
        let used = TABLE.take("used", i64::try_from(usage.used))?;
        let saved = row::Entity::update_many()
            .col_expr(row::Column::Used, Expr::value(used))
            .col_expr(row::Column::Answers, Expr::value(answers))
            .filter(row::Column::ProductId.eq(self.product.uuid()))
            .filter(row::Column::Day.eq(usage.day))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    /// The days from `first` to `last` on which anything was asked, the latest first, with all that was counted.
    pub async fn list(&self, first: i64, last: i64) -> Result<Vec<Usage>> {
        let direct = row::Entity::find()
            .filter(row::Column::ProductId.eq(self.product.uuid()))
            .filter(row::Column::Day.between(first, last))
            .all(self.tx)
            .await?;
        let allotted = counter::row::Entity::find()
            .filter(counter::row::Column::ProductId.eq(self.product.uuid()))
            .filter(counter::row::Column::Day.between(first, last))
            .all(self.tx)
            .await?;
        let counted = direct.into_iter().map(read);
        let mut days = BTreeMap::new();
        for usage in counted.chain(allotted.into_iter().map(|row| counter::read(row).map(|day| day.usage))) {
            let usage = usage?;
            days.entry(usage.day).or_insert_with(|| Usage::none(usage.day)).add(&usage);
        }
        Ok(days.into_values().rev().filter(|day| day.used > 0).collect())
    }
}

pub(crate) fn read(row: row::Model) -> Result<Usage> {
    Ok(Usage {
        day: row.day,
        used: TABLE.take("used", row.used.try_into())?,
        answers: TABLE.take("answers", serde_json::from_str(&row.answers))?,
    })
}
