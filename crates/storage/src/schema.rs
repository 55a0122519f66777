//! How the tables stand to what this program knows, and how they are brought up to date.
//!
//! Which migrations were run stands in `keyward_migrations`. Version 0.1.0 wrote it into `seaql_migrations`, the table that sea-orm
//! gives to every program, and so could share no database with another one. Its rows are taken over once and left where they
//! are: a server of 0.1.0 that still runs goes by them.

use std::fmt;
use std::str::FromStr;

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{MigratorTrait, SchemaManager};

use crate::migration::{self, MIGRATIONS, Migrator};
use crate::{Result, StorageError, Store, settings};

/// Where 0.1.0 wrote which migrations it has run.
const SHARED: &str = "seaql_migrations";

/// Where the database says which migration programs must know.
const REQUIRED_SETTING: &str = "required_migration";

/// Any number will do, as long as every Keyward uses the same.
const MIGRATION_LOCK: i64 = 0x6b65_7977;

/// How the database's tables stand to what this program knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schema {
    /// As this program expects.
    Current,
    /// Some migrations have not been run.
    Behind {
        /// How many.
        pending: usize,
    },
    /// A newer program has changed them.
    Newer {
        /// The migrations that this program does not know.
        unknown: Vec<String>,
        /// Whether it can work with them all the same.
        usable: bool,
    },
}

/// The name of a PostgreSQL schema: up to 63 of `a-z`, `0-9` and `_`, beginning with a letter, and not with `pg_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaName(String);

impl SchemaName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SchemaName {
    type Err = StorageError;

    fn from_str(name: &str) -> Result<Self> {
        let letters = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        let begins = name.starts_with(|first: char| first.is_ascii_lowercase()) && !name.starts_with("pg_");
        match letters && begins && name.len() <= 63 {
            true => Ok(Self(name.to_owned())),
            false => Err(StorageError::Unsupported(
                "a schema is named by up to 63 of a-z, 0-9 and _, beginning with a letter and not with pg_",
            )),
        }
    }
}

impl fmt::Display for SchemaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Store {
    /// Brings the tables up to date, all of it or nothing. Of several that try at once, one does it.
    pub async fn migrate(&self) -> Result<()> {
        let immediate = Some(SqliteTransactionMode::Immediate);
        let options =
            TransactionOptions { sqlite_transaction_mode: immediate, ..TransactionOptions::default() };
        let tx = self.writer().begin_with_options(options).await?;
        if tx.get_database_backend() == DbBackend::Postgres {
            // A migration, and the wait for another server's, may take long.
            let unlimited = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
                             SET LOCAL idle_in_transaction_session_timeout = 0";
            tx.execute_unprepared(unlimited).await?;
            tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")).await?;
            if let Some(schema) = self.postgres_schema() {
                make_schema(&tx, schema).await?;
            }
        }
        let shared = take_over(&SchemaManager::new(&tx)).await?;
        Migrator::up(&tx, None).await?;
        settings::set(&tx, REQUIRED_SETTING, migration::REQUIRED).await?;
        if shared {
            tell_older(&tx, migration::REQUIRED).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// How the tables stand to what this program knows. Those of versions before 0.1.0 are an error.
    pub async fn schema(&self) -> Result<Schema> {
        let readers = self.readers();
        let known: Vec<_> =
            Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
        let applied = applied(&SchemaManager::new(&readers)).await?;
        let unknown: Vec<_> = applied.iter().filter(|name| !known.contains(name)).cloned().collect();
        Ok(match known.len().saturating_sub(applied.len()) {
            _ if !unknown.is_empty() => {
                let required = settings::get(&readers, REQUIRED_SETTING).await?;
                Schema::Newer { usable: required.is_some_and(|required| known.contains(&required)), unknown }
            }
            0 => Schema::Current,
            pending => Schema::Behind { pending },
        })
    }
}

/// Makes a schema that is missing. Looked for first, since whoever may use one need not be allowed to make one.
async fn make_schema(tx: &impl ConnectionTrait, schema: &SchemaName) -> Result<(), DbErr> {
    let found = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT 1 FROM pg_namespace WHERE nspname = $1",
        [schema.as_str().into()],
    );
    if tx.query_one_raw(found).await?.is_none() {
        tx.execute_unprepared(&format!("CREATE SCHEMA {schema}")).await?;
    }
    Ok(())
}

/// The migrations that were run, in their order.
async fn applied(manager: &SchemaManager<'_>) -> Result<Vec<String>> {
    match manager.has_table(MIGRATIONS).await? {
        true => Ok(names(manager.get_connection(), MIGRATIONS).await?),
        false => shared(manager).await,
    }
}

/// Those that 0.1.0 has run, as it wrote it down. Other names there are those of other programs.
async fn shared(manager: &SchemaManager<'_>) -> Result<Vec<String>> {
    if !manager.has_table(SHARED).await? {
        return Ok(Vec::new());
    }
    let names = names(manager.get_connection(), SHARED).await?;
    if names.iter().any(|name| name == migration::UNRELEASED) {
        return Err(StorageError::Unsupported(
            "the database is of a version before 0.1.0, which was not released, and can't be upgraded: export what is to be \
             kept with the program that made it (keyward-server organization export SLUG), and begin with a new database",
        ));
    }
    let ours = |name: &String| migration::SHARED_NAMES.contains(&name.as_str());
    // Another program may have a migration of this name; it has not these tables as well.
    let has_tables = manager.has_table("organizations").await? && manager.has_table("revisions").await?;
    Ok(if has_tables { names.into_iter().filter(ours).collect() } else { Vec::new() })
}

async fn names(connection: &impl ConnectionTrait, table: &str) -> Result<Vec<String>, DbErr> {
    let sql = format!("SELECT version FROM {table} ORDER BY version");
    let rows =
        connection.query_all_raw(Statement::from_string(connection.get_database_backend(), sql)).await?;
    rows.iter().map(|row| row.try_get("", "version")).collect()
}

/// Takes over once what 0.1.0 has written down; whether it is still there.
async fn take_over(manager: &SchemaManager<'_>) -> Result<bool> {
    let names = shared(manager).await?;
    if !names.is_empty() && !manager.has_table(MIGRATIONS).await? {
        let tx = manager.get_connection();
        Migrator::install(tx).await?;
        // None of them holds anything to be escaped.
        let names = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        let copy = format!(
            "INSERT INTO {MIGRATIONS} (version, applied_at) SELECT version, applied_at FROM {SHARED} WHERE version IN ({names})"
        );
        tx.execute_unprepared(&copy).await?;
    }
    Ok(!names.is_empty())
}

/// Tells servers of 0.1.0 of a migration that they must know and don't, so that they stop working on its tables.
async fn tell_older(tx: &impl ConnectionTrait, required: &str) -> Result<(), DbErr> {
    let tell = format!(
        "INSERT INTO {SHARED} (version, applied_at) SELECT version, applied_at FROM {MIGRATIONS} WHERE version = '{required}' \
         ON CONFLICT (version) DO NOTHING"
    );
    tx.execute_unprepared(&tell).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_names_need_no_quotes() {
        for good in ["keyward", "k", "a_1", &"a".repeat(63)] {
            assert_eq!(good.parse::<SchemaName>().unwrap().to_string(), good);
        }
        for bad in ["", "1a", "_a", "A", "a-b", "a\"b", "a b", "pg_x", "ä", &"a".repeat(64)] {
            assert!(bad.parse::<SchemaName>().is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_server_of_0_1_0_is_told_what_it_must_know() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("k.db").display());
        let store = Store::connect(&url).await.unwrap();
        store.migrate().await.unwrap();
        let writer = store.writer();
        let table = format!(
            "CREATE TABLE {SHARED} (version VARCHAR NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL)"
        );
        writer.execute_unprepared(&table).await.unwrap();
        for _ in 0..2 {
            tell_older(&writer, "m0003_license_grace").await.unwrap();
        }
        assert_eq!(names(&writer, SHARED).await.unwrap(), ["m0003_license_grace"]);
    }
}
