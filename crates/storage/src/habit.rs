//! What a key or license usually does: in which networks it is known, and how often it does something in an hour.

use keyward_domain::AddressRange;
use keyward_domain::registry::{Decision, Footprint, Holder, RegistryEvent};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::Result;
use crate::connection::Connection;
use crate::convert::Table;

mod network {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "registry_networks")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub key_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub network: String,
        pub known_from: i64,
        pub last_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod hour {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "registry_hours")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub holder_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub operation: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub hour: i64,
        pub times: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const NETWORKS: Table = Table("registry_networks");
const HOURS: Table = Table("registry_hours");

/// The habits of one key or license.
pub struct Habits<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) holder: Holder,
}

impl Habits<'_> {
    /// How it stands with a network.
    pub async fn footprint(&self, network: &AddressRange) -> Result<Option<Footprint>> {
        let id = (self.id(), network.to_string());
        let found = network::Entity::find_by_id(id).one(self.tx).await?;
        found
            .map(|row| {
                let known_from = NETWORKS.time("known_from", row.known_from)?;
                Ok(Footprint { known_from, last_at: NETWORKS.time("last_at", row.last_at)? })
            })
            .transpose()
    }

    /// Whether it is known to have been used anywhere.
    pub async fn is_seen(&self) -> Result<bool> {
        let any = network::Entity::find().filter(network::Column::KeyId.eq(self.id()));
        Ok(any.limit(1).one(self.tx).await?.is_some())
    }

    /// Keeps how it stands with a network.
    pub async fn keep(&self, network: &AddressRange, footprint: Footprint) -> Result<()> {
        let row = network::ActiveModel {
            key_id: Set(self.id()),
            network: Set(network.to_string()),
            known_from: Set(footprint.known_from.unix()),
            last_at: Set(footprint.last_at.unix()),
        };
        let newer = OnConflict::columns([network::Column::KeyId, network::Column::Network])
            .update_columns([network::Column::KnownFrom, network::Column::LastAt])
            .to_owned();
        network::Entity::insert(row).on_conflict(newer).exec_without_returning(self.tx).await?;
        Ok(())
    }

    /// Counts what it did in the hour in which it did it, and gives how often it did so in that hour. Who counts at the
    /// same time waits for the end of the transaction.
    pub async fn count(&self, event: &RegistryEvent, hour: i64) -> Result<u32> {
        let row = hour::ActiveModel {
            holder_id: Set(self.id()),
            operation: Set(operation(event).to_owned()),
            hour: Set(hour),
            times: Set(1),
        };
        let times = Expr::col((hour::Entity, hour::Column::Times)).add(1);
        let once_more =
            OnConflict::columns([hour::Column::HolderId, hour::Column::Operation, hour::Column::Hour])
                .value(hour::Column::Times, times)
                .to_owned();
        hour::Entity::insert(row).on_conflict(once_more).exec_without_returning(self.tx).await?;
        self.busiest(event, hour, hour).await
    }

    /// How often it did the same in the busiest of some hours.
    pub async fn busiest(&self, event: &RegistryEvent, from: i64, until: i64) -> Result<u32> {
        let found: Option<i64> = hour::Entity::find()
            .select_only()
            .column(hour::Column::Times)
            .filter(hour::Column::HolderId.eq(self.id()))
            .filter(hour::Column::Operation.eq(operation(event)))
            .filter(hour::Column::Hour.between(from, until))
            .order_by_desc(hour::Column::Times)
            .limit(1)
            .into_tuple()
            .one(self.tx)
            .await?;
        HOURS.take("times", u32::try_from(found.unwrap_or(0)))
    }

    fn id(&self) -> Uuid {
        holder_id(self.holder)
    }
}

/// By what a key or license is found.
pub(crate) fn holder_id(holder: Holder) -> Uuid {
    holder.parts().1
}

/// What is counted as the same: what was refused, whatever it was, and each operation.
fn operation(event: &RegistryEvent) -> &'static str {
    match event.decision {
        Decision::Allowed => event.operation.as_str(),
        Decision::Denied => "refused",
    }
}
