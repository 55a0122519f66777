//! Fresh databases: a file of SQLite, or a database on the PostgreSQL that `cargo xtask test` starts.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};

pub use keyward_storage::Store;
use sqlx::{Connection as _, Executor as _, PgConnection};

/// Names the server for tests on PostgreSQL.
const POSTGRES: &str = "KEYWARD_TEST_POSTGRES";

/// Runs a test on a migrated SQLite database.
pub fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(Store) -> F) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite://{}", dir.path().join("test.db").display());
    block_on(async { test(migrated(&url).await).await });
}

/// Runs a test on a migrated PostgreSQL database.
pub fn on_postgres<F: Future<Output = ()>>(test: impl FnOnce(Store) -> F) {
    block_on(async {
        let database = FreshPostgres::create().await;
        test(migrated(&database.url).await).await;
        database.drop().await;
    });
}

async fn migrated(url: &str) -> Store {
    let store = Store::connect(url).await.expect("the database opens");
    store.migrate().await.expect("the migrations run");
    store
}

fn block_on(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(test);
}

/// A database of its own on the test server.
pub struct FreshPostgres {
    /// How to reach it.
    pub url: String,
    name: String,
    server: String,
}

impl FreshPostgres {
    /// Makes an empty database.
    #[expect(clippy::disallowed_methods, reason = "the test run names its server in the environment")]
    pub async fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var(POSTGRES)
            .unwrap_or_else(|_| panic!("{POSTGRES} names no PostgreSQL server: run `cargo xtask test`"));
        let name = format!("keyward_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        execute(&server, &format!("CREATE DATABASE {name}")).await;
        let (host, _) = server.rsplit_once('/').expect("a URL that ends in a database");
        Self { url: format!("{host}/{name}"), name, server }
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
        execute(&self.server, statement).await;
    }

    /// Removes the database. One whose test failed stays until the server goes.
    pub async fn drop(self) {
        execute(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

async fn execute(server: &str, statement: &str) {
    let mut connection = PgConnection::connect(server).await.expect("the PostgreSQL of the tests answers");
    let statement = sqlx::AssertSqlSafe(statement.to_owned());
    connection.execute(sqlx::raw_sql(statement)).await.expect("the statement runs");
}
