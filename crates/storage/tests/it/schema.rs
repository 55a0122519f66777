//! Migrations, and databases that are not ours.

use keyward_storage::{Schema, StorageError, Store, Technical};
use keyward_testkit::database::FreshPostgres;
use keyward_testkit::database_test;
use sqlx::{Connection as _, Executor as _};

use crate::dump;

#[database_test]
async fn migrating_again_changes_nothing(store: Store) {
    assert_eq!(store.schema().await.unwrap(), Schema::Current);
    store.migrate().await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Current);
}

#[tokio::test]
async fn a_fresh_file_is_behind_private_and_migrated_once_by_many() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k.db");
    let url = format!("sqlite://{}", path.display());
    let store = Store::connect(&url).await.unwrap();
    assert!(matches!(store.schema().await.unwrap(), Schema::Behind { .. }));
    migrated_by_many(&url).await;
    assert_eq!(store.schema().await.unwrap(), Schema::Current);
    #[cfg(unix)]
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = entry.as_ref().unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} can be read by others", entry.unwrap().path());
    }
}

#[tokio::test]
async fn a_fresh_postgres_is_migrated_once_by_many() {
    let Some(database) = FreshPostgres::create().await else { return };
    migrated_by_many(&database.url).await;
    database.drop().await;
}

async fn migrated_by_many(url: &str) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let url = url.to_owned();
        tasks.spawn(async move { Store::connect(&url).await.unwrap().migrate().await.unwrap() });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    for url in ["", "mysql://x", "sqlite::memory:", "sqlite://", "sqlite://a.db?mode=ro", "/tmp/k.db"] {
        assert!(matches!(Store::connect(url).await, Err(StorageError::Unsupported(_))), "{url}");
    }
    let error = Store::connect("sqlite:///nowhere/at/all/k.db").await.err().unwrap();
    assert!(matches!(error, StorageError::File { .. }), "{error:?}");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("text.db");
    std::fs::write(&path, "this is a text file, and a rather long one, so that it is no empty database")
        .unwrap();
    assert!(Store::connect(&format!("sqlite://{}", path.display())).await.is_err());
}

/// Runs a statement as somebody else would who reaches the same database.
pub(crate) async fn meddle(database: &FreshPostgres, statement: &'static str) {
    let mut connection = sqlx::PgConnection::connect(&database.url).await.unwrap();
    connection.execute(statement).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_noticed() {
    let Some(database) = FreshPostgres::create().await else { return };
    let store = Store::connect(&database.url).await.unwrap();
    store.migrate().await.unwrap();
    meddle(&database, "INSERT INTO keyward_migrations (version, applied_at) VALUES ('m9999_future', 0)")
        .await;
    assert_eq!(
        store.schema().await.unwrap(),
        Schema::Newer { unknown: vec!["m9999_future".into()], usable: true }
    );
    database.drop().await;
}

#[tokio::test]
async fn an_impossible_row_is_named() {
    use crate::fixtures::{license, two_vendors};
    let Some(database) = FreshPostgres::create().await else { return };
    let store = Store::connect(&database.url).await.unwrap();
    store.migrate().await.unwrap();
    let (vendor, _) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    tx.licenses(vendor.scope()).insert(&license(&vendor, 1)).await.unwrap();
    tx.commit_unrecorded(Technical::Seed).await.unwrap();
    meddle(&database, "UPDATE revisions SET payload = '[]'").await;
    let tx = store.read().await.unwrap();
    let error = tx.licenses(vendor.scope()).find(license(&vendor, 1).id).await.unwrap_err();
    assert!(matches!(error, StorageError::Corrupt { table: "revisions", column: "payload" }), "{error:?}");
    drop(tx);
    database.drop().await;
}

/// What all migrations make is what is written down: a migration that was released is not changed, and one that is added shows
/// what it does. `KEYWARD_BLESS=1` writes it down.
fn is_written_down(file: &str, found: &str) {
    let path = format!("{}/tests/schema/{file}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("KEYWARD_BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap();
    assert!(known == found, "the tables are not those of {path}: {}", differing(&known, found));
}

fn differing<'a>(known: &'a str, found: &'a str) -> &'a str {
    known.lines().zip(found.lines()).find(|(known, found)| known != found).map_or("its end", |(_, line)| line)
}

#[tokio::test]
async fn the_tables_of_sqlite_are_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", dir.path().join("k.db").display());
    Store::connect(&url).await.unwrap().migrate().await.unwrap();
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    is_written_down("sqlite.sql", &dump::sqlite_schema(&mut connection).await);
}

#[tokio::test]
async fn the_tables_of_postgres_are_written_down() {
    let Some((database, _)) = FreshPostgres::migrated().await else { return };
    let mut connection = sqlx::PgConnection::connect(&database.url).await.unwrap();
    is_written_down("postgres.sql", &dump::postgres_schema(&mut connection).await);
    database.drop().await;
}

/// What a database holds that a version before 0.1.0 has made.
const UNRELEASED: &str =
    "CREATE TABLE seaql_migrations (version VARCHAR NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL);
    INSERT INTO seaql_migrations VALUES ('m0001_first_license', 0), ('m0002_products', 0), ('m0026_jobs', 0);
    CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    INSERT INTO settings VALUES ('required_migration', 'm0017_history')";

async fn is_refused(url: &str) {
    let store = Store::connect(url).await.unwrap();
    for refused in [store.schema().await.unwrap_err(), store.migrate().await.unwrap_err()] {
        let text = refused.to_string();
        assert!(matches!(refused, StorageError::Unsupported(_)), "{refused:?}");
        assert!(text.contains("before 0.1.0") && text.contains("organization export"), "{text}");
        assert!(!text.contains('\n'), "{text}");
    }
}

#[tokio::test]
async fn a_database_of_sqlite_that_was_never_released_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k.db");
    std::fs::File::create(&path).unwrap();
    let url = format!("sqlite://{}", path.display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    connection.execute(UNRELEASED).await.unwrap();
    is_refused(&url).await;
    let made = dump::sqlite_schema(&mut connection).await;
    assert_eq!(made.matches("CREATE TABLE").count(), 2, "nothing is made: {made}");
}

#[tokio::test]
async fn a_database_of_postgres_that_was_never_released_is_refused() {
    let Some(database) = FreshPostgres::create().await else { return };
    meddle(&database, UNRELEASED).await;
    is_refused(&database.url).await;
    let mut connection = sqlx::PgConnection::connect(&database.url).await.unwrap();
    let made = dump::postgres_schema(&mut connection).await;
    assert_eq!(made.matches("CREATE TABLE").count(), 2, "nothing is made: {made}");
    database.drop().await;
}
