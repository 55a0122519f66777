//! Places in registries that are to be looked at soon. Work of the server itself, whatever the organization.

use keyward_domain::registry::{Hint, Registry};
use keyward_domain::{RegistryId, Timestamp};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::connection::Connection;
use crate::convert::Table;
use crate::{Result, due, registry};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "registry_hints")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub registry_id: Uuid,
        pub repository: String,
        pub tag: String,
        pub noted_at: i64,
        pub due_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("registry_hints");

/// A hint that is kept until someone has looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptHint {
    /// Another one once the same place is noted again.
    pub id: Uuid,
    /// Where to look.
    pub hint: Hint,
    /// When it was noted.
    pub noted_at: Timestamp,
}

/// Places in registries that are to be looked at.
pub struct RegistryHints<'a> {
    pub(crate) tx: &'a Connection,
}

impl RegistryHints<'_> {
    /// How many there are of one registry.
    pub async fn count(&self, registry: RegistryId) -> Result<u64> {
        Ok(row::Entity::find().filter(row::Column::RegistryId.eq(registry.uuid())).count(self.tx).await?)
    }

    /// Notes a place, under a fresh `id`; one that is noted already is noted anew.
    pub async fn note(&self, id: Uuid, registry: RegistryId, hint: &Hint, now: Timestamp) -> Result<()> {
        let row = row::ActiveModel {
            id: Set(id),
            registry_id: Set(registry.uuid()),
            repository: Set(hint.repository.to_string()),
            tag: Set(hint.tag.as_ref().map(ToString::to_string).unwrap_or_default()),
            noted_at: Set(now.unix()),
            due_at: Set(now.unix()),
        };
        let place = [row::Column::RegistryId, row::Column::Repository, row::Column::Tag];
        let again = OnConflict::columns(place)
            .update_columns([row::Column::Id, row::Column::NotedAt, row::Column::DueAt])
            .to_owned();
        row::Entity::insert(row).on_conflict(again).exec_without_returning(self.tx).await?;
        Ok(())
    }

    /// Registries with something to look at at `now`, at most `most`; no place is put off by more than the seconds beside it.
    pub async fn registries(&self, now: (Timestamp, i64), most: u64) -> Result<Vec<Registry>> {
        let ids: Vec<Uuid> = row::Entity::find()
            .select_only()
            .column(row::Column::RegistryId)
            .distinct()
            .filter(due::at(row::Column::DueAt, now.1, now.0))
            .limit(most)
            .into_tuple()
            .all(self.tx)
            .await?;
        let mut registries = Vec::new();
        for id in ids {
            registries.extend(registry::by_id(self.tx, id.into()).await?);
        }
        Ok(registries)
    }

    /// The same places in one registry, what was noted first at first.
    pub async fn due(&self, registry: RegistryId, now: (Timestamp, i64), most: u64) -> Result<Vec<KeptHint>> {
        let rows = row::Entity::find()
            .filter(row::Column::RegistryId.eq(registry.uuid()))
            .filter(due::at(row::Column::DueAt, now.1, now.0))
            .order_by_asc(row::Column::NotedAt)
            .limit(most)
            .all(self.tx)
            .await?;
        rows.into_iter().map(read).collect()
    }

    /// Gives whoever asks the right to look there until `until`, if the place is due and nobody else has it; whether it did. No
    /// place is put off by more than the seconds beside `now`.
    pub async fn claim(&self, id: Uuid, now: (Timestamp, i64), until: Timestamp) -> Result<bool> {
        let claimed = row::Entity::update_many()
            .col_expr(row::Column::DueAt, Expr::value(until.unix()))
            .filter(row::Column::Id.eq(id))
            .filter(due::at(row::Column::DueAt, now.1, now.0))
            .exec(self.tx)
            .await?;
        Ok(claimed.rows_affected == 1)
    }

    /// It has been looked there. What was noted since stays.
    pub async fn done(&self, id: Uuid) -> Result<()> {
        row::Entity::delete_by_id(id).exec(self.tx).await?;
        Ok(())
    }

    /// Puts one off until `again`, unless it was noted anew.
    pub async fn put_off(&self, id: Uuid, again: Timestamp) -> Result<()> {
        row::Entity::update_many()
            .col_expr(row::Column::DueAt, Expr::value(again.unix()))
            .filter(row::Column::Id.eq(id))
            .exec(self.tx)
            .await?;
        Ok(())
    }

    /// Forgets all of one registry.
    pub async fn clear(&self, registry: RegistryId) -> Result<()> {
        row::Entity::delete_many().filter(row::Column::RegistryId.eq(registry.uuid())).exec(self.tx).await?;
        Ok(())
    }
}

fn read(row: row::Model) -> Result<KeptHint> {
    let tag = Some(row.tag.as_str()).filter(|tag| !tag.is_empty());
    let hint =
        Hint { repository: TABLE.parse("repository", &row.repository)?, tag: TABLE.optional("tag", tag)? };
    Ok(KeptHint { id: row.id, hint, noted_at: TABLE.time("noted_at", row.noted_at)? })
}
