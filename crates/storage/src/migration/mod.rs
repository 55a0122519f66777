//! The tables, one file for each change of them. A migration that was released is never edited.

mod m0001_first_license;
mod m0002_products;
mod m0003_people;
mod m0004_registries;
mod m0005_applications;
mod m0006_providers_and_notices;
mod m0007_notifications;
mod m0008_alerts;
mod m0015_lists;

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};

/// One change of the tables.
struct Migration {
    /// By which a database knows that it has it.
    name: &'static str,
    /// Read by both databases, but for the names of two types.
    statements: &'static [&'static str],
}

macro_rules! migrations {
    ($($name:ident),+ $(,)?) => {
        vec![$(Box::new(Migration { name: stringify!($name), statements: $name::STATEMENTS })),+]
    };
}

pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        migrations![
            m0001_first_license,
            m0002_products,
            m0003_people,
            m0004_registries,
            m0005_applications,
            m0006_providers_and_notices,
            m0007_notifications,
            m0008_alerts,
            m0015_lists,
        ]
    }
}

impl MigrationName for Migration {
    fn name(&self) -> &str {
        self.name
    }
}

#[expect(elided_lifetimes_in_paths, reason = "the trait's own signature")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let (uuid, bytes) = match connection.get_database_backend() {
            DbBackend::Postgres => ("UUID", "BYTEA"),
            _ => ("BLOB", "BLOB"),
        };
        for statement in self.statements {
            connection.execute_unprepared(&statement.replace("$UUID", uuid).replace("$BYTES", bytes)).await?;
        }
        Ok(())
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("a released schema is left by restoring a backup".to_owned()))
    }
}
