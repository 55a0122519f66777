//! Jobs of the servers, whatever the organization: one row for each kind.

use keyward_domain::job::JobClaim;
use keyward_domain::{JobHealth, JobStatus, Timestamp};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::{Result, due};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "jobs")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub period: i64,
        pub due_at: i64,
        pub claimed_by: Option<Uuid>,
        pub claimed_until: Option<i64>,
        pub started_at: Option<i64>,
        pub finished_at: Option<i64>,
        pub done: i64,
        pub succeeded_at: Option<i64>,
        pub failures: i64,
        pub failing_since: Option<i64>,
        pub failed_at: Option<i64>,
        pub last_error: Option<String>,
        pub put_off: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("jobs");

/// The jobs of the servers.
pub struct Jobs<'a> {
    pub(crate) tx: &'a Connection,
}

impl Jobs<'_> {
    /// Makes a job known that is not, due at `now`.
    pub async fn begin(&self, name: &str, period: i64, now: Timestamp) -> Result<()> {
        let row = row::ActiveModel {
            name: Set(name.to_owned()),
            period: Set(period),
            due_at: Set(now.unix()),
            claimed_by: Set(None),
            claimed_until: Set(None),
            started_at: Set(None),
            finished_at: Set(None),
            done: Set(0),
            succeeded_at: Set(None),
            failures: Set(0),
            failing_since: Set(None),
            failed_at: Set(None),
            last_error: Set(None),
            put_off: Set(false),
        };
        let first = OnConflict::column(row::Column::Name).do_nothing().to_owned();
        row::Entity::insert(row).on_conflict(first).exec_without_returning(self.tx).await?;
        Ok(())
    }

    /// One of them.
    pub async fn find(&self, name: &str) -> Result<Option<JobStatus>> {
        row::Entity::find_by_id(name.to_owned()).one(self.tx).await?.map(read).transpose()
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, name: &str) -> Result<Option<JobStatus>> {
        row::Entity::find_by_id(name.to_owned()).lock(ROW).one(self.tx).await?.map(read).transpose()
    }

    /// All of them, by name.
    pub async fn all(&self) -> Result<Vec<JobStatus>> {
        let rows = row::Entity::find().order_by_asc(row::Column::Name).all(self.tx).await?;
        rows.into_iter().map(read).collect()
    }

    /// Gives a server the right to do a job for `lease` seconds, if the job is due and no other has it; whether it did. No job
    /// is put off by more than `longest` seconds.
    pub async fn claim(
        &self,
        name: &str,
        server: Uuid,
        now: Timestamp,
        (longest, lease): (i64, i64),
    ) -> Result<bool> {
        let claimed = row::Entity::update_many()
            .col_expr(row::Column::ClaimedBy, Expr::value(server))
            .col_expr(row::Column::ClaimedUntil, Expr::value(now.plus_seconds(lease).unix()))
            .col_expr(row::Column::StartedAt, Expr::value(now.unix()))
            .filter(row::Column::Name.eq(name))
            .filter(due::at(row::Column::DueAt, longest, now))
            .filter(due::unclaimed(row::Column::ClaimedUntil, lease, now))
            .exec(self.tx)
            .await?;
        Ok(claimed.rows_affected == 1)
    }

    /// Gives a server that right for longer; whether it had it still.
    pub async fn renew(&self, name: &str, server: Uuid, until: Timestamp) -> Result<bool> {
        let renewed = row::Entity::update_many()
            .col_expr(row::Column::ClaimedUntil, Expr::value(until.unix()))
            .filter(row::Column::Name.eq(name))
            .filter(row::Column::ClaimedBy.eq(server))
            .exec(self.tx)
            .await?;
        Ok(renewed.rows_affected == 1)
    }

    /// Writes one that was locked.
    pub async fn save(&self, job: &JobStatus) -> Result<()> {
        let health = &job.health;
        let row = row::ActiveModel {
            name: NotSet,
            period: Set(job.period),
            due_at: Set(job.due_at.unix()),
            claimed_by: Set(job.claim.map(|claim| claim.server)),
            claimed_until: Set(job.claim.map(|claim| claim.until.unix())),
            started_at: Set(job.started_at.map(Timestamp::unix)),
            finished_at: Set(job.finished_at.map(Timestamp::unix)),
            done: Set(TABLE.take("done", job.done.try_into())?),
            succeeded_at: Set(health.succeeded_at.map(Timestamp::unix)),
            failures: Set(health.failures.into()),
            failing_since: Set(health.failing_since.map(Timestamp::unix)),
            failed_at: Set(health.failed_at.map(Timestamp::unix)),
            last_error: Set(health.last_error.clone()),
            put_off: Set(health.put_off),
        };
        let set = row::Entity::update_many().set(row);
        let saved = set.filter(row::Column::Name.eq(&job.name)).exec(self.tx).await?;
        TABLE.one(saved.rows_affected)
    }
}

fn read(row: row::Model) -> Result<JobStatus> {
    let claim = match (row.claimed_by, row.claimed_until) {
        (Some(server), Some(until)) => Some(JobClaim { server, until: TABLE.time("claimed_until", until)? }),
        (None, None) => None,
        _ => return Err(TABLE.corrupt("claimed_until")),
    };
    Ok(JobStatus {
        name: row.name,
        period: row.period,
        due_at: TABLE.time("due_at", row.due_at)?,
        claim,
        started_at: TABLE.optional_time("started_at", row.started_at)?,
        finished_at: TABLE.optional_time("finished_at", row.finished_at)?,
        done: TABLE.take("done", row.done.try_into())?,
        health: JobHealth {
            succeeded_at: TABLE.optional_time("succeeded_at", row.succeeded_at)?,
            failures: TABLE.take("failures", row.failures.try_into())?,
            failing_since: TABLE.optional_time("failing_since", row.failing_since)?,
            failed_at: TABLE.optional_time("failed_at", row.failed_at)?,
            last_error: row.last_error,
            put_off: row.put_off,
        },
    })
}
