//! Fresh databases: a file of SQLite, or a database on a PostgreSQL server.
//!
//! The server is the one that `KEYWARD_TEST_POSTGRES` names, as `cargo xtask test` does, or one that is started for this process
//! if its programs are installed. Without either, tests on PostgreSQL do nothing, and the last line of the run says how many.

use std::future::Future;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

pub use keyward_storage::{Store, Technical};
use keyward_testkit_postgres::{Durability, Postgres};
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};
use tokio::sync::OnceCell;

use crate::not_run;

/// Names the server for tests on PostgreSQL.
const POSTGRES: &str = "KEYWARD_TEST_POSTGRES";

/// Runs a test on a migrated SQLite database.
pub fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(Store) -> F) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    block_on(async { test(migrated_sqlite(&sqlite_in(dir.path())).await).await });
}

/// Runs a test on a migrated PostgreSQL database, if there is a server.
pub fn on_postgres<F: Future<Output = ()>>(test: impl FnOnce(Store) -> F) {
    block_on(async {
        let Some((database, store)) = FreshPostgres::migrated().await else { return };
        test(store).await;
        database.drop().await;
    });
}

/// Runs a test on both databases, each with tables of another program besides.
pub fn on_both_with(tables: &'static str, test: impl AsyncFn(Store)) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let url = sqlite_in(dir.path());
    block_on(async {
        let store = migrated_sqlite(&url).await;
        let mut connection = SqliteConnection::connect(&url).await.expect("the database opens");
        connection.execute(sqlx::raw_sql(tables)).await.expect("the tables are made");
        test(store).await;
        let Some((database, store)) = FreshPostgres::migrated().await else { return };
        database.session().await.run(tables).await;
        test(store).await;
        database.drop().await;
    });
}

/// Runs a test on an empty database of each kind, by its URL: for programs that open it themselves.
pub fn on_both_urls(test: impl Fn(&str)) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    test(&sqlite_in(dir.path()));
    block_on(async {
        let Some(database) = FreshPostgres::create().await else { return };
        test(&database.url);
        database.drop().await;
    });
}

/// A database of SQLite in a folder.
fn sqlite_in(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("test.db").display())
}

async fn connected(url: &str) -> Store {
    Store::connect(url).await.expect("the database opens")
}

async fn migrated(url: &str) -> Store {
    let store = connected(url).await;
    store.migrate().await.expect("the migrations run");
    store
}

/// A store on a new file, with its tables. The migrations run once in a process; the others get a copy of what they made.
async fn migrated_sqlite(url: &str) -> Store {
    static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
    let template = TEMPLATE.get_or_init(|| async {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let copy = dir.path().join("copy.db");
        let store = migrated(&sqlite_in(dir.path())).await;
        store.backup(&copy.display().to_string()).await.expect("the tables are copied");
        std::fs::read(copy).expect("the copy is read")
    });
    let path = url.strip_prefix("sqlite://").expect("the address of a file");
    std::fs::write(path, template.await).expect("the database is written");
    connected(url).await
}

/// Runs a test on a runtime of its own. A local set, so that what an HTTP client of actix spawns runs here too: a second
/// runtime would take connections of the pool along when it ends.
fn block_on(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(tokio::task::LocalSet::new().run_until(test));
}

/// A database of its own on the test server.
pub struct FreshPostgres {
    /// How to reach it.
    pub url: String,
    name: String,
    server: &'static str,
}

impl FreshPostgres {
    /// Makes an empty database; `None` if there is no server, which is then reported.
    pub async fn create() -> Option<Self> {
        Some(Self::like("template1", server()?).await)
    }

    /// The same with its tables, and a store on it. The migrations run once in a process; the others get a copy of what they
    /// made, which stays until the server goes.
    pub async fn migrated() -> Option<(Self, Store)> {
        static TEMPLATE: OnceCell<String> = OnceCell::const_new();
        let server = server()?;
        let template = TEMPLATE.get_or_init(|| async {
            let template = Self::like("template1", server).await;
            drop(migrated(&template.url).await);
            // Nothing is copied while others are connected to it.
            let name = &template.name;
            let sessions = format!(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
            );
            template.execute(&sessions).await;
            template.name
        });
        let database = Self::like(template.await, server).await;
        let store = connected(&database.url).await;
        Some((database, store))
    }

    /// A copy of another database.
    async fn like(template: &str, server: &'static str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("keyward_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        execute(server, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        let (host, _) = server.rsplit_once('/').expect("a URL that ends in a database");
        Self { url: format!("{host}/{name}"), name, server }
    }

    /// A session beside those of the store, which can be in its way.
    pub async fn session(&self) -> Session {
        Session(PgConnection::connect(&self.url).await.expect("the database answers"))
    }

    /// All there is in each table, as text.
    pub async fn dump(&self) -> Vec<(String, String)> {
        let mut connection = PgConnection::connect(&self.url).await.expect("the database answers");
        let names =
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1";
        let names: Vec<String> =
            sqlx::query_scalar(names).fetch_all(&mut connection).await.expect("the names of the tables");
        let mut tables = Vec::new();
        for name in names {
            let rows = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM \"{name}\" AS t");
            let rows = sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).fetch_one(&mut connection).await;
            tables.push((name, rows.expect("the rows of a table")));
        }
        tables
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a statement in another database of the server.
    pub async fn execute(&self, statement: &str) {
        execute(self.server, statement).await;
    }

    /// Removes the database. One whose test failed stays until the server goes.
    pub async fn drop(self) {
        execute(self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

/// A session of a test's own.
pub struct Session(PgConnection);

impl Session {
    /// Runs statements.
    pub async fn run(&mut self, statements: &str) {
        let statements = sqlx::AssertSqlSafe(statements.to_owned());
        self.0.execute(sqlx::raw_sql(statements)).await.expect("the statements run");
    }

    /// The one number that a query gives.
    pub async fn number(&mut self, query: &str) -> i64 {
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(query.to_owned()));
        query.fetch_one(&mut self.0).await.expect("a number")
    }
}

/// The server's address.
#[expect(clippy::disallowed_methods, reason = "the test run names its server in the environment")]
fn server() -> Option<&'static str> {
    /// A server that was started is held for as long as the process lives.
    static SERVER: OnceLock<Result<(String, Option<Postgres>), String>> = OnceLock::new();
    let server = SERVER.get_or_init(|| match std::env::var(POSTGRES) {
        Ok(address) => Ok((address, None)),
        Err(_) => match Postgres::start(Durability::None) {
            Ok(postgres) => Ok((postgres.url(), Some(postgres))),
            Err(error) => Err(format!("{error:#}; {POSTGRES} may name a server")),
        },
    });
    match server {
        Ok((address, _)) => Some(address),
        Err(why) => {
            not_run::report("on PostgreSQL", why);
            None
        }
    }
}

async fn execute(server: &str, statement: &str) {
    let mut connection = PgConnection::connect(server).await.expect("the PostgreSQL of the tests answers");
    let statement = sqlx::AssertSqlSafe(statement.to_owned());
    connection.execute(sqlx::raw_sql(statement)).await.expect("the statement runs");
}
