//! The tables, one file for each change of them. A migration that was released is never edited.

mod m0001_first_license;
mod m0002_products;
mod m0003_people;
mod m0004_registries;
mod m0005_applications;
mod m0006_providers_and_notices;

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr};
use sea_orm_migration::{MigrationTrait, MigratorTrait, SchemaManager};

/// Runs statements that both databases read, but for the names of two types.
async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let (uuid, bytes) = match connection.get_database_backend() {
        DbBackend::Postgres => ("UUID", "BYTEA"),
        _ => ("BLOB", "BLOB"),
    };
    for statement in statements {
        connection.execute_unprepared(&statement.replace("$UUID", uuid).replace("$BYTES", bytes)).await?;
    }
    Ok(())
}

fn no_way_back() -> Result<(), DbErr> {
    Err(DbErr::Migration("a released schema is left by restoring a backup".to_owned()))
}

pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_first_license::Migration),
            Box::new(m0002_products::Migration),
            Box::new(m0003_people::Migration),
            Box::new(m0004_registries::Migration),
            Box::new(m0005_applications::Migration),
            Box::new(m0006_providers_and_notices::Migration),
        ]
    }
}
