//! Tables and migrations of another program in the same database.

use std::path::Path;

use keyward_storage::{Schema, SchemaName, StorageError, Store, StoreOptions, Technical};
use keyward_testkit::database::FreshPostgres;
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, DbErr, Statement};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::dump;
use crate::fixtures::two_vendors;

/// Another program's migrations, as sea-orm makes them.
struct Host;

struct Orders;

impl MigratorTrait for Host {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Orders)]
    }
}

impl MigrationName for Orders {
    fn name(&self) -> &str {
        "m20260101_000001_orders"
    }
}

#[expect(elided_lifetimes_in_paths, reason = "the trait's own signature")]
#[async_trait::async_trait]
impl MigrationTrait for Orders {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let orders = "CREATE TABLE orders (number BIGINT PRIMARY KEY, license TEXT NOT NULL)";
        manager.get_connection().execute_unprepared(orders).await.map(drop)
    }
}

async fn names(host: &DatabaseConnection, table: &str) -> Vec<String> {
    let sql = format!("SELECT version FROM {table} ORDER BY version");
    let rows = host.query_all_raw(Statement::from_string(host.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get("", "version").unwrap()).collect()
}

async fn both_migrate_in_any_order(url: &str, host_first: bool) {
    let (host, store) = (Database::connect(url).await.unwrap(), Store::connect(url).await.unwrap());
    if host_first {
        Host::up(&host, None).await.unwrap();
    }
    assert!(matches!(store.schema().await.unwrap(), Schema::Behind { .. }));
    for _ in 0..2 {
        store.migrate().await.unwrap();
        assert_eq!(store.schema().await.unwrap(), Schema::Current);
        Host::up(&host, None).await.unwrap();
    }
    assert_eq!(names(&host, "seaql_migrations").await, ["m20260101_000001_orders"]);
    host.execute_unprepared("INSERT INTO orders VALUES (1, 'x')").await.unwrap();
    two_vendors(&store).await;
}

fn sqlite_in(folder: &Path) -> String {
    let path = folder.join("shared.db");
    drop(std::fs::OpenOptions::new().append(true).create(true).open(&path).unwrap());
    format!("sqlite://{}", path.display())
}

#[tokio::test]
async fn the_migrations_of_another_program_run_before_ours_or_after() {
    for host_first in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        both_migrate_in_any_order(&sqlite_in(folder.path()), host_first).await;
        let Some(database) = FreshPostgres::create().await else { continue };
        both_migrate_in_any_order(&database.url, host_first).await;
        database.drop().await;
    }
}

/// All migrations, in their order.
const ALL: &[&str] = &[
    "m0001_initial",
    "m0002_usage_counters",
    "m0003_license_grace",
    "m0004_webhooks",
    "m0005_audit_chain",
    "m0006_usage_shares",
    "m0007_license_use",
    "m0008_audit_sinks",
    "m0009_customer_users",
    "m0010_deployments",
    "m0011_deployment_pulls",
    "m0012_registry_key_ends",
];

/// Two servers start at once on a database of 0.1.0, into which another program has migrated as well.
async fn what_0_1_0_wrote_is_taken_over_once(url: &str) {
    let host = Database::connect(url).await.unwrap();
    host.execute_unprepared("INSERT INTO seaql_migrations VALUES ('m20990101_000001_another', 5)")
        .await
        .unwrap();
    assert_eq!(
        Store::connect(url).await.unwrap().schema().await.unwrap(),
        Schema::Behind { pending: ALL.len() - 1 }
    );
    let mut servers = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let url = url.to_owned();
        servers.spawn(async move { Store::connect(&url).await.unwrap().migrate().await.unwrap() });
    }
    while let Some(done) = servers.join_next().await {
        done.unwrap();
    }
    let store = Store::connect(url).await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Current);
    assert_eq!(names(&host, "keyward_migrations").await, ALL);
    // By these a server of 0.1.0 that still runs finds the tables as it expects them, and the other program its own.
    let shared = ["m0001_initial", "m20990101_000001_another"];
    assert_eq!(names(&host, "seaql_migrations").await, shared);
    // Once no such server runs, nothing needs its row any more.
    host.execute_unprepared("DELETE FROM seaql_migrations").await.unwrap();
    Host::up(&host, None).await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Current);
    assert_eq!(names(&host, "seaql_migrations").await, ["m20260101_000001_orders"]);
    assert_eq!(store.integrity().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn what_0_1_0_wrote_is_taken_over_once_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_in(folder.path());
    std::fs::copy(crate::upgrades::of_version("0.1.0").join("keyward.db"), folder.path().join("shared.db"))
        .unwrap();
    what_0_1_0_wrote_is_taken_over_once(&url).await;
}

#[tokio::test]
async fn what_0_1_0_wrote_is_taken_over_once_on_postgres() {
    let Some(database) = FreshPostgres::create().await else { return };
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    let kept = std::fs::read_to_string(crate::upgrades::of_version("0.1.0").join("keyward.sql")).unwrap();
    sqlx::raw_sql(AssertSqlSafe(kept)).execute(&mut connection).await.unwrap();
    what_0_1_0_wrote_is_taken_over_once(&database.url).await;
    database.drop().await;
}

/// A migration of another program that happens to have the name of one of ours.
#[tokio::test]
async fn a_name_alone_is_not_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_in(folder.path());
    let host = Database::connect(&url).await.unwrap();
    Host::up(&host, None).await.unwrap();
    host.execute_unprepared("UPDATE seaql_migrations SET version = 'm0001_initial'").await.unwrap();
    let store = Store::connect(&url).await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Behind { pending: ALL.len() });
    store.migrate().await.unwrap();
    two_vendors(&store).await;
    assert_eq!(names(&host, "seaql_migrations").await, ["m0001_initial"]);
}

fn in_schema(name: &str) -> StoreOptions {
    StoreOptions { schema: Some(name.parse::<SchemaName>().unwrap()), ..StoreOptions::default() }
}

#[tokio::test]
async fn all_tables_can_have_a_schema_of_their_own() {
    let Some(database) = FreshPostgres::create().await else { return };
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    // Tables of another program with names of ours.
    let theirs = "CREATE TABLE settings (key INT); CREATE TABLE licenses (plate TEXT)";
    sqlx::raw_sql(theirs).execute(&mut connection).await.unwrap();
    let before = dump::postgres_schema(&mut connection).await;
    let mut servers = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let url = database.url.clone();
        servers.spawn(async move {
            let store = Store::connect_with(&url, in_schema("keyward")).await.unwrap();
            store.migrate().await.unwrap();
        });
    }
    while let Some(done) = servers.join_next().await {
        done.unwrap();
    }
    let store = Store::connect_with(&database.url, in_schema("keyward")).await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Current);
    let (vendor, _) = two_vendors(&store).await;
    assert_eq!(store.integrity().await.unwrap(), Vec::<String>::new());
    assert_eq!(dump::postgres_schema(&mut connection).await, before, "nothing is made outside");
    // Another installation in the same database has its own.
    let other = Store::connect_with(&database.url, in_schema("keyward_test")).await.unwrap();
    assert!(matches!(other.schema().await.unwrap(), Schema::Behind { .. }));
    other.migrate().await.unwrap();
    let tx = other.read().await.unwrap();
    assert!(tx.organizations().by_slug(&vendor.slug).await.unwrap().is_none());
    drop(tx);
    let tx = other.write().await.unwrap();
    tx.settings().set("x", "y").await.unwrap();
    tx.commit_unrecorded(Technical::Seed).await.unwrap();
    assert_eq!(store.read().await.unwrap().settings().get("x").await.unwrap(), None);
    database.drop().await;
}

#[tokio::test]
async fn sqlite_has_no_schemas() {
    let folder = tempfile::tempdir().unwrap();
    let refused = Store::connect_with(&sqlite_in(folder.path()), in_schema("keyward")).await;
    assert!(matches!(refused, Err(StorageError::Unsupported(_))));
}

/// What the guide says that a host must not call its tables.
#[tokio::test]
async fn the_guide_names_all_tables() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_in(folder.path());
    Store::connect(&url).await.unwrap().migrate().await.unwrap();
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let names =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let tables: Vec<String> = sqlx::query_scalar(names).fetch_all(&mut connection).await.unwrap();
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/embedding-the-engine.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let (_, named) = guide.split_once("compares them with the tables -->").unwrap();
    let named: Vec<_> = named.split_once("<!-- /names").unwrap().0.split_whitespace().collect();
    assert_eq!(named, tables);
    let indexes = "SELECT name FROM sqlite_master WHERE type = 'index' AND name NOT LIKE 'sqlite_%'";
    let indexes: Vec<String> = sqlx::query_scalar(indexes).fetch_all(&mut connection).await.unwrap();
    for index in indexes {
        let of_table = |table: &&str| index.strip_prefix(*table).is_some_and(|rest| rest.starts_with('_'));
        assert!(named.iter().any(of_table), "{index} is named otherwise");
    }
}
