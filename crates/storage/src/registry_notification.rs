//! What may send notifications about registries.

use keyward_domain::registry::{Notifications, Registry};
use keyward_domain::{OrganizationScope, RegistryId, SecretHash, Timestamp};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, Select};

use crate::connection::Connection;
use crate::convert::Table;
use crate::{Result, registry};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "registry_notifications")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub registry_id: Uuid,
        pub organization_id: Uuid,
        pub hash: Vec<u8>,
        pub hint: String,
        pub created_at: i64,
        pub heard_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("registry_notifications");

/// What may send notifications about the registries of one organization.
pub struct RegistryNotifications<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl RegistryNotifications<'_> {
    /// Of one registry.
    pub async fn find(&self, registry: RegistryId) -> Result<Option<Notifications>> {
        self.one(registry).one(self.tx).await?.map(read).transpose()
    }

    /// Lets the bearer of this secret send them, and nobody else any more. The registry is of this organization.
    pub async fn put(
        &self,
        registry: RegistryId,
        hash: &SecretHash,
        notifications: &Notifications,
    ) -> Result<()> {
        let row = row::ActiveModel {
            registry_id: Set(registry.uuid()),
            organization_id: Set(self.scope.id().uuid()),
            hash: Set(hash.as_bytes().to_vec()),
            hint: Set(notifications.hint.clone()),
            created_at: Set(notifications.created_at.unix()),
            heard_at: Set(notifications.heard_at.map(Timestamp::unix)),
        };
        let columns = [row::Column::Hash, row::Column::Hint, row::Column::CreatedAt, row::Column::HeardAt];
        let replace = OnConflict::column(row::Column::RegistryId).update_columns(columns).to_owned();
        row::Entity::insert(row).on_conflict(replace).exec_without_returning(self.tx).await?;
        Ok(())
    }

    /// Lets nobody send them.
    pub async fn remove(&self, registry: RegistryId) -> Result<()> {
        row::Entity::delete_many()
            .filter(row::Column::RegistryId.eq(registry.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        Ok(())
    }

    /// Notes when the upstream was heard.
    pub async fn heard(&self, registry: RegistryId, at: Timestamp) -> Result<()> {
        row::Entity::update_many()
            .col_expr(row::Column::HeardAt, Expr::value(at.unix()))
            .filter(row::Column::RegistryId.eq(registry.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        Ok(())
    }

    fn one(&self, registry: RegistryId) -> Select<row::Entity> {
        row::Entity::find_by_id(registry.uuid())
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }
}

/// The registry of whatever organization about which the bearer of this secret may tell.
pub(crate) async fn by_hash(tx: &Connection, hash: &SecretHash) -> Result<Option<(Registry, Notifications)>> {
    let found = row::Entity::find().filter(row::Column::Hash.eq(hash.as_bytes().to_vec())).one(tx).await?;
    let Some(row) = found else { return Ok(None) };
    let kept = <[u8; 32]>::try_from(row.hash.as_slice()).map_err(|_| TABLE.corrupt("hash"))?;
    // The look-up is by hash; the comparison in constant time is what decides.
    if SecretHash::from_bytes(kept) != *hash {
        return Ok(None);
    }
    let registry = registry::by_id(tx, row.registry_id.into()).await?;
    registry.map(|registry| Ok((registry, read(row)?))).transpose()
}

fn read(row: row::Model) -> Result<Notifications> {
    Ok(Notifications {
        hint: row.hint,
        created_at: TABLE.time("created_at", row.created_at)?,
        heard_at: TABLE.optional_time("heard_at", row.heard_at)?,
    })
}
