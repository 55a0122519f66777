//! The tables, one file for each change of them. A migration that was released is never edited.

mod m0001_first_license;
mod m0002_products;
mod m0003_people;
mod m0004_registries;
mod m0005_applications;
mod m0006_providers_and_notices;
mod m0007_notifications;
mod m0008_alerts;
mod m0017_history;

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};

/// One change of the tables.
struct Migration {
    /// By which a database knows that it has it.
    name: &'static str,
    /// Read by both databases, but for the words with a dollar sign.
    statements: &'static [&'static str],
}

macro_rules! migrations {
    ($($name:ident),+ $(,)?) => {
        vec![$(Box::new(Migration { name: stringify!($name), statements: $name::STATEMENTS })),+]
    };
}

/// The last change that programs must know to work with the tables. Those after it only add what older programs do not
/// look at, so that servers can be upgraded one after the other.
pub(crate) const REQUIRED: &str = "m0017_history";

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
            m0017_history,
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
        let words = match connection.get_database_backend() {
            DbBackend::Postgres => [
                ("$UUID", "UUID"),
                ("$BYTES", "BYTEA"),
                ("$NIL", "'00000000-0000-0000-0000-000000000000'"),
                ("$EMPTY", "''"),
            ],
            _ => [
                ("$UUID", "BLOB"),
                ("$BYTES", "BLOB"),
                ("$NIL", "X'00000000000000000000000000000000'"),
                ("$EMPTY", "X''"),
            ],
        };
        for statement in self.statements {
            let statement =
                words.iter().fold((*statement).to_owned(), |text, (word, sql)| text.replace(word, sql));
            connection.execute_unprepared(&statement).await?;
        }
        Ok(())
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("a released schema is left by restoring a backup".to_owned()))
    }
}
