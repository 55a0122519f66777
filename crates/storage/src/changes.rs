//! What was changed, so that what is in memory can be compared with what is so.
//!
//! Every change of anything an organization has makes a new [`Generation`] of it; beside it stands which thing
//! was changed at which generation. Who holds a copy made at generation 7 asks, in the transaction whose outcome
//! rests on the copy, for what was changed after 7.
//!
//! A number alone would not do: after a fail-over to a standby that missed a change, or a restored backup, the same
//! number is reached again by another change. So each generation has the random id of its change, and the
//! organization keeps the latest ids: a copy of a generation that is not among them is of another history.

use std::collections::{HashMap, HashSet};

use keyward_domain::{ChainEnd, ChainHash, OrganizationId, RecordedEvent};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::Result;
use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::organization::row as organization;

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "changes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub target: Uuid,
        pub generation: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("organizations");

/// How many generations an organization knows by their ids. Who asks less often than once in so many changes
/// starts anew.
const MOST_KNOWN: usize = 32;

/// One state of what an organization has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation {
    /// How many changes led to it.
    pub number: i64,
    /// The random id of the last of them; nil before the first.
    pub id: Uuid,
}

/// The latest generations of one organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    number: i64,
    /// The ids of the last changes, the latest last.
    ids: Vec<Uuid>,
}

impl History {
    /// That of an organization in which nothing was changed yet.
    pub const NONE: Self = Self { number: 0, ids: Vec::new() };

    fn read(number: i64, bytes: &[u8]) -> Result<Self> {
        let ids: Option<Vec<_>> = bytes.chunks(16).map(|id| Uuid::from_slice(id).ok()).collect();
        Ok(Self { number, ids: ids.ok_or_else(|| TABLE.corrupt("history"))? })
    }

    /// The present one.
    pub fn present(&self) -> Generation {
        Generation { number: self.number, id: self.ids.last().copied().unwrap_or_default() }
    }

    /// Those known by their ids, the latest first.
    pub fn known(&self) -> impl Iterator<Item = Generation> {
        let before = (self.ids.len() < MOST_KNOWN).then_some(Uuid::nil());
        let ids = self.ids.iter().rev().copied().chain(before);
        ids.zip((0..=self.number).rev()).map(|(id, number)| Generation { number, id })
    }

    /// After the change with this id.
    #[must_use]
    pub fn after(mut self, change: Uuid) -> Self {
        let surplus = (self.ids.len() + 1).saturating_sub(MOST_KNOWN);
        self.ids.drain(..surplus);
        self.ids.push(change);
        Self { number: self.number + 1, ids: self.ids }
    }

    fn bytes(&self) -> Vec<u8> {
        self.ids.iter().flat_map(|id| *id.as_bytes()).collect()
    }
}

/// The present generations of organizations; of one that is gone, that before the first change.
pub(crate) async fn present(
    tx: &Connection,
    organizations: &HashSet<OrganizationId>,
) -> Result<HashMap<OrganizationId, Generation>> {
    let found: Vec<(Uuid, i64, Uuid)> = organization::Entity::find()
        .filter(organization::Column::Id.is_in(organizations.iter().map(|id| id.uuid())))
        .select_only()
        .column(organization::Column::Id)
        .column(organization::Column::Generation)
        .column(organization::Column::LastChange)
        .into_tuple()
        .all(tx)
        .await?;
    let mut present: HashMap<_, _> = organizations.iter().map(|id| (*id, History::NONE.present())).collect();
    present
        .extend(found.into_iter().map(|(id, number, change)| (id.into(), Generation { number, id: change })));
    Ok(present)
}

/// The changes of one organization.
pub struct Changes<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) organization: OrganizationId,
}

impl Changes<'_> {
    /// The present generation; of an organization that is gone, that before the first change.
    pub async fn present(&self) -> Result<Generation> {
        let present = present(self.tx, &HashSet::from([self.organization])).await?;
        Ok(present.into_values().next().unwrap_or(History::NONE.present()))
    }

    /// The present generation and those before it; none of an organization that is gone.
    pub async fn history(&self) -> Result<History> {
        Ok(self.find(false).await?.map_or(History::NONE, |(history, _)| history))
    }

    /// What was changed after the generation of this number, and when last: up to `most` of it.
    pub async fn since(&self, number: i64, most: u64) -> Result<Vec<(Uuid, i64)>> {
        Ok(row::Entity::find()
            .select_only()
            .column(row::Column::Target)
            .column(row::Column::Generation)
            .filter(row::Column::OrganizationId.eq(self.organization.uuid()))
            .filter(row::Column::Generation.gt(number))
            .limit(most)
            .into_tuple()
            .all(self.tx)
            .await?)
    }

    /// Notes the change with this random id, of `target`. The organization is locked until the end of the transaction,
    /// so that generations become visible in their order. Gives the number of the new one.
    pub async fn note(&self, target: Uuid, change: Uuid) -> Result<i64> {
        let (history, _) = self.find(true).await?.ok_or_else(|| TABLE.corrupt("generation"))?;
        self.write(target, change, history.after(change), None).await
    }

    /// The same for a change that has an event, which gets its place in the chain: the lock keeps others from it.
    pub(crate) async fn note_event(
        &self,
        target: Uuid,
        event: RecordedEvent,
        salt: [u8; 16],
    ) -> Result<(i64, RecordedEvent)> {
        let change = event.event.id.uuid();
        let (history, end) = self.find(true).await?.ok_or_else(|| TABLE.corrupt("generation"))?;
        let event = event.chained(end, salt);
        let end = event.link.as_ref().map(|link| ChainEnd { seq: link.seq, hash: link.hash });
        let number = self.write(target, change, history.after(change), end).await?;
        Ok((number, event))
    }

    async fn write(
        &self,
        target: Uuid,
        change: Uuid,
        history: History,
        end: Option<ChainEnd>,
    ) -> Result<i64> {
        let mut raised = organization::Entity::update_many()
            .col_expr(organization::Column::Generation, Expr::value(history.number))
            .col_expr(organization::Column::LastChange, Expr::value(change))
            .col_expr(organization::Column::History, Expr::value(history.bytes()));
        if let Some(end) = end {
            raised = raised
                .col_expr(organization::Column::AuditSeq, Expr::value(end.seq))
                .col_expr(organization::Column::AuditHash, Expr::value(end.hash.as_bytes().to_vec()));
        }
        let raised = raised.filter(organization::Column::Id.eq(self.organization.uuid()));
        TABLE.one(raised.exec(self.tx).await?.rows_affected)?;
        let row = row::ActiveModel {
            organization_id: Set(self.organization.uuid()),
            target: Set(target),
            generation: Set(history.number),
        };
        let again = OnConflict::columns([row::Column::OrganizationId, row::Column::Target])
            .update_column(row::Column::Generation)
            .to_owned();
        row::Entity::insert(row).on_conflict(again).exec_without_returning(self.tx).await?;
        Ok(history.number)
    }

    async fn find(&self, locked: bool) -> Result<Option<(History, ChainEnd)>> {
        let found = organization::Entity::find_by_id(self.organization.uuid())
            .select_only()
            .column(organization::Column::Generation)
            .column(organization::Column::History)
            .column(organization::Column::AuditSeq)
            .column(organization::Column::AuditHash);
        let found = if locked { found.lock(ROW) } else { found };
        let found: Option<(i64, Vec<u8>, i64, Vec<u8>)> = found.into_tuple().one(self.tx).await?;
        let found = found.map(|(number, history, seq, hash)| {
            Ok((History::read(number, &history)?, chain_end(seq, hash)?))
        });
        found.transpose()
    }
}

/// The end of a chain, as an organization's row has it.
pub(crate) fn chain_end(seq: i64, hash: Vec<u8>) -> Result<ChainEnd> {
    if hash.is_empty() {
        return Ok(ChainEnd { seq, hash: ChainHash::NONE });
    }
    let hash = TABLE.take("audit_hash", hash.try_into())?;
    Ok(ChainEnd { seq, hash: ChainHash::from_bytes(hash) })
}
