//! Changes that PostgreSQL undoes, or whose connection it ends: they are made once. On SQLite writers queue, and nothing
//! is undone.

use std::sync::Arc;
use std::time::Duration;

use keyward_domain::{Action, Idempotency, PageRequest};
use keyward_engine::{CustomerChange, Engine, Error, NewCustomer};
use keyward_storage::StorageError;
use keyward_testkit::Vendor;
use keyward_testkit::database::{FreshPostgres, Session};
use keyward_testkit::engine::engine;

/// Ends the sessions that wait for a lock.
const KILL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                    WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// Has the first transactions that insert a customer die while they are committed.
const DIE_AT_COMMIT: &str = "
    CREATE SEQUENCE commits;
    CREATE TABLE deaths (most bigint);
    INSERT INTO deaths VALUES (1);
    CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('commits') <= (SELECT most FROM deaths) THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER die AFTER INSERT ON customers DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION die()";

fn ada() -> NewCustomer {
    NewCustomer { name: "Ada".parse().unwrap(), email: "ada@example.com".parse().unwrap(), notes: None }
}

/// Waits until `many` sessions wait for a lock.
async fn waiting(watch: &mut Session, many: i64) {
    let count = "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while watch.number(count).await != many {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How often this was done, as the audit log says.
async fn recorded(vendor: &Vendor, action: Action) -> usize {
    let log = vendor
        .engine
        .audit_events(&vendor.access(), &Default::default(), PageRequest::default())
        .await
        .unwrap();
    log.newest().iter().filter(|event| event.action == action).count()
}

async fn customers(vendor: &Vendor) -> Vec<String> {
    let page = vendor.engine.customers(&vendor.access(), None, PageRequest::default()).await.unwrap();
    page.newest().iter().map(|customer| customer.name.to_string()).collect()
}

/// A vendor on a database of its own, the database, and two sessions beside those of the engine.
async fn shop() -> Option<(FreshPostgres, Arc<Engine>, Vendor, [Session; 2])> {
    let (database, store) = FreshPostgres::migrated().await?;
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let sessions = [database.session().await, database.session().await];
    Some((database, engine, vendor, sessions))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_overcome_and_leaves_one_event() {
    let Some((database, engine, vendor, [mut other, mut watch])) = shop().await else { return };
    let customer = engine.create_customer(&vendor.access(), ada(), None).await.unwrap().value;
    // The engine is the one that is undone.
    other.run("SET deadlock_timeout = '1h'; BEGIN; SELECT id FROM organizations FOR UPDATE").await;
    let name = Some("Ada Lovelace".parse().unwrap());
    let (update, access) = (CustomerChange { name, ..CustomerChange::default() }, vendor.access());
    let (changed, ()) = tokio::join!(engine.update_customer(&access, customer.id, update, Some(1)), async {
        waiting(&mut watch, 1).await;
        other.run("SELECT id FROM customers FOR UPDATE").await;
        other.run("COMMIT").await;
    });
    let changed = changed.unwrap();
    assert_eq!((changed.version, changed.name.as_str()), (2, "Ada Lovelace"));
    assert_eq!(recorded(&vendor, Action::CustomerUpdated).await, 1);
    drop((engine, vendor, other, watch));
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_lost_before_the_commit_loses_nothing() {
    let Some((database, engine, vendor, [mut other, mut watch])) = shop().await else { return };
    other.run("BEGIN; SELECT id FROM organizations FOR UPDATE").await;
    let access = vendor.access();
    let (made, ()) = tokio::join!(engine.create_customer(&access, ada(), None), async {
        waiting(&mut watch, 1).await;
        watch.run(KILL).await;
        other.run("COMMIT").await;
    });
    assert!(!made.unwrap().replayed);
    assert_eq!(customers(&vendor).await, ["Ada"]);
    assert_eq!(recorded(&vendor, Action::CustomerCreated).await, 1);
    drop((engine, vendor, other, watch));
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_lost_at_the_commit_is_tried_again_only_by_name() {
    let Some((database, engine, vendor, [mut other, _])) = shop().await else { return };
    other.run(DIE_AT_COMMIT).await;
    let unknown = engine.create_customer(&vendor.access(), ada(), None).await.unwrap_err();
    assert!(matches!(unknown, Error::Storage(StorageError::Unknown(_))), "{unknown:?}");
    assert!(unknown.is_passing());
    assert_eq!(customers(&vendor).await, [""; 0]);
    other.run("SELECT setval('commits', 1, false)").await;
    let once = Idempotency { key: "order-7".parse().unwrap(), fingerprint: [1; 32] };
    let made = engine.create_customer(&vendor.access(), ada(), Some(&once)).await.unwrap();
    assert!(!made.replayed);
    assert_eq!(customers(&vendor).await, ["Ada"]);
    assert_eq!(recorded(&vendor, Action::CustomerCreated).await, 1);
    drop((engine, vendor, other));
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_not_tried_for_ever() {
    let Some((database, engine, vendor, [mut other, _])) = shop().await else { return };
    other.run(DIE_AT_COMMIT).await;
    other.run("UPDATE deaths SET most = 100").await;
    let once = Idempotency { key: "order-7".parse().unwrap(), fingerprint: [1; 32] };
    let given_up = engine.create_customer(&vendor.access(), ada(), Some(&once)).await.unwrap_err();
    assert!(given_up.is_passing());
    assert_eq!(other.number("SELECT last_value FROM commits").await, 5);
    assert_eq!(recorded(&vendor, Action::CustomerCreated).await, 0);
    drop((engine, vendor, other));
    database.drop().await;
}
