//! The tables, one migration for each change of them. One that was released is never edited.
//!
//! The first, in `initial/`, is what to read to know the tables.

use sea_orm::sea_query::{DynIden, IntoIden as _};
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};

/// One change of the tables.
struct Migration {
    /// By which a database knows that it has it.
    name: &'static str,
    /// Read by both databases, but for the words with a dollar sign.
    statements: &'static [&'static str],
}

const INITIAL: Migration = Migration {
    name: "m0001_initial",
    statements: &[
        include_str!("initial/organizations.sql"),
        include_str!("initial/licenses.sql"),
        include_str!("initial/applications.sql"),
        include_str!("initial/registries.sql"),
        include_str!("initial/server.sql"),
    ],
};

/// Older servers count in `product_usage` alone, where newer ones look as well.
const USAGE_COUNTERS: Migration =
    Migration { name: "m0002_usage_counters", statements: &[include_str!("usage_counters.sql")] };

/// Older servers go by `expires_at` alone, as verifiers do that don't know of a grace.
const LICENSE_GRACE: Migration =
    Migration { name: "m0003_license_grace", statements: &[include_str!("license_grace.sql")] };

/// Older servers write to the outbox what nobody reads.
const WEBHOOKS: Migration = Migration { name: "m0004_webhooks", statements: &[include_str!("webhooks.sql")] };

/// Older servers write events without a place in the chain.
const AUDIT_CHAIN: Migration =
    Migration { name: "m0005_audit_chain", statements: &[include_str!("audit_chain.sql")] };

/// Older servers count no shares, and so grant none.
const USAGE_SHARES: Migration =
    Migration { name: "m0006_usage_shares", statements: &[include_str!("usage_shares.sql")] };

/// Older servers count validations by the product alone, and so tell nothing of a license's.
const LICENSE_USE: Migration =
    Migration { name: "m0007_license_use", statements: &[include_str!("license_use.sql")] };
/// Older servers stream nothing, and know alerts of registries alone.
const AUDIT_SINKS: Migration =
    Migration { name: "m0008_audit_sinks", statements: &[include_str!("audit_sinks.sql")] };
/// Older servers know a customer's contact address alone.
const CUSTOMER_USERS: Migration =
    Migration { name: "m0009_customer_users", statements: &[include_str!("customer_users.sql")] };
/// Older servers know nothing of deployments, and let agents wait.
const DEPLOYMENTS: Migration =
    Migration { name: "m0010_deployments", statements: &[include_str!("deployments.sql")] };

/// Older servers take what an agent pulled for what was pulled with the license that opened it.
const DEPLOYMENT_PULLS: Migration =
    Migration { name: "m0011_deployment_pulls", statements: &[include_str!("deployment_pulls.sql")] };

/// Older servers tell no endpoint of the end of a key.
const REGISTRY_KEY_ENDS: Migration =
    Migration { name: "m0012_registry_key_ends", statements: &[include_str!("registry_key_ends.sql")] };

/// The last change that programs must know to work with the tables. Those after it only add what older programs do not
/// look at, so that servers can be upgraded one after the other.
pub(crate) const REQUIRED: &str = INITIAL.name;

/// Where it stands which of them were run. A table of ours alone, since a program that embeds this one has migrations too.
pub(crate) const MIGRATIONS: &str = "keyward_migrations";

/// Those that may stand in the table that 0.1.0 used. Later ones never do.
pub(crate) const SHARED_NAMES: [&str; 3] = [INITIAL.name, USAGE_COUNTERS.name, LICENSE_GRACE.name];

/// With which the tables of versions before 0.1.0 began. None of them was released, so they are not brought up to date.
pub(crate) const UNRELEASED: &str = "m0001_first_license";

pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migration_table_name() -> DynIden {
        MIGRATIONS.into_iden()
    }

    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(INITIAL),
            Box::new(USAGE_COUNTERS),
            Box::new(LICENSE_GRACE),
            Box::new(WEBHOOKS),
            Box::new(AUDIT_CHAIN),
            Box::new(USAGE_SHARES),
            Box::new(LICENSE_USE),
            Box::new(AUDIT_SINKS),
            Box::new(CUSTOMER_USERS),
            Box::new(DEPLOYMENTS),
            Box::new(DEPLOYMENT_PULLS),
            Box::new(REGISTRY_KEY_ENDS),
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
                ("$ID_LIKE(id)", "(substr(id::text, 1, 13) || substr(gen_random_uuid()::text, 14))::uuid"),
                ("$NIL", "'00000000-0000-0000-0000-000000000000'"),
                ("$EMPTY", "''"),
            ],
            _ => [
                ("$UUID", "BLOB"),
                ("$BYTES", "BLOB"),
                ("$ID_LIKE(id)", "CAST(substr(id, 1, 6) || randomblob(10) AS BLOB)"),
                ("$NIL", "X'00000000000000000000000000000000'"),
                ("$EMPTY", "X''"),
            ],
        };
        for statements in self.statements {
            let statements =
                words.iter().fold((*statements).to_owned(), |text, (word, sql)| text.replace(word, sql));
            connection.execute_unprepared(&statements).await?;
        }
        Ok(())
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("a released schema is left by restoring a backup".to_owned()))
    }
}
