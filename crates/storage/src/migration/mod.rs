//! The tables, one file for each change of them. A migration that was released is never edited.

mod m0001_first_license;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_first_license::Migration)]
    }
}
