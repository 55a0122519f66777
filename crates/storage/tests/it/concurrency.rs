//! Many at once.

use keyward_domain::Idempotency;
use keyward_storage::{Aged, Claim};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use tokio::task::JoinSet;

use crate::fixtures::*;

#[database_test]
async fn a_locked_row_is_changed_by_one_at_a_time(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let scope = vendor.scope();
    let mut tasks = JoinSet::new();
    for _ in 0..40 {
        let store = store.clone();
        tasks.spawn(async move {
            let tx = store.write().await.unwrap();
            let mut found = tx.organizations().lock(scope).await.unwrap().unwrap();
            found.version += 1;
            tx.organizations().save(&found).await.unwrap();
            tx.commit_unrecorded(keyward_storage::Technical::Seed).await.unwrap();
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let tx = store.read().await.unwrap();
    assert_eq!(tx.organizations().find(scope).await.unwrap().unwrap().version, 41);
}

#[database_test]
async fn of_equal_requests_at_once_one_is_new(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let scope = vendor.scope();
    let mut tasks = JoinSet::new();
    for n in 0..20 {
        let store = store.clone();
        tasks.spawn(async move {
            let once = Idempotency { key: "pay-1".parse().unwrap(), fingerprint: [7; 32] };
            let tx = store.write().await.unwrap();
            let claim = tx.idempotency(scope).claim(&once, at(400)).await.unwrap();
            if claim == Claim::New {
                let made = customer(&vendor_of(scope), n + 1);
                tx.customers(scope).insert(&made).await.unwrap();
                tx.idempotency(scope).complete(&once.key, made.id.uuid()).await.unwrap();
                tx.commit_unrecorded(keyward_storage::Technical::Seed).await.unwrap();
            }
            claim
        });
    }
    let mut fresh = 0;
    let mut resources = std::collections::HashSet::new();
    while let Some(done) = tasks.join_next().await {
        match done.unwrap() {
            Claim::New => fresh += 1,
            Claim::Done { resource } => drop(resources.insert(resource)),
            Claim::Mismatch => panic!("the requests are equal"),
        }
    }
    assert_eq!((fresh, resources.len()), (1, 1));
}

#[database_test]
async fn a_name_is_forgotten_when_it_is_removed_and_told_apart_before(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let scope = vendor.scope();
    let once = |byte| Idempotency { key: "k".parse().unwrap(), fingerprint: [byte; 32] };
    let tx = store.write().await.unwrap();
    assert_eq!(tx.idempotency(scope).claim(&once(1), at(400)).await.unwrap(), Claim::New);
    tx.idempotency(scope).complete(&once(1).key, vendor.id.uuid()).await.unwrap();
    let resource = vendor.id.uuid();
    let day = 24 * 60 * 60;
    // Whatever the clock says.
    assert_eq!(
        tx.idempotency(scope).claim(&once(1), at(400 + 400 * day)).await.unwrap(),
        Claim::Done { resource }
    );
    assert_eq!(tx.idempotency(scope).claim(&once(2), at(400)).await.unwrap(), Claim::Mismatch);
    assert_eq!(tx.remove_aged(Aged::IdempotencyKeys, at(400), 10).await.unwrap(), 0);
    assert_eq!(tx.remove_aged(Aged::IdempotencyKeys, at(401), 10).await.unwrap(), 1);
    assert_eq!(tx.idempotency(scope).claim(&once(2), at(400)).await.unwrap(), Claim::New);
}

#[database_test]
async fn readers_do_not_wait_for_a_writer(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let writing = store.write().await.unwrap();
    writing.organizations().lock(vendor.scope()).await.unwrap();
    writing.customers(vendor.scope()).insert(&customer(&vendor, 1)).await.unwrap();
    let reading = store.read().await.unwrap();
    assert_eq!(reading.customers(vendor.scope()).find(customer(&vendor, 1).id).await.unwrap(), None);
    writing.commit_unrecorded(keyward_storage::Technical::Seed).await.unwrap();
}

fn vendor_of(scope: keyward_domain::OrganizationScope) -> keyward_domain::Organization {
    keyward_domain::Organization { id: scope.id(), ..organization(1) }
}
