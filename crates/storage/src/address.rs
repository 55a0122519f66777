//! Addresses at which licenses were seen.

use keyward_domain::validation::Sighting;
use keyward_domain::{AddressRange, LicenseId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::Result;
use crate::connection::Connection;
use crate::convert::Table;

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "license_addresses")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub license_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub address: String,
        pub first_seen_at: i64,
        pub last_seen_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("license_addresses");

/// The addresses of one license, which was found or locked in its organization before.
pub struct Addresses<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) license: LicenseId,
}

impl Addresses<'_> {
    /// All of them, the first seen first.
    pub async fn list(&self) -> Result<Vec<Sighting>> {
        let rows = row::Entity::find()
            .filter(row::Column::LicenseId.eq(self.license.uuid()))
            .order_by_asc(row::Column::FirstSeenAt)
            .order_by_asc(row::Column::Address)
            .all(self.tx)
            .await?;
        rows.into_iter().map(read).collect()
    }

    /// Adds one, or moves on when it was last seen.
    pub async fn save(&self, sighting: &Sighting) -> Result<()> {
        let row = row::ActiveModel {
            license_id: Set(self.license.uuid()),
            address: Set(sighting.address.to_string()),
            first_seen_at: Set(sighting.first_seen_at.unix()),
            last_seen_at: Set(sighting.last_seen_at.unix()),
        };
        let again = OnConflict::columns([row::Column::LicenseId, row::Column::Address])
            .update_columns([row::Column::FirstSeenAt, row::Column::LastSeenAt])
            .to_owned();
        row::Entity::insert(row).on_conflict(again).exec_without_returning(self.tx).await?;
        Ok(())
    }

    /// Removes one; whether there was one.
    pub async fn remove(&self, address: AddressRange) -> Result<bool> {
        let key = (self.license.uuid(), address.to_string());
        Ok(row::Entity::delete_by_id(key).exec(self.tx).await?.rows_affected == 1)
    }

    /// Removes all; how many there were.
    pub async fn clear(&self) -> Result<u64> {
        let all = row::Entity::delete_many().filter(row::Column::LicenseId.eq(self.license.uuid()));
        Ok(all.exec(self.tx).await?.rows_affected)
    }
}

fn read(row: row::Model) -> Result<Sighting> {
    Ok(Sighting {
        address: TABLE.parse("address", &row.address)?,
        first_seen_at: TABLE.time("first_seen_at", row.first_seen_at)?,
        last_seen_at: TABLE.time("last_seen_at", row.last_seen_at)?,
    })
}
