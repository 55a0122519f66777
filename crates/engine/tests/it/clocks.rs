//! Clocks that are a year ahead for a moment, set back, or differ from server to server.

use std::sync::Arc;

use keyward_domain::registry::{RegistryKey, Rotation};
use keyward_domain::validation::Status;
use keyward_domain::{Ends, Idempotency, LicenseStatus, PageRequest, Timestamp};
use keyward_engine::jobs::ItemRun;
use keyward_engine::{
    ClientInfo, Engine, NewCustomer, NewLicense, NewRegistryKey, NoticesChange, Retention, Tidied,
};
use keyward_storage::Aged;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{another_engine, engine, new_license, new_registry_key};
use keyward_testkit::{TestClock, Vendor};

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

fn once(key: &str) -> Idempotency {
    Idempotency { key: key.parse().unwrap(), fingerprint: [1; 32] }
}

async fn customer(vendor: &Vendor, name: &str, key: &str) -> bool {
    let email = "buyer@customer.example".parse().unwrap();
    let new = NewCustomer { name: name.parse().unwrap(), email, notes: None };
    vendor.engine.create_customer(&vendor.access(), new, Some(&once(key))).await.unwrap().replayed
}

/// All mails that are due.
async fn mails(engine: &Engine) -> usize {
    while let ItemRun::Done(_) = engine.tell_endings().await.unwrap() {}
    let mut count = 0;
    while let Some(mail) = engine.claim_mail().await.unwrap() {
        engine.mail_sent(&mail).await.unwrap();
        count += 1;
    }
    count
}

/// Has the server run for a while.
async fn serve(engine: &Engine, clock: &TestClock, seconds: i64) {
    let mut left = seconds;
    while left > 0 {
        clock.advance(600.min(left));
        left -= 600;
        while let Tidied::Some(_) = engine.tidy(&Retention::default()).await.unwrap() {}
    }
}

async fn ending_in(vendor: &Vendor, name: &str, days: i64) {
    let expires_at = Some(Some(vendor.engine.now().plus_seconds(days * DAY)));
    let new = NewLicense { ends: Ends { expires_at, ..Ends::default() }, ..new_license(name, "{}") };
    vendor.engine.create_license(&vendor.access(), new, None).await.unwrap();
}

/// Every job has its look.
async fn look(engine: &Engine) {
    mails(engine).await;
    engine.run_due_rotations().await.unwrap();
    for registry in engine.unswept_registries(HOUR).await.unwrap() {
        engine.registry_swept(&registry, engine.now(), None).await.unwrap();
    }
    engine.tidy(&Retention::default()).await.unwrap();
}

/// As it was seen: a year ahead for 75 seconds, and right again.
#[database_test]
async fn a_clock_that_was_ahead_for_a_moment_holds_nothing_up_and_forgets_nothing(store: Store) {
    let (engine, clock) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let registry = vendor.registry("Releases").await;
    serve(&engine, &clock, 8 * HOUR).await;
    assert!(!customer(&vendor, "Ada", "order-1").await);
    look(&engine).await;

    clock.advance(YEAR);
    look(&engine).await;
    assert!(customer(&vendor, "Ada", "order-1").await, "repeated while the clock is wrong");
    engine.sweep_registry(&vendor.access(), registry.id).await.unwrap();
    vendor.license("Made in the future", "{}").await;
    let weekly = Rotation::new(7, 1).unwrap();
    let key = NewRegistryKey { rotation: Some(weekly), ..new_registry_key(&registry) };
    let key = engine.create_registry_key(&vendor.access(), key, None).await.unwrap().key;
    clock.advance(75);
    look(&engine).await;
    clock.advance(-YEAR);

    assert!(customer(&vendor, "Ada", "order-1").await, "and when it is right again");
    // What is due every hour is due at once, and then in an hour.
    assert_eq!(engine.unswept_registries(HOUR).await.unwrap().len(), 1);
    look(&engine).await;
    assert!(engine.unswept_registries(HOUR).await.unwrap().is_empty());
    ending_in(&vendor, "Ending", 5).await;
    clock.advance(HOUR);
    assert_eq!(engine.unswept_registries(HOUR).await.unwrap().len(), 1);
    assert_eq!(mails(&engine).await, 1, "members are told that a license ends");
    serve(&engine, &clock, 7 * HOUR).await;
    let found = async || -> RegistryKey { engine.registry_key(&vendor.access(), key.id).await.unwrap() };
    assert!(!found().await.secret.created_at.is_ahead_of(engine.now()), "the key's schedule begins now");
    clock.advance(7 * DAY);
    look(&engine).await;
    assert!(found().await.handover.is_some(), "and it rotates after a week");

    // The log has what was done last first, whatever the clock said.
    let log = engine
        .audit_events(&vendor.access(), &Default::default(), PageRequest::default())
        .await
        .unwrap()
        .newest();
    let place = |action: &str| log.iter().position(|event| event.action.as_str() == action).unwrap();
    assert!(place("registry_key.rotated") < place("registry_key.created"));
    assert!(log.iter().any(|event| event.at.is_ahead_of(engine.now())));
    assert!(!log[0].at.is_ahead_of(engine.now()));
}

#[database_test]
async fn mail_that_was_put_off_by_a_wrong_clock_is_tried_again(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let change = NoticesChange { members: Some(true), ..NoticesChange::default() };
    engine.set_notices(&vendor.access(), change, None).await.unwrap();
    ending_in(&vendor, "Ending", 5).await;
    while let ItemRun::Done(_) = engine.tell_endings().await.unwrap() {}
    clock.advance(YEAR);
    let mail = engine.claim_mail().await.unwrap().unwrap();
    engine.mail_failed(&mail).await.unwrap();
    clock.advance(-YEAR);
    let again = engine.claim_mail().await.unwrap().unwrap();
    assert_eq!((again.id, again.attempts), (mail.id, 1));
    engine.mail_failed(&again).await.unwrap();
    assert!(engine.claim_mail().await.unwrap().is_none(), "and waits as long as it should");
    clock.advance(120);
    assert!(engine.claim_mail().await.unwrap().is_some());
}

#[database_test]
async fn nothing_is_removed_before_the_clock_went_on_evenly(store: Store) {
    let (engine, clock) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    customer(&vendor, "Ada", "order-1").await;
    for jump in [400 * DAY, -800 * DAY, 3 * YEAR] {
        clock.advance(jump);
        for _ in 0..36 {
            assert_eq!(engine.tidy(&Retention::default()).await.unwrap(), Tidied::Unsteady);
            clock.advance(600);
        }
    }
    assert!(matches!(engine.tidy(&Retention::default()).await.unwrap(), Tidied::Some(_)));
    let tx = store.write().await.unwrap();
    assert_eq!(tx.remove_aged(Aged::IdempotencyKeys, Timestamp::MAX, 10).await.unwrap(), 0, "it was removed");
}

#[database_test]
async fn named_requests_are_remembered_for_a_day_and_then_removed(store: Store) {
    let (engine, clock) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    assert!(!customer(&vendor, "Ada", "order-1").await);
    serve(&engine, &clock, 47 * HOUR).await;
    assert!(customer(&vendor, "Ada", "order-1").await);
    serve(&engine, &clock, 2 * HOUR).await;
    assert!(!customer(&vendor, "Ada", "order-1").await, "a name can be used again after two days");
}

#[database_test]
async fn of_two_servers_one_removes_at_a_time(store: Store) {
    let (engine, clock) = engine(store.clone());
    let (other, theirs) = another_engine(store.clone(), 9);
    for _ in 0..40 {
        for (server, clock) in [(&engine, &clock), (&other, &theirs)] {
            server.tidy(&Retention::default()).await.unwrap();
            clock.advance(600);
        }
    }
    assert_eq!(engine.tidy(&Retention::default()).await.unwrap(), Tidied::Nothing);
    // One of them is a year ahead from now on: neither removes anything.
    theirs.advance(YEAR);
    for _ in 0..100 {
        for (server, clock) in [(&other, &theirs), (&engine, &clock)] {
            assert_eq!(server.tidy(&Retention::default()).await.unwrap(), Tidied::Unsteady);
            clock.advance(600);
        }
    }
}

#[database_test]
async fn what_one_server_issues_is_valid_at_one_whose_clock_is_behind(store: Store) {
    let (engine, clock) = engine(store.clone());
    let (other, _) = another_engine(store.clone(), 9);
    let vendor = Vendor::found(&engine, "Acme").await;
    for (ahead, status) in
        [(1, LicenseStatus::Active), (59, LicenseStatus::Active), (1, LicenseStatus::NotYetValid)]
    {
        clock.advance(ahead);
        let license = vendor.license(&format!("After {ahead} {status}"), "{}").await;
        let theirs = other.license(&vendor.access(), license.id).await.unwrap();
        assert_eq!(theirs.status(other.now()), status, "{ahead}");
        let filter = keyward_domain::LicenseFilter { status: Some(status), ..Default::default() };
        let listed =
            other.licenses(&vendor.access(), &filter, PageRequest::default()).await.unwrap().newest();
        assert!(listed.iter().any(|other| other.id == license.id));
        assert_eq!(license.revision.validity.not_before(), engine.now(), "the token says what it said");
    }
    assert_eq!(Status::NotYetValid.as_str(), "not_yet_valid");
}

#[database_test]
async fn sessions_and_links_of_a_clock_that_was_ahead_do_not_live_on(store: Store) {
    let (engine, clock) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let license = vendor.license("Pro", "{}").await;
    let client_info = || ClientInfo { address: "192.0.2.1".into(), user_agent: "Test".into(), device: None };
    let link = async || {
        let made = engine.create_onboarding_link(&vendor.access(), license.id).await.unwrap();
        let secret = made.url.rsplit('/').next().unwrap().to_owned();
        keyward_domain::Secret::parse(keyward_domain::SecretKind::Onboarding, &secret).unwrap()
    };
    clock.advance(2 * YEAR);
    let (unopened, opened) = (link().await, link().await);
    let session = engine.open_onboarding_link(&opened, client_info()).await.unwrap();
    assert!(engine.session(&session.secret).await.unwrap().is_some());
    clock.advance(-2 * YEAR);
    assert!(engine.session(&session.secret).await.unwrap().is_none());
    assert!(engine.open_onboarding_link(&unopened, client_info()).await.is_err());
    // What was begun before and has ended is removed within the hour, and no clock brings it back.
    let session = engine.open_onboarding_link(&link().await, client_info()).await.unwrap();
    serve(&engine, &clock, 8 * HOUR).await;
    clock.advance(-8 * HOUR);
    assert!(engine.session(&session.secret).await.unwrap().is_none());
}

/// However the clock moves, as long as it is right again in the end: nothing that is younger than a day was forgotten, and
/// each job has its turn within its period.
async fn walk(store: keyward_testkit::database::Store, seed: u64) {
    let (engine, clock) = engine(store.clone());
    let vendor = Arc::new(Vendor::found(&engine, "Acme").await);
    vendor.registry("Releases").await;
    let (mut state, mut true_time, mut shift) = (seed, 0_i64, 0_i64);
    let mut next = |below: i64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(state >> 33).unwrap() % below
    };
    let (mut asked, mut wrong_for) = (Vec::new(), 0);
    for step in 0..300 {
        let pass = next(900) + 1;
        clock.advance(pass);
        true_time += pass;
        wrong_for += pass;
        // Wrong at times, for less than six hours.
        if shift == 0 && next(10) == 0 {
            shift = [YEAR, -YEAR, 2 * YEAR, -30 * DAY, 90 * DAY][usize::try_from(next(5)).unwrap()];
            clock.advance(shift);
            wrong_for = 0;
        } else if shift != 0 && (next(4) == 0 || wrong_for > 4 * HOUR) {
            clock.advance(-shift);
            shift = 0;
        }
        look(&engine).await;
        let key = format!("order-{step}");
        assert!(!customer(&vendor, &key, &key).await);
        asked.push((true_time, key));
        let (at, key) = &asked[usize::try_from(next(i64::try_from(asked.len()).unwrap())).unwrap()];
        if true_time - at < DAY {
            assert!(customer(&vendor, key, key).await, "{key} was forgotten, {seed}");
        }
    }
    clock.advance(-shift);
    look(&engine).await;
    clock.advance(HOUR);
    assert_eq!(engine.unswept_registries(HOUR).await.unwrap().len(), 1);
    ending_in(&vendor, "Ending", 3).await;
    clock.advance(DAY);
    assert_eq!(mails(&engine).await, 1);
}

#[database_test]
async fn however_the_clock_moves_nothing_young_is_forgotten_and_nothing_is_held_up(store: Store) {
    walk(store, 7).await;
}

#[database_test]
async fn the_same_on_another_walk(store: Store) {
    walk(store, 1_234_567).await;
}
