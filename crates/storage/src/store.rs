//! The connections to a database.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{self, ConnectOptions as _, Connection as _, Executor as _};
use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr,
    IsolationLevel, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::connection::{Connection, Patience};
use crate::health::Health;
use crate::sqlite_url::sqlite_file;
use crate::usage_counter::{self, Count, ProductDay};
use crate::{Result, SchemaName, StorageError, Tx};

/// How a database is used.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The most connections to PostgreSQL.
    pub connections: u32,
    /// How long a statement may take before its connection counts as dead.
    pub statement_timeout: Duration,
    /// The schema on PostgreSQL that has all tables, made by [`Store::migrate`] where it is missing; `None` for the one that
    /// the database gives its user. With a schema of its own, Keyward shares a database with any other program.
    pub schema: Option<SchemaName>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { connections: 20, statement_timeout: Duration::from_secs(10), schema: None }
    }
}

/// How long a statement may take for which everybody waits: the counting of validations.
const PROMPT: Duration = Duration::from_secs(3);

/// For how long a request waits for a connection to PostgreSQL.
const ACQUIRE: Duration = Duration::from_secs(2);

/// For how long a request waits for other processes' writes on SQLite.
const BUSY: Duration = Duration::from_secs(10);

/// How many connections read a SQLite database.
const SQLITE_READERS: u32 = 8;

/// What PostgreSQL does with sessions whose client has died without a word: they hold locks.
const SESSION: &str = "SET idle_in_transaction_session_timeout = '5s'; SET lock_timeout = '4s'";

/// A database.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    url: String,
    options: StoreOptions,
    pools: RwLock<Pools>,
    health: AtomicU8,
    suspicion: Arc<Notify>,
    /// How many transactions wait for a connection.
    waiting: AtomicU64,
    /// How many have waited in vain.
    refused: AtomicU64,
}

/// How the connections of one pool are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// `readers` and `writer` on SQLite, `all` on PostgreSQL.
    pub name: &'static str,
    /// How many connections are open.
    pub open: u32,
    /// How many of those nobody uses.
    pub idle: u32,
    /// How many there may be.
    pub most: u32,
}

/// The connections of one time; given up and opened anew when they are found to be dead.
#[derive(Clone)]
struct Pools {
    readers: DatabaseConnection,
    writer: DatabaseConnection,
    /// For questions about the database's health: one that reads and one that writes. On PostgreSQL a connection of
    /// its own, so that they never wait for requests.
    probes: (DatabaseConnection, DatabaseConnection),
    given_up: Arc<watch::Sender<bool>>,
}

impl Store {
    /// Opens `sqlite://PATH`, making the file if need be, or `postgres://…`.
    pub async fn connect(url: &str) -> Result<Self> {
        Self::connect_with(url, StoreOptions::default()).await
    }

    /// The same, used as `options` say.
    pub async fn connect_with(url: &str, options: StoreOptions) -> Result<Self> {
        if let Some(path) = sqlite_file(url) {
            if path.is_empty() || path.starts_with(':') || url.contains('?') {
                return Err(StorageError::Unsupported("a SQLite database is named by a file: sqlite://PATH"));
            }
            if options.schema.is_some() {
                return Err(StorageError::Unsupported(
                    "a SQLite database has no schemas: give Keyward a file of its own",
                ));
            }
            make_private_file(&path, false)?;
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            reach(url).await?;
        } else {
            return Err(StorageError::Unsupported(
                "the database URL must begin with sqlite:// or postgres://",
            ));
        }
        let pools = RwLock::new(Pools::open(url, &options).await?);
        let health = AtomicU8::new(Health::Ready as u8);
        let shared = Shared {
            url: url.to_owned(),
            options,
            pools,
            health,
            suspicion: Arc::new(Notify::new()),
            waiting: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// A transaction that reads one consistent state.
    pub async fn read(&self) -> Result<Tx> {
        let pools = self.pools();
        let options = match pools.readers.get_database_backend() {
            DbBackend::Postgres => TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                ..TransactionOptions::default()
            },
            // A read transaction of SQLite sees one state by nature.
            _ => TransactionOptions::default(),
        };
        self.begin(&pools, &pools.readers, options, self.shared.options.statement_timeout).await
    }

    /// A transaction that writes.
    pub async fn write(&self) -> Result<Tx> {
        self.write_within(self.shared.options.statement_timeout).await
    }

    /// A transaction that writes and for which everybody waits, so that it is given up sooner.
    pub async fn write_promptly(&self) -> Result<Tx> {
        self.write_within(PROMPT.min(self.shared.options.statement_timeout)).await
    }

    async fn write_within(&self, limit: Duration) -> Result<Tx> {
        let pools = self.pools();
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.begin(&pools, &pools.writer, options, limit).await
    }

    async fn begin(
        &self,
        pools: &Pools,
        pool: &DatabaseConnection,
        options: TransactionOptions,
        limit: Duration,
    ) -> Result<Tx> {
        let refuse = || {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
        };
        self.is_reached().inspect_err(|_| refuse())?;
        let patience = self.patience(pools, limit);
        let waiting = Waiter::of(&self.shared.waiting);
        let begun: Result<_, DbErr> = patience.during(pool.begin_with_options(options)).await;
        drop(waiting);
        if begun.is_err() {
            refuse();
        }
        let begun = begun?;
        Ok(Tx::new(Connection::new(begun, patience)))
    }

    /// Whoever watches over the database finds out when it is back; until then nobody waits for it.
    fn is_reached(&self) -> Result<()> {
        match self.health() {
            Health::Unreachable => Err(StorageError::Unavailable("the database is not reached".into())),
            Health::Ready | Health::ReadOnly => Ok(()),
        }
    }

    /// What was last found out about the database; see [`watch`](Self::watch).
    pub fn health(&self) -> Health {
        Health::from_u8(self.shared.health.load(Ordering::Relaxed))
    }

    pub(crate) fn set_health(&self, health: Health) {
        self.shared.health.store(health as u8, Ordering::Relaxed);
    }

    /// How its connections are used now.
    pub fn pool_states(&self) -> Vec<PoolState> {
        let pools = self.pools();
        let sqlite = |name, pool: &DatabaseConnection, most| {
            let pool = pool.get_sqlite_connection_pool();
            PoolState {
                name,
                open: pool.size(),
                idle: u32::try_from(pool.num_idle()).unwrap_or(u32::MAX),
                most,
            }
        };
        match pools.readers.get_database_backend() {
            DbBackend::Postgres => {
                let (pool, most) =
                    (pools.readers.get_postgres_connection_pool(), self.shared.options.connections);
                let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
                vec![PoolState { name: "all", open: pool.size(), idle, most }]
            }
            _ => vec![sqlite("readers", &pools.readers, SQLITE_READERS), sqlite("writer", &pools.writer, 1)],
        }
    }

    /// How many transactions wait for a connection now.
    pub fn waiting(&self) -> u64 {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// How many transactions could not begin, since the start: no connection was free in time, or the database was gone.
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// `sqlite` or `postgresql`.
    pub fn database_kind(&self) -> &'static str {
        match self.pools().readers.get_database_backend() {
            DbBackend::Postgres => "postgresql",
            _ => "sqlite",
        }
    }

    /// Waits until a statement has taken too long.
    pub(crate) async fn suspected(&self) {
        self.shared.suspicion.notified().await;
    }

    /// The connections for questions about the database's health, for reading and for writing.
    pub(crate) fn probes(&self) -> (DatabaseConnection, DatabaseConnection) {
        self.pools().probes
    }

    /// Opens connections anew. With `give_up`, whatever waits for an answer on the old ones gets an error at once.
    pub(crate) async fn reconnect(&self, give_up: bool) -> Result<()> {
        let new = Pools::open(&self.shared.url, &self.shared.options).await?;
        let old = {
            let mut pools = self.shared.pools.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            std::mem::replace(&mut *pools, new)
        };
        if give_up {
            old.given_up.send_replace(true);
        }
        Ok(())
    }

    pub(crate) fn readers(&self) -> DatabaseConnection {
        self.pools().readers
    }

    pub(crate) fn writer(&self) -> DatabaseConnection {
        self.pools().writer
    }

    pub(crate) fn postgres_schema(&self) -> Option<&SchemaName> {
        self.shared.options.schema.as_ref()
    }

    fn pools(&self) -> Pools {
        self.shared.pools.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn patience(&self, pools: &Pools, limit: Duration) -> Patience {
        Patience {
            limit,
            given_up: pools.given_up.subscribe(),
            suspicion: Arc::clone(&self.shared.suspicion),
        }
    }

    /// Writes what `counter` has counted on days of products, where its allotments suffice, its rows are as it has written them, and
    /// nothing of their organizations was changed since. Gives the days that were written. A transaction of one statement: the
    /// shortest way to count.
    pub async fn count<'a>(
        &self,
        counter: Uuid,
        counts: impl IntoIterator<Item = &'a Count>,
    ) -> Result<HashSet<ProductDay>> {
        self.is_reached()?;
        let pools = self.pools();
        let counted = usage_counter::count(&pools.writer, counter, counts);
        let limit = PROMPT.min(self.shared.options.statement_timeout);
        self.patience(&pools, limit).during(counted).await
    }

    /// Writes a copy of a SQLite database as it is at one moment, while it is in use, to a new file.
    pub async fn backup(&self, path: &str) -> Result<()> {
        let pools = self.pools();
        if pools.writer.get_database_backend() == DbBackend::Postgres {
            return Err(StorageError::Unsupported("PostgreSQL has its own tool for backups: pg_dump"));
        }
        make_private_file(path, true)?;
        let copy = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO ?", [path.into()]);
        pools.readers.execute_raw(copy).await?;
        let kept = std::fs::File::open(path).and_then(|file| file.sync_all());
        kept.map_err(|source| file_error(path, source))
    }
}

/// Counts a transaction that waits, until it is dropped.
struct Waiter<'a>(&'a AtomicU64);

impl<'a> Waiter<'a> {
    fn of(waiting: &'a AtomicU64) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pools {
    async fn open(url: &str, options: &StoreOptions) -> Result<Self> {
        let given_up = Arc::new(watch::Sender::new(false));
        let open = Database::connect;
        Ok(match sqlite_file(url) {
            Some(path) => {
                // One writer, so that writers queue here instead of failing with “database is locked”.
                let writer = open(sqlite(path.clone(), 1)).await?;
                let readers = open(sqlite(path, SQLITE_READERS)).await?;
                Self { probes: (readers.clone(), writer.clone()), readers, writer, given_up }
            }
            None => {
                let pool = open(postgres(url, options.connections, options)).await?;
                let probe = open(postgres(url, 1, options)).await?;
                Self { readers: pool.clone(), writer: pool, probes: (probe.clone(), probe), given_up }
            }
        })
    }
}

/// Connects once, so that what is wrong with the URL or the server is said at once and as it is.
async fn reach(url: &str) -> Result<()> {
    let options: PgConnectOptions = url.parse().map_err(StorageError::unreachable)?;
    let connected = tokio::time::timeout(5 * ACQUIRE, options.connect()).await;
    let connection = connected
        .map_err(|_| StorageError::Unavailable("the database server does not answer".into()))?
        .map_err(StorageError::unreachable)?;
    connection.close().await.map_err(StorageError::unreachable)
}

fn postgres(url: &str, connections: u32, options: &StoreOptions) -> ConnectOptions {
    // A little sooner than we give up: what is slow is reported by the server, and what is dead found out by us.
    let statement = options.statement_timeout.as_millis() * 9 / 10;
    let mut session = format!("{SESSION}; SET statement_timeout = {statement}");
    if let Some(schema) = &options.schema {
        session = format!("{session}; SET search_path = {schema}");
    }
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        .connect_lazy(true)
        .test_before_acquire_if_idle_for(Duration::from_secs(1))
        .sqlx_logging(false)
        .map_sqlx_postgres_pool_opts(move |pool| {
            let session = session.clone();
            pool.after_connect(move |connection, _| {
                let session = session.clone();
                Box::pin(async move { connection.execute(sqlx::AssertSqlSafe(session)).await.map(drop) })
            })
        });
    options
}

fn sqlite(path: String, connections: u32) -> ConnectOptions {
    // Not every path can stand in a URL, so it is set apart.
    let mut options = ConnectOptions::new("sqlite://keyward.db");
    // A file does not hang up: there is nothing to be tested before a connection is used again.
    options.test_before_acquire(false);
    options.max_connections(connections).acquire_timeout(BUSY).sqlx_logging(false).map_sqlx_sqlite_opts(
        move |sqlite| {
            sqlite
                .filename(&path)
                .journal_mode(SqliteJournalMode::Wal)
                // What was acknowledged survives a power cut, not only a crash of the process.
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(BUSY)
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
