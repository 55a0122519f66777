//! What the server knows of itself, by name.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, DatabaseTransaction, EntityTrait};

use crate::Result;

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
    pub(crate) tx: &'a DatabaseTransaction,
}

impl Settings<'_> {
    /// The value under a name.
    pub async fn get(&self, name: &str) -> Result<Option<String>> {
        let found = row::Entity::find_by_id(name.to_owned()).one(self.tx).await?;
        Ok(found.map(|row| row.value))
    }

    /// Puts a value under a name.
    pub async fn set(&self, name: &str, value: &str) -> Result<()> {
        let row = row::ActiveModel { name: Set(name.to_owned()), value: Set(value.to_owned()) };
        let replace = OnConflict::column(row::Column::Name).update_column(row::Column::Value).to_owned();
        row::Entity::insert(row).on_conflict(replace).exec_without_returning(self.tx).await?;
        Ok(())
    }
}
