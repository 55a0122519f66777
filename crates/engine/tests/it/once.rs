//! Requests that are sent twice.

use futures_util::future::join_all;
use keyward_domain::{Idempotency, PageRequest, Renewal};
use keyward_engine::{Error, NewToken};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{engine, new_license};

fn once(key: &str, byte: u8) -> Idempotency {
    Idempotency { key: key.parse().unwrap(), fingerprint: [byte; 32] }
}

#[database_test]
async fn twenty_equal_requests_at_once_make_one_license(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let (access, key) = (vendor.access(), once("order-7", 1));
    let make = |_| engine.create_license(&access, new_license("Pro", "{}"), Some(&key));
    let done = join_all((0..20).map(make)).await;
    let done: Vec<_> =
        done.into_iter().map(|done| done.map(|done| (done.value.id, done.replayed)).unwrap()).collect();
    assert!(done.windows(2).all(|pair| pair[0].0 == pair[1].0));
    assert_eq!(done.iter().filter(|(_, replayed)| !replayed).count(), 1);
}

#[database_test]
async fn forty_different_requests_at_once_are_all_carried_out(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let make = async |number: u8| {
        let new = new_license(&format!("License {number}"), "{}");
        engine.create_license(&vendor.access(), new, Some(&once(&format!("order-{number}"), number))).await
    };
    for done in join_all((0..40).map(make)).await {
        assert!(!done.unwrap().replayed);
    }
}

#[database_test]
async fn a_renewal_is_not_carried_out_twice(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let license = vendor.license("Pro", "{}").await;
    for replayed in [false, true, true] {
        clock.advance(60);
        let key = once("renew-1", 2);
        let done =
            engine.renew_license(&vendor.access(), license.id, Renewal::default(), Some(&key)).await.unwrap();
        assert_eq!((done.replayed, done.value.revision.number), (replayed, 2));
    }
}

#[database_test]
async fn a_name_used_for_another_request_is_refused(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let first = engine.create_license(&vendor.access(), new_license("A", "{}"), Some(&once("k", 1))).await;
    assert!(first.is_ok());
    let second = engine.create_license(&vendor.access(), new_license("B", "{}"), Some(&once("k", 2))).await;
    assert!(matches!(second, Err(Error::KeyReused)));
}

#[database_test]
async fn a_refused_request_does_not_use_up_its_name(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    vendor.license("A", "{}").await;
    let key = once("k", 1);
    let refused = engine.create_license(&vendor.access(), new_license("A", "{}"), Some(&key)).await;
    assert!(matches!(refused, Err(Error::Taken { .. })));
    let done = engine.create_license(&vendor.access(), new_license("B", "{}"), Some(&key)).await.unwrap();
    assert!(!done.replayed);
}

#[database_test]
async fn a_secret_is_not_shown_a_second_time(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let new = || NewToken { name: "CI".parse().unwrap(), scopes: None, expires_at: None };
    engine.create_token(&vendor.access(), new(), Some(&once("k", 1))).await.unwrap();
    let again = engine.create_token(&vendor.access(), new(), Some(&once("k", 1))).await;
    assert!(matches!(again, Err(Error::SecretShown { .. })));
    assert_eq!(engine.tokens(&vendor.access(), PageRequest::default()).await.unwrap().newest().len(), 2);
}
