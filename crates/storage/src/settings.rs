//! What the server knows of itself, by name.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait};

use crate::Result;
use crate::connection::Connection;

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "settings")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub value: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Settings of the whole server.
pub struct Settings<'a> {
    pub(crate) tx: &'a Connection,
}

impl Settings<'_> {
    /// The value under a name.
    pub async fn get(&self, name: &str) -> Result<Option<String>> {
        get(self.tx, name).await
    }

    /// Puts a value under a name that has none yet; of several who do, one does.
    pub async fn begin(&self, name: &str, value: &str) -> Result<()> {
        let row = row::ActiveModel { name: Set(name.to_owned()), value: Set(value.to_owned()) };
        let first = OnConflict::column(row::Column::Name).do_nothing().to_owned();
        row::Entity::insert(row).on_conflict(first).exec_without_returning(self.tx).await?;
        Ok(())
    }

    /// Puts a value under a name.
    pub async fn set(&self, name: &str, value: &str) -> Result<()> {
        set(self.tx, name, value).await
    }
}

pub(crate) async fn get(connection: &impl ConnectionTrait, name: &str) -> Result<Option<String>> {
    let found = row::Entity::find_by_id(name.to_owned()).one(connection).await?;
    Ok(found.map(|row| row.value))
}

pub(crate) async fn set(connection: &impl ConnectionTrait, name: &str, value: &str) -> Result<()> {
    let row = row::ActiveModel { name: Set(name.to_owned()), value: Set(value.to_owned()) };
    let replace = OnConflict::column(row::Column::Name).update_column(row::Column::Value).to_owned();
    row::Entity::insert(row).on_conflict(replace).exec_without_returning(connection).await?;
    Ok(())
}
