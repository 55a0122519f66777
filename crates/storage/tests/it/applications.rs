//! Applications, their versions, and who may deploy them.

use std::collections::BTreeSet;

use keyward_domain::application_entitlement::Granted;
use keyward_domain::files::{Chart, File, FilesDraft};
use keyward_domain::{ApplicationKind, Files, PageRequest};
use keyward_storage::{StorageError, Unique};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;

use crate::fixtures::{application, at, customer, entitlement, license, product, two_vendors, version};

fn compose() -> Files {
    let draft = FilesDraft {
        compose: Some("services: {}\n".parse().unwrap()),
        environment: Some("KEY={{ .LicenseKeys.app }}\r\n\té".parse().unwrap()),
        further: vec![File { name: "empty".parse().unwrap(), text: "".parse().unwrap() }],
        ..FilesDraft::default()
    };
    Files::new(ApplicationKind::Compose, draft).unwrap()
}

#[database_test]
async fn an_application_comes_back_as_it_was(store: Store) {
    let (vendor, other) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    let applications = tx.applications(vendor.scope());
    let one = application(&vendor, 1);
    applications.insert(&one).await.unwrap();
    assert_eq!(applications.find(one.id).await.unwrap().as_ref(), Some(&one));
    assert_eq!(applications.lock(one.id).await.unwrap().as_ref(), Some(&one));
    assert_eq!(applications.by_slug(&one.slug).await.unwrap().as_ref(), Some(&one));
    assert_eq!(applications.among(&[one.id]).await.unwrap(), std::slice::from_ref(&one));
    assert_eq!(applications.list(Some("ication 1"), PageRequest::default()).await.unwrap().newest().len(), 1);
    assert!(applications.slug_taken(&one.slug).await.unwrap());
    let foreign = tx.applications(other.scope());
    assert_eq!(foreign.find(one.id).await.unwrap(), None);
    assert_eq!(foreign.by_slug(&one.slug).await.unwrap(), None);
    assert_eq!(foreign.among(&[one.id]).await.unwrap(), []);
    assert!(foreign.delete(one.id).await.is_err());
    let changed = one.clone().described("Other".parse().unwrap(), None, at(500));
    applications.save(&changed).await.unwrap();
    assert!(matches!(applications.save(&changed).await, Err(StorageError::Stale { .. })));
    assert_eq!(applications.find(one.id).await.unwrap(), Some(changed));
    applications.delete(one.id).await.unwrap();
    assert_eq!(applications.find(one.id).await.unwrap(), None);
}

#[database_test]
async fn a_name_is_taken_once(store: Store) {
    let (vendor, other) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    tx.applications(vendor.scope()).insert(&application(&vendor, 1)).await.unwrap();
    let mut foreign = application(&other, 2);
    foreign.name = application(&vendor, 1).name;
    tx.applications(other.scope()).insert(&foreign).await.unwrap();
    tx.commit_unrecorded(keyward_storage::Technical::Seed).await.unwrap();
    let tx = store.write().await.unwrap();
    let mut twin = application(&vendor, 3);
    twin.name = application(&vendor, 1).name;
    let error = tx.applications(vendor.scope()).insert(&twin).await.unwrap_err();
    assert!(matches!(error, StorageError::Unique(Unique::ApplicationName)), "{error:?}");
    drop(tx);
    let tx = store.write().await.unwrap();
    let first = version(&application(&vendor, 1), 1, "1.0.0");
    tx.application_versions(vendor.scope()).insert(&first, &compose()).await.unwrap();
    let twin = version(&application(&vendor, 1), 2, "1.0.0");
    let error = tx.application_versions(vendor.scope()).insert(&twin, &compose()).await.unwrap_err();
    assert!(matches!(error, StorageError::Unique(Unique::ApplicationVersionName)), "{error:?}");
}

#[database_test]
async fn a_version_comes_back_with_its_files(store: Store) {
    let (vendor, other) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    let one = application(&vendor, 1);
    tx.applications(vendor.scope()).insert(&one).await.unwrap();
    let versions = tx.application_versions(vendor.scope());
    let old = version(&one, 1, "1.9.0");
    let new = version(&one, 2, "1.10.0");
    let chart = Chart { url: "https://charts.example".into(), name: Some("x".into()), version: "1".into() };
    let draft = FilesDraft { chart: Some(chart), ..FilesDraft::default() };
    let helm = Files::new(ApplicationKind::Helm, draft).unwrap();
    versions.insert(&old, &compose()).await.unwrap();
    versions.insert(&new, &helm).await.unwrap();
    assert_eq!(versions.list(one.id).await.unwrap(), [new.clone(), old.clone()]);
    assert_eq!(versions.count(one.id).await.unwrap(), 2);
    assert_eq!(versions.files(&old).await.unwrap(), compose());
    assert_eq!(versions.files(&new).await.unwrap(), helm);
    assert_eq!(versions.find(one.id, &old.name).await.unwrap().as_ref(), Some(&old));
    assert_eq!(versions.by_id(old.id).await.unwrap().as_ref(), Some(&old));
    let foreign = tx.application_versions(other.scope());
    assert_eq!(foreign.find(one.id, &old.name).await.unwrap(), None);
    assert_eq!(foreign.by_id(old.id).await.unwrap(), None);
    assert_eq!(foreign.list(one.id).await.unwrap(), []);

    let archived = old.archive(at(600)).unwrap();
    versions.save(&archived).await.unwrap();
    assert_eq!(versions.lock(one.id, &archived.name).await.unwrap().as_ref(), Some(&archived));
    assert!(matches!(versions.save(&archived).await, Err(StorageError::Stale { .. })));
    foreign.delete_all(one.id).await.unwrap();
    assert_eq!(versions.count(one.id).await.unwrap(), 2);
    versions.delete_all(one.id).await.unwrap();
    assert_eq!(versions.count(one.id).await.unwrap(), 0);
    tx.applications(vendor.scope()).delete(one.id).await.unwrap();
}

#[database_test]
async fn an_entitlement_comes_back_as_it_was(store: Store) {
    let (vendor, other) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    let (one, buyer) = (application(&vendor, 1), customer(&vendor, 1));
    tx.applications(vendor.scope()).insert(&one).await.unwrap();
    tx.customers(vendor.scope()).insert(&buyer).await.unwrap();
    let all = [version(&one, 1, "1"), version(&one, 2, "2")];
    for version in &all {
        tx.application_versions(vendor.scope()).insert(version, &compose()).await.unwrap();
    }
    let entitlements = tx.application_entitlements(vendor.scope());
    let mut held = entitlement(&buyer, &one, 1, Granted::Named([all[0].id].into()));
    entitlements.insert(&held).await.unwrap();
    assert_eq!(entitlements.find(held.id).await.unwrap().as_ref(), Some(&held));
    held.granted = Granted::All { hidden: all.iter().map(|version| version.id).collect() };
    held.version += 1;
    held.note = None;
    entitlements.save(&held).await.unwrap();
    assert!(matches!(entitlements.save(&held).await, Err(StorageError::Stale { .. })));
    assert_eq!(entitlements.lock(held.id).await.unwrap().as_ref(), Some(&held));
    assert_eq!(entitlements.of_customer(buyer.id).await.unwrap(), [held.clone()]);
    let page = PageRequest::default();
    assert_eq!(entitlements.list(Some(buyer.id), Some(one.id), page).await.unwrap().newest(), [held.clone()]);
    assert_eq!(entitlements.counts(&[buyer.id]).await.unwrap(), [(buyer.id, 1)].into());
    assert_eq!(entitlements.count_of(one.id).await.unwrap(), 1);
    tx.application_entitlements(other.scope()).offered_again(one.id, all[0].id).await.unwrap();
    assert_eq!(entitlements.find(held.id).await.unwrap().as_ref(), Some(&held));
    entitlements.offered_again(one.id, all[0].id).await.unwrap();
    held.granted = Granted::All { hidden: [all[1].id].into() };
    assert_eq!(entitlements.find(held.id).await.unwrap().as_ref(), Some(&held));

    let foreign = tx.application_entitlements(other.scope());
    assert_eq!(foreign.find(held.id).await.unwrap(), None);
    assert!(foreign.of_customer(buyer.id).await.unwrap().is_empty());
    assert!(foreign.counts(&[buyer.id]).await.unwrap().is_empty());
    tx.commit_unrecorded(keyward_storage::Technical::Seed).await.unwrap();
    let tx = store.write().await.unwrap();
    let twin = entitlement(&buyer, &one, 2, Granted::All { hidden: BTreeSet::new() });
    let error = tx.application_entitlements(vendor.scope()).insert(&twin).await.unwrap_err();
    assert!(matches!(error, StorageError::Unique(Unique::ApplicationEntitlement)), "{error:?}");
    drop(tx);
    let tx = store.write().await.unwrap();
    tx.application_entitlements(vendor.scope()).delete(held.id).await.unwrap();
    assert_eq!(tx.application_entitlements(vendor.scope()).find(held.id).await.unwrap(), None);
}

#[database_test]
async fn what_files_may_name(store: Store) {
    let (vendor, other) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    let (buyer, stranger) = (customer(&vendor, 1), customer(&vendor, 2));
    for one in [&buyer, &stranger] {
        tx.customers(vendor.scope()).insert(one).await.unwrap();
    }
    let holders = [Some(buyer.id), Some(stranger.id), None];
    for (n, holder) in (1..).zip(holders) {
        let mut one = license(&vendor, n);
        one.customer = holder;
        tx.licenses(vendor.scope()).insert(&one).await.unwrap();
    }
    let found = tx.licenses(vendor.scope()).nameable(buyer.id).await.unwrap();
    let found: BTreeSet<_> = found.iter().map(|one| one.name.to_string()).collect();
    assert_eq!(found, ["License 1".to_owned(), "License 3".to_owned()].into());
    assert_eq!(tx.licenses(vendor.scope()).names().await.unwrap().len(), 3);
    assert!(tx.licenses(other.scope()).nameable(buyer.id).await.unwrap().is_empty());
    let sold = product(&vendor, 1);
    tx.products(vendor.scope()).insert(&sold).await.unwrap();
    assert_eq!(tx.products(vendor.scope()).slugs().await.unwrap(), [(sold.id, sold.slug)].into());
    assert!(tx.products(other.scope()).slugs().await.unwrap().is_empty());
}
