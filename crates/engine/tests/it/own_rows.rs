//! Rows of the embedding service's own go with a change, or neither is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use keyward_domain::{Action, AuditEvent, Idempotency, LicenseFilter, PageRequest};
use keyward_engine::{Engine, Error, OwnRows, OwnWriting};
use keyward_testkit::Vendor;
use keyward_testkit::database::{FreshPostgres, Store, Technical, on_both_with};
use keyward_testkit::engine::{engine, new_license};
use uuid::Uuid;

const TABLES: &str = "CREATE TABLE orders (number BIGINT PRIMARY KEY, license TEXT NOT NULL);
    CREATE TABLE own_values (n BIGINT, i INTEGER, f DOUBLE PRECISION, b BOOLEAN, t TEXT)";

async fn service(store: &Store) -> (Arc<Engine>, Vendor) {
    let (engine, _) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    (engine, vendor)
}

async fn orders(store: &Store) -> Vec<(i64, String)> {
    let tx = store.read().await.unwrap();
    let rows = tx.own_rows().query("SELECT number, license FROM orders ORDER BY number", &[]).await.unwrap();
    rows.iter().map(|row| (row.get("number").unwrap(), row.get("license").unwrap())).collect()
}

async fn licenses(vendor: &Vendor) -> usize {
    let page = PageRequest::default();
    let listed = vendor.engine.licenses(&vendor.access(), &LicenseFilter::default(), page).await;
    listed.unwrap().newest().len()
}

fn order<'a>(rows: &'a OwnRows<'a>, number: i64, events: &'a [AuditEvent]) -> OwnWriting<'a> {
    Box::pin(async move {
        let license = events.last().and_then(|event| event.target).ok_or("no license")?;
        let values = [number.into(), license.to_string().into()];
        assert_eq!(rows.execute("INSERT INTO orders (number, license) VALUES ($1, $2)", &values).await?, 1);
        Ok(())
    })
}

#[test]
fn both_are_committed() {
    on_both_with(TABLES, async |store| {
        let (engine, vendor) = service(&store).await;
        let (access, new) = (vendor.access(), new_license("Pro", "{}"));
        let work = engine.create_license(&access, new, None);
        let license = engine
            .with_own_rows(
                |rows, events| {
                    assert_eq!(
                        events.iter().map(|event| event.action).collect::<Vec<_>>(),
                        [Action::LicenseCreated]
                    );
                    order(rows, 7, events)
                },
                work,
            )
            .await
            .unwrap()
            .value;
        assert_eq!(orders(&store).await, [(7, license.id.to_string())]);
        assert_eq!(licenses(&vendor).await, 1);
    });
}

#[test]
fn a_refused_row_leaves_neither() {
    on_both_with(TABLES, async |store| {
        let (engine, vendor) = service(&store).await;
        let access = vendor.access();
        let refused = engine
            .with_own_rows(
                |rows, events| {
                    Box::pin(async move {
                        order(rows, 7, events).await?;
                        Err("the order was cancelled".into())
                    })
                },
                engine.create_license(&access, new_license("Pro", "{}"), None),
            )
            .await
            .unwrap_err();
        assert!(
            matches!(&refused, Error::OwnRows(why) if why.to_string() == "the order was cancelled"),
            "{refused:?}"
        );
        assert_eq!((orders(&store).await.len(), licenses(&vendor).await), (0, 0));
        let log = engine
            .audit_events(&vendor.access(), &Default::default(), PageRequest::default())
            .await
            .unwrap()
            .newest();
        assert!(log.iter().all(|event| event.action != Action::LicenseCreated));
    });
}

/// PostgreSQL commits nothing after a failed statement, and says that it did.
#[test]
fn a_failed_statement_is_not_forgiven() {
    on_both_with(TABLES, async |store| {
        let (engine, vendor) = service(&store).await;
        let access = vendor.access();
        let refused = engine
            .with_own_rows(
                |rows, _| {
                    Box::pin(async move {
                        let _ = rows.execute("INSERT INTO nowhere VALUES (1)", &[]).await;
                        Ok(())
                    })
                },
                engine.create_license(&access, new_license("Pro", "{}"), None),
            )
            .await;
        assert!(matches!(refused, Err(Error::OwnRows(_))), "{refused:?}");
        assert_eq!(licenses(&vendor).await, 0);
    });
}

#[test]
fn what_ends_half_way_leaves_neither() {
    on_both_with(TABLES, async |store| {
        let (engine, vendor) = service(&store).await;
        let (reached, mut there) = tokio::sync::mpsc::channel(1);
        let access = vendor.access();
        let change = engine.with_own_rows(
            move |rows, events| {
                let reached = reached.clone();
                Box::pin(async move {
                    order(rows, 7, events).await?;
                    reached.send(()).await?;
                    std::future::pending().await
                })
            },
            engine.create_license(&access, new_license("Pro", "{}"), None),
        );
        tokio::select! {
            _ = change => panic!("it waits for ever"),
            _ = there.recv() => {}
        }
        assert_eq!((orders(&store).await.len(), licenses(&vendor).await), (0, 0));
        // Nor is anything left that is in the way of others.
        vendor.license("Pro", "{}").await;
    });
}

#[test]
fn a_repeated_request_writes_its_rows_once() {
    on_both_with(TABLES, async |store| {
        let (engine, vendor) = service(&store).await;
        let once = Idempotency { key: "order-7".parse().unwrap(), fingerprint: [1; 32] };
        let access = vendor.access();
        for replayed in [false, true] {
            let work = engine.create_license(&access, new_license("Pro", "{}"), Some(&once));
            let done = engine.with_own_rows(|rows, events| order(rows, 7, events), work).await.unwrap();
            assert_eq!(done.replayed, replayed);
        }
        assert_eq!((orders(&store).await.len(), licenses(&vendor).await), (1, 1));
    });
}

#[test]
fn rows_go_with_one_change() {
    on_both_with(TABLES, async |store| {
        let (engine, vendor) = service(&store).await;
        let access = vendor.access();
        let two = async {
            engine.create_license(&access, new_license("One", "{}"), None).await?;
            engine.create_license(&access, new_license("Two", "{}"), None).await
        };
        let refused = engine.with_own_rows(|rows, events| order(rows, 7, events), two).await;
        assert!(matches!(refused, Err(Error::OwnRows(_))), "{refused:?}");
        assert_eq!((orders(&store).await.len(), licenses(&vendor).await), (1, 1), "the first alone");
    });
}

#[test]
fn statements_neither_end_the_transaction_nor_come_in_pairs() {
    on_both_with(TABLES, async |store| {
        let (engine, vendor) = service(&store).await;
        for bad in
            ["COMMIT", "rollback", "", "-- \nCOMMIT", "SET x = 1", "DROP TABLE orders", "SELECT 1; COMMIT"]
        {
            let access = vendor.access();
            let refused = engine
                .with_own_rows(
                    move |rows, _| Box::pin(async move { Ok(rows.execute(bad, &[]).await.map(drop)?) }),
                    engine.create_license(&access, new_license("Pro", "{}"), None),
                )
                .await;
            assert!(matches!(refused, Err(Error::OwnRows(_))), "{bad}: {refused:?}");
        }
        assert_eq!(licenses(&vendor).await, 0);
    });
}

#[test]
fn values_come_back_as_they_were() {
    on_both_with(TABLES, async |store| {
        let tx = store.write().await.unwrap();
        let rows = tx.own_rows();
        let insert = "INSERT INTO own_values (n, i, f, b, t) VALUES ($1, $2, $3, $4, $5)";
        let full = [i64::MIN.into(), (-5_i32).into(), 0.5.into(), true.into(), "é'; --".into()];
        let nulls = [
            None::<i64>.into(),
            None::<i32>.into(),
            None::<f64>.into(),
            None::<bool>.into(),
            None::<String>.into(),
        ];
        for values in [&full, &nulls] {
            assert_eq!(rows.execute(insert, values).await.unwrap(), 1);
        }
        let found = rows.query("SELECT * FROM own_values WHERE n = $1", &full[..1]).await.unwrap();
        let row = &found[0];
        assert_eq!(row.get::<i64>("n").unwrap(), i64::MIN);
        assert_eq!(row.get::<i32>("i").unwrap(), -5);
        assert_eq!((row.get::<f64>("f").unwrap(), row.get::<bool>("b").unwrap()), (0.5, true));
        assert_eq!(row.get::<String>("t").unwrap(), "é'; --");
        assert!(row.get::<String>("nowhere").is_err());
        let found = rows.query("SELECT * FROM own_values WHERE n IS NULL", &[]).await.unwrap();
        assert_eq!(found[0].get::<Option<String>>("t").unwrap(), None);
        assert!(found[0].get::<Uuid>("n").is_err());
        drop(rows);
        tx.commit_unrecorded(Technical::Seed).await.unwrap();
    });
}

/// PostgreSQL undoes one of two transactions that are in each other's way.
#[tokio::test]
async fn rows_that_were_undone_for_the_sake_of_another_are_written_again() {
    let Some((database, store)) = FreshPostgres::migrated().await else { return };
    let (engine, vendor) = service(&store).await;
    let conflict = "CREATE FUNCTION conflict() RETURNS INTEGER LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'in the way' USING ERRCODE = '40001'; END $$";
    database.session().await.run(&format!("{TABLES}; {conflict}")).await;
    let (runs, access) = (Arc::new(AtomicU32::new(0)), vendor.access());
    let counted = Arc::clone(&runs);
    let change = engine.with_own_rows(
        move |rows, events| {
            let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
            Box::pin(async move {
                order(rows, 7, events).await?;
                if first {
                    // Whatever is made of the error.
                    let _ = rows.query("SELECT conflict()", &[]).await;
                }
                Ok(())
            })
        },
        engine.create_license(&access, new_license("Pro", "{}"), None),
    );
    change.await.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!((orders(&store).await.len(), licenses(&vendor).await), (1, 1));
    database.drop().await;
}
