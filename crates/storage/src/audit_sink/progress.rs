//! How each sink takes what it is sent, and how far it has come in a chain.

use keyward_domain::audit_sink::{Reached, SinkCursor, SinkFault, SinkHealth};
use keyward_domain::{AuditSinkId, OrganizationId, OrganizationScope, Timestamp};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};

use crate::Result;
use crate::connection::Connection;
use crate::convert::{ROW, Table};

pub(super) mod health {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_sink_health")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub sink_id: Uuid,
        pub organization_id: Option<Uuid>,
        pub rests_until: i64,
        pub failures: i64,
        pub failing_since: Option<i64>,
        pub fault: Option<String>,
        pub succeeded_at: Option<i64>,
        pub told_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod cursor {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_sink_cursors")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub sink_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization_id: Uuid,
        pub seq: i64,
        pub signed: i64,
        pub reached_at: i64,
        pub mark_seq: i64,
        pub mark_signed: i64,
        pub mark_at: i64,
        pub settled_seq: i64,
        pub settled_signed: i64,
        pub missed: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const HEALTH: Table = Table("audit_sink_health");

/// How far a sink has come in the chain of one organization.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SinkProgress {
    /// Where it is.
    pub cursor: SinkCursor,
    /// How many events it will never have: they were removed before, or the receiver has refused them.
    pub missed: i64,
}

/// How sinks have come along, those of organizations and of the operator.
pub struct SinkProgresses<'a> {
    pub(crate) tx: &'a Connection,
}

impl SinkProgresses<'_> {
    /// Makes room for what is noted of a sink; of one of the operator where there is no organization. Nothing where there is room.
    pub async fn begin(&self, sink: AuditSinkId, organization: Option<OrganizationId>) -> Result<()> {
        let row = health::ActiveModel {
            sink_id: Set(sink.uuid()),
            organization_id: Set(organization.map(|organization| organization.uuid())),
            rests_until: Set(0),
            failures: Set(0),
            ..Default::default()
        };
        let once = OnConflict::column(health::Column::SinkId).do_nothing().to_owned();
        health::Entity::insert(row).on_conflict(once).exec_without_returning(self.tx).await?;
        Ok(())
    }

    /// How a sink has taken what it was sent.
    pub async fn health(&self, sink: AuditSinkId) -> Result<Option<SinkHealth>> {
        health::Entity::find_by_id(sink.uuid()).one(self.tx).await?.map(read_health).transpose()
    }

    /// The same, locked until the end of the transaction.
    pub async fn lock_health(&self, sink: AuditSinkId) -> Result<Option<SinkHealth>> {
        let found = health::Entity::find_by_id(sink.uuid()).lock(ROW).one(self.tx).await?;
        found.map(read_health).transpose()
    }

    /// Notes how a sink has taken what it was sent, and until when it is left alone.
    pub async fn note_health(
        &self,
        sink: AuditSinkId,
        health: SinkHealth,
        rests_until: Timestamp,
    ) -> Result<()> {
        let row = health::ActiveModel {
            rests_until: Set(rests_until.unix()),
            failures: Set(health.failures.into()),
            failing_since: Set(health.failing_since.map(Timestamp::unix)),
            fault: Set(health.fault.map(|fault| fault.as_str().to_owned())),
            succeeded_at: Set(health.succeeded_at.map(Timestamp::unix)),
            told_at: Set(health.told_at.map(Timestamp::unix)),
            ..Default::default()
        };
        let of_sink = health::Column::SinkId.eq(sink.uuid());
        let noted = health::Entity::update_many().set(row).filter(of_sink).exec(self.tx).await?;
        HEALTH.one(noted.rows_affected)
    }

    /// How far a sink has come in an organization's chain, if it has begun.
    pub async fn find(&self, sink: AuditSinkId, scope: OrganizationScope) -> Result<Option<SinkProgress>> {
        let found = cursor::Entity::find_by_id((sink.uuid(), scope.id().uuid())).one(self.tx).await?;
        Ok(found.map(read_cursor))
    }

    /// How far a sink has come in all chains of which something was sent.
    pub async fn all(&self, sink: AuditSinkId) -> Result<Vec<(OrganizationId, SinkProgress)>> {
        let of_sink = cursor::Column::SinkId.eq(sink.uuid());
        let found = cursor::Entity::find().filter(of_sink).all(self.tx).await?;
        Ok(found.into_iter().map(|row| (row.organization_id.into(), read_cursor(row))).collect())
    }

    /// Notes how far a sink has come since it was where `before` says. Not where another server has noted something else meanwhile;
    /// whether it was noted.
    pub async fn advance(
        &self,
        sink: AuditSinkId,
        scope: OrganizationScope,
        before: SinkProgress,
        after: SinkProgress,
    ) -> Result<bool> {
        let own = || {
            Condition::all()
                .add(cursor::Column::SinkId.eq(sink.uuid()))
                .add(cursor::Column::OrganizationId.eq(scope.id().uuid()))
        };
        let moved = cursor::Entity::update_many()
            .set(write_cursor(after))
            .filter(own())
            .filter(cursor::Column::Seq.eq(before.cursor.reached.seq))
            .filter(cursor::Column::Signed.eq(before.cursor.reached.signed))
            .exec(self.tx)
            .await?;
        if moved.rows_affected > 0 {
            return Ok(true);
        }
        let mut row = write_cursor(after);
        row.sink_id = Set(sink.uuid());
        row.organization_id = Set(scope.id().uuid());
        let once = OnConflict::columns([cursor::Column::SinkId, cursor::Column::OrganizationId])
            .do_nothing()
            .to_owned();
        let begun = cursor::Entity::insert(row).on_conflict(once).exec_without_returning(self.tx).await?;
        Ok(begun == 1)
    }

    /// Lets a sink have a chain again from where it is now said to be.
    pub async fn set(&self, sink: AuditSinkId, scope: OrganizationScope, cursor: SinkCursor) -> Result<()> {
        cursor::Entity::update_many()
            .set(cursor::ActiveModel {
                missed: sea_orm::ActiveValue::NotSet,
                ..write_cursor(SinkProgress { cursor, missed: 0 })
            })
            .filter(cursor::Column::SinkId.eq(sink.uuid()))
            .filter(cursor::Column::OrganizationId.eq(scope.id().uuid()))
            .exec(self.tx)
            .await?;
        Ok(())
    }
}

/// Lets others have a sink from `at` on.
pub(crate) async fn release(tx: &Connection, sink: AuditSinkId, at: Timestamp) -> Result<()> {
    health::Entity::update_many()
        .col_expr(health::Column::RestsUntil, Expr::value(at.unix()))
        .filter(health::Column::SinkId.eq(sink.uuid()))
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn remove(tx: &Connection, scope: OrganizationScope, sink: AuditSinkId) -> Result<()> {
    cursor::Entity::delete_many()
        .filter(cursor::Column::SinkId.eq(sink.uuid()))
        .filter(cursor::Column::OrganizationId.eq(scope.id().uuid()))
        .exec(tx)
        .await?;
    health::Entity::delete_many()
        .filter(health::Column::SinkId.eq(sink.uuid()))
        .filter(health::Column::OrganizationId.eq(scope.id().uuid()))
        .exec(tx)
        .await?;
    Ok(())
}

fn read_health(row: health::Model) -> Result<SinkHealth> {
    let fault = |text: String| {
        let known = SinkFault::ALL.into_iter().find(|fault| fault.as_str() == text);
        known.ok_or_else(|| HEALTH.corrupt("fault"))
    };
    Ok(SinkHealth {
        failures: HEALTH.take("failures", row.failures.try_into())?,
        failing_since: HEALTH.optional_time("failing_since", row.failing_since)?,
        fault: row.fault.map(fault).transpose()?,
        succeeded_at: HEALTH.optional_time("succeeded_at", row.succeeded_at)?,
        told_at: HEALTH.optional_time("told_at", row.told_at)?,
    })
}

fn write_cursor(progress: SinkProgress) -> cursor::ActiveModel {
    let SinkProgress { cursor, missed } = progress;
    cursor::ActiveModel {
        seq: Set(cursor.reached.seq),
        signed: Set(cursor.reached.signed),
        reached_at: Set(cursor.reached_at),
        mark_seq: Set(cursor.mark.seq),
        mark_signed: Set(cursor.mark.signed),
        mark_at: Set(cursor.mark_at),
        settled_seq: Set(cursor.settled.seq),
        settled_signed: Set(cursor.settled.signed),
        missed: Set(missed),
        ..Default::default()
    }
}

fn read_cursor(row: cursor::Model) -> SinkProgress {
    let cursor = SinkCursor {
        reached: Reached { seq: row.seq, signed: row.signed },
        reached_at: row.reached_at,
        mark: Reached { seq: row.mark_seq, signed: row.mark_signed },
        mark_at: row.mark_at,
        settled: Reached { seq: row.settled_seq, signed: row.settled_signed },
    };
    SinkProgress { cursor, missed: row.missed }
}
