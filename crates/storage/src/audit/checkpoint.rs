//! Up to where the chain was signed, where what is kept of it begins, and what is counted for it.

use std::collections::BTreeMap;

use keyward_domain::{ChainEnd, ChainHash, OrganizationId, OrganizationScope, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait as _, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Statement, Value,
};
use uuid::Uuid;

use super::{hash_of, row as events};
use crate::changes::chain_end;
use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::organization::row as organization;
use crate::{Result, due};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_checkpoints")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub seq: i64,
        pub hash: Vec<u8>,
        pub at: i64,
        #[sea_orm(column_type = "Text")]
        pub token: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod count {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_counts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub day: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub what: String,
        pub count: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("audit_checkpoints");
const ORGANIZATIONS: Table = Table("organizations");

/// What was signed: that the chain ended so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Where the chain ended.
    pub end: ChainEnd,
    /// When it was first signed.
    pub at: Timestamp,
    /// The signed text.
    pub token: String,
}

/// What of a chain is not signed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsigned {
    /// Where it ends.
    pub end: ChainEnd,
    /// The number up to which it is signed.
    pub signed: i64,
    /// When that was.
    pub signed_at: Timestamp,
    /// The number of the last event that is no longer kept.
    pub cut: i64,
}

/// The checkpoints of one organization.
pub struct Checkpoints<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Checkpoints<'_> {
    /// How the chain stands, locked until the end of the transaction: nothing is added to it meanwhile.
    pub async fn lock(&self) -> Result<Option<Unsigned>> {
        self.stand(true).await
    }

    /// How the chain stands.
    pub async fn find(&self) -> Result<Option<Unsigned>> {
        self.stand(false).await
    }

    async fn stand(&self, locked: bool) -> Result<Option<Unsigned>> {
        use organization::Column::{AuditCutSeq, AuditHash, AuditSeq, AuditSignedAt, AuditSignedSeq};
        let found = organization::Entity::find_by_id(self.scope.id().uuid()).select_only().columns([
            AuditSeq,
            AuditHash,
            AuditSignedSeq,
            AuditSignedAt,
            AuditCutSeq,
        ]);
        let found = if locked { found.lock(ROW) } else { found };
        let found: Option<(i64, Vec<u8>, i64, i64, i64)> = found.into_tuple().one(self.tx).await?;
        let Some((seq, hash, signed, signed_at, cut)) = found else { return Ok(None) };
        let signed_at = ORGANIZATIONS.time("audit_signed_at", signed_at)?;
        Ok(Some(Unsigned { end: chain_end(seq, hash)?, signed, signed_at, cut }))
    }

    /// The hash of the event with this number.
    pub async fn hash(&self, seq: i64) -> Result<Option<ChainHash>> {
        let found = events::Entity::find()
            .select_only()
            .column(events::Column::Hash)
            .filter(events::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(events::Column::Seq.eq(seq));
        let found: Option<Option<Vec<u8>>> = found.into_tuple().one(self.tx).await?;
        found.flatten().map(|hash| hash_of("hash", hash)).transpose()
    }

    /// Adds one, in place of one for the same end.
    pub async fn put(&self, checkpoint: &Checkpoint) -> Result<()> {
        let row = row::ActiveModel {
            organization_id: Set(self.scope.id().uuid()),
            seq: Set(checkpoint.end.seq),
            hash: Set(checkpoint.end.hash.as_bytes().to_vec()),
            at: Set(checkpoint.at.unix()),
            token: Set(checkpoint.token.clone()),
        };
        let again = OnConflict::columns([row::Column::OrganizationId, row::Column::Seq])
            // By its age what is older is removed, however often it is signed anew.
            .update_column(row::Column::Token)
            .to_owned();
        row::Entity::insert(row).on_conflict(again).exec_without_returning(self.tx).await?;
        self.signed(checkpoint.end.seq, checkpoint.at).await
    }

    /// Notes that it was signed up to a number, or was to be.
    pub async fn signed(&self, seq: i64, at: Timestamp) -> Result<()> {
        let noted = organization::Entity::update_many()
            .col_expr(organization::Column::AuditSignedSeq, Expr::value(seq))
            .col_expr(organization::Column::AuditSignedAt, Expr::value(at.unix()))
            .filter(organization::Column::Id.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        ORGANIZATIONS.one(noted.rows_affected)
    }

    /// Those from one number up to another, in their order.
    pub async fn between(&self, first: i64, last: i64) -> Result<Vec<Checkpoint>> {
        let found = row::Entity::find()
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::Seq.between(first, last))
            .order_by_asc(row::Column::Seq);
        found.all(self.tx).await?.into_iter().map(read).collect()
    }
}

fn read(row: row::Model) -> Result<Checkpoint> {
    let hash = hash_of("hash", row.hash)?;
    let end = ChainEnd { seq: row.seq, hash };
    Ok(Checkpoint { end, at: TABLE.time("at", row.at)?, token: row.token })
}

/// The organization whose chain was signed longest ago, of those with more than `most` events that are not signed, or any for
/// `period` seconds. It is locked until the end of the transaction; of several who ask at once, each gets another.
pub(crate) async fn next_unsigned(
    tx: &Connection,
    now: Timestamp,
    period: i64,
    most: i64,
) -> Result<Option<OrganizationId>> {
    use organization::Column::{AuditSeq, AuditSignedAt, AuditSignedSeq, Id};
    let open = Expr::col(AuditSeq).sub(Expr::col(AuditSignedSeq));
    let due = due::since(AuditSignedAt, period, now).add(open.clone().gte(most));
    let unsigned = organization::Entity::find().select_only().column(Id).filter(open.gt(0));
    let found: Option<Uuid> = due::next(unsigned, due, AuditSignedAt).limit(1).into_tuple().one(tx).await?;
    Ok(found.map(OrganizationId::from))
}

/// Moves the beginning of what is kept up to the last checkpoint from before `before`, in at most `most` organizations: what is older
/// can then be removed. Gives in how many.
pub(crate) async fn cut(tx: &Connection, before: Timestamp, most: u64) -> Result<u64> {
    let backend = tx.get_database_backend();
    let sql = format!(
        "SELECT organizations.id, MAX(checkpoints.seq) FROM audit_checkpoints AS checkpoints
            JOIN organizations ON organizations.id = checkpoints.organization_id
            WHERE checkpoints.at < $1 AND checkpoints.seq > organizations.audit_cut_seq
            GROUP BY organizations.id ORDER BY organizations.id LIMIT {most}"
    );
    let found = Statement::from_sql_and_values(backend, sql, [before.unix().into()]);
    let mut moved = 0;
    for row in tx.query_all_raw(found).await? {
        let (id, seq): (Uuid, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        for sql in [
            "UPDATE organizations SET audit_cut_seq = $2 WHERE id = $1 AND audit_cut_seq < $2",
            "DELETE FROM audit_checkpoints WHERE organization_id = $1 AND seq < $2",
        ] {
            let values: [Value; 2] = [id.into(), seq.into()];
            tx.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        }
        moved += 1;
    }
    Ok(moved)
}

/// What is counted for the chain of one organization, by days.
pub struct AuditCounts<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl AuditCounts<'_> {
    /// Adds to a count.
    pub async fn add(&self, day: i64, what: &str, more: u64) -> Result<()> {
        let more = i64::try_from(more).unwrap_or(i64::MAX);
        let row = count::ActiveModel {
            organization_id: Set(self.scope.id().uuid()),
            day: Set(day),
            what: Set(what.to_owned()),
            count: Set(more),
        };
        let key = [count::Column::OrganizationId, count::Column::Day, count::Column::What];
        let added = Expr::col((count::Entity, count::Column::Count)).add(more);
        let again = OnConflict::columns(key).value(count::Column::Count, added).to_owned();
        count::Entity::insert(row).on_conflict(again).exec_without_returning(self.tx).await?;
        Ok(())
    }

    /// Takes the counts of the oldest day before this one out.
    pub async fn take(&self, before: i64) -> Result<Option<(i64, BTreeMap<String, i64>)>> {
        let own = || count::Column::OrganizationId.eq(self.scope.id().uuid());
        let day = count::Entity::find().select_only().column(count::Column::Day).filter(own());
        let day = day.filter(count::Column::Day.lt(before)).order_by_asc(count::Column::Day).limit(1);
        let Some(day) = day.into_tuple::<i64>().one(self.tx).await? else { return Ok(None) };
        let of_day = || Condition::all().add(own()).add(count::Column::Day.eq(day));
        let rows = count::Entity::find().filter(of_day()).all(self.tx).await?;
        count::Entity::delete_many().filter(of_day()).exec(self.tx).await?;
        Ok(Some((day, rows.into_iter().map(|row| (row.what, row.count)).collect())))
    }
}

/// An organization with counts of a day before this one.
pub(crate) async fn organization_with_counts(tx: &Connection, before: i64) -> Result<Option<OrganizationId>> {
    let found = count::Entity::find().select_only().column(count::Column::OrganizationId);
    let found = found.filter(count::Column::Day.lt(before)).order_by_asc(count::Column::Day).limit(1);
    Ok(found.into_tuple::<Uuid>().one(tx).await?.map(OrganizationId::from))
}
