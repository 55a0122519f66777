//! The connection to a database.

use std::time::Duration;

use keyward_domain::{OrganizationId, ProductId};
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, EntityTrait,
    IsolationLevel, QueryOrder, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{MigratorTrait, SchemaManager, seaql_migrations};

use crate::migration::Migrator;
use crate::{Generation, Result, StorageError, Tx, Usage, usage};

/// For how long a request waits for a connection, or on SQLite for another process's write.
const PATIENCE: Duration = Duration::from_secs(10);

/// Any number will do, as long as every Keyward uses the same.
const MIGRATION_LOCK: i64 = 0x6b65_7977;

/// A database.
#[derive(Clone)]
pub struct Store {
    readers: DatabaseConnection,
    writer: DatabaseConnection,
}

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
    },
}

impl Store {
    /// Opens `sqlite://PATH`, making the file if need be, or `postgres://…`.
    pub async fn connect(url: &str) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.starts_with(':') || path.contains('?') {
                return Err(StorageError::Unsupported("a SQLite database is named by a file: sqlite://PATH"));
            }
            make_private_file(path, false)?;
            // One writer, so that writers queue here instead of failing with “database is locked”.
            let writer = Database::connect(sqlite(path, 1)).await?;
            let readers = Database::connect(sqlite(path, 8)).await?;
            return Ok(Self { readers, writer });
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let mut options = ConnectOptions::new(url);
            options.max_connections(20).acquire_timeout(PATIENCE).sqlx_logging(false);
            let pool = Database::connect(options).await?;
            return Ok(Self { readers: pool.clone(), writer: pool });
        }
        Err(StorageError::Unsupported("the database URL must begin with sqlite:// or postgres://"))
    }

    /// A transaction that reads one consistent state.
    pub async fn read(&self) -> Result<Tx> {
        let options = match self.readers.get_database_backend() {
            DbBackend::Postgres => TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                ..TransactionOptions::default()
            },
            // A read transaction of SQLite sees one state by nature.
            _ => TransactionOptions::default(),
        };
        Ok(Tx::new(self.readers.begin_with_options(options).await?))
    }

    /// A transaction that writes.
    pub async fn write(&self) -> Result<Tx> {
        let immediate = Some(SqliteTransactionMode::Immediate);
        let options =
            TransactionOptions { sqlite_transaction_mode: immediate, ..TransactionOptions::default() };
        Ok(Tx::new(self.writer.begin_with_options(options).await?))
    }

    /// Writes a day's usage of a product from what it was (the first) to what it is to be (the second), if
    /// it is still as it was and nothing of the organization was changed since `generation`; whether it was
    /// so. A transaction of one statement: the shortest way to count.
    pub async fn count(
        &self,
        product: ProductId,
        usage: (&Usage, &Usage),
        organization: OrganizationId,
        generation: Generation,
    ) -> Result<bool> {
        usage::replace(&self.writer, product, usage, (organization, generation)).await
    }

    /// Brings the tables up to date, all of it or nothing. Of several that try at once, one does it.
    pub async fn migrate(&self) -> Result<()> {
        let immediate = Some(SqliteTransactionMode::Immediate);
        let options =
            TransactionOptions { sqlite_transaction_mode: immediate, ..TransactionOptions::default() };
        let tx = self.writer.begin_with_options(options).await?;
        if tx.get_database_backend() == DbBackend::Postgres {
            tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")).await?;
        }
        Migrator::up(&tx, None).await?;
        Ok(tx.commit().await?)
    }

    /// Writes a copy of a SQLite database as it is at one moment, while it is in use, to a new file.
    pub async fn backup(&self, path: &str) -> Result<()> {
        if self.writer.get_database_backend() == DbBackend::Postgres {
            return Err(StorageError::Unsupported("PostgreSQL has its own tool for backups: pg_dump"));
        }
        make_private_file(path, true)?;
        let copy = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO ?", [path.into()]);
        self.readers.execute_raw(copy).await?;
        let kept = std::fs::File::open(path).and_then(|file| file.sync_all());
        kept.map_err(|source| file_error(path, source))
    }

    /// How the tables stand to what this program knows.
    pub async fn schema(&self) -> Result<Schema> {
        let known: Vec<_> =
            Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
        if !SchemaManager::new(&self.readers).has_table("seaql_migrations").await? {
            return Ok(Schema::Behind { pending: known.len() });
        }
        let applied = seaql_migrations::Entity::find()
            .order_by_asc(seaql_migrations::Column::Version)
            .all(&self.readers)
            .await?;
        let applied: Vec<_> = applied.into_iter().map(|row| row.version).collect();
        let unknown: Vec<_> = applied.iter().filter(|name| !known.contains(name)).cloned().collect();
        Ok(match known.len().saturating_sub(applied.len()) {
            _ if !unknown.is_empty() => Schema::Newer { unknown },
            0 => Schema::Current,
            pending => Schema::Behind { pending },
        })
    }
}

fn sqlite(path: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(format!("sqlite://{path}"));
    options.max_connections(connections).acquire_timeout(PATIENCE).sqlx_logging(false).map_sqlx_sqlite_opts(
        |sqlite| {
            sqlite
                .journal_mode(SqliteJournalMode::Wal)
                // What was acknowledged survives a power cut, not only a crash of the process.
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(PATIENCE)
        },
    );
    options
}

/// SQLite gives its side files the mode of the main one, so this covers them all.
fn make_private_file(path: &str, must_be_new: bool) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true).create_new(must_be_new);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|source| file_error(path, source))
}

fn file_error(path: &str, source: std::io::Error) -> StorageError {
    StorageError::File { path: path.to_owned(), source }
}
