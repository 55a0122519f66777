//! What is due, as the databases find it.

use keyward_domain::Timestamp;
use keyward_domain::job::is_due;
use keyward_storage::{Store, Technical};
use keyward_testkit::database::FreshPostgres;
use keyward_testkit::engine::{engine, new_license};
use keyward_testkit::{Vendor, database_test};

use crate::schema::meddle;

const YEAR: i64 = 365 * 24 * 60 * 60;

#[database_test]
async fn a_job_is_claimed_when_the_domain_says_that_it_is_due(store: Store) {
    let now = Timestamp::from_unix(10 * YEAR).unwrap();
    let (first, second) = (uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2));
    let (longest, lease) = (600, 90);
    for shift in [-YEAR, -1, 0, 1, 90, 91, 150, 151, 600, 659, 660, 661, YEAR] {
        let (due_at, name) = (now.plus_seconds(shift), format!("due {shift}"));
        let tx = store.write().await.unwrap();
        tx.jobs().begin(&name, longest, due_at).await.unwrap();
        let claimed = tx.jobs().claim(&name, first, now, (longest, lease)).await.unwrap();
        assert_eq!(claimed, is_due(due_at, longest, now), "{shift}");
        tx.commit_unrecorded(Technical::Job).await.unwrap();

        // The same of the claim of another server.
        let (until, name) = (now.plus_seconds(shift), format!("claimed {shift}"));
        let tx = store.write().await.unwrap();
        tx.jobs().begin(&name, longest, now).await.unwrap();
        assert!(tx.jobs().claim(&name, first, now, (longest, lease)).await.unwrap());
        assert!(tx.jobs().renew(&name, first, until).await.unwrap());
        assert!(!tx.jobs().renew(&name, second, until).await.unwrap());
        let claimed = tx.jobs().claim(&name, second, now, (longest, lease)).await.unwrap();
        assert_eq!(claimed, is_due(until, lease, now), "{shift}");
        assert_eq!(tx.jobs().renew(&name, first, until).await.unwrap(), !claimed);
        tx.commit_unrecorded(Technical::Job).await.unwrap();
    }
}

#[tokio::test]
async fn an_organization_that_can_not_be_read_keeps_no_other_waiting_for_its_notices() {
    let Some(database) = FreshPostgres::create().await else { return };
    let store = Store::connect(&database.url).await.unwrap();
    store.migrate().await.unwrap();
    let (engine, clock) = engine(store);
    for name in ["Acme", "Other"] {
        let vendor = Vendor::found(&engine, name).await;
        let mut new = new_license("Ending", "{}");
        new.ends.ends_at = Some(Some(engine.now().plus_days(5)));
        engine.create_license(&vendor.access(), new, None).await.unwrap();
    }
    meddle(
        &database,
        "UPDATE notices SET days = 'x' WHERE organization_id = (SELECT id FROM organizations WHERE slug = 'acme')",
    )
    .await;
    let turns = async || {
        let (mut done, mut put_off) = (0, 0);
        loop {
            match format!("{:?}", engine.tell_endings().await.unwrap()).split('(').next() {
                Some("Done") => done += 1,
                Some("Postponed") => put_off += 1,
                _ => return (done, put_off),
            }
            assert!(done + put_off < 10, "the same again and again");
        }
    };
    assert_eq!(turns().await, (1, 1));
    clock.advance(60 * 60);
    assert_eq!(turns().await, (1, 1), "and each again in an hour");
    assert_eq!(engine.claim_mail().await.unwrap().unwrap().subject, "A license ends on 2026-01-05");
    database.drop().await;
}
