//! The life of licenses, and of the customers who hold them.

use futures_util::future::join_all;
use keyward_domain::{Ends, LicenseFilter, LicenseStatus, Notes, PageRequest};
use keyward_engine::{CustomerChange, Error, LicenseChange, NewLicense};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{engine, new_license};

#[database_test]
async fn a_license_without_dates_runs_from_now_for_a_year(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let license = vendor.license("Pro", "{}").await;
    let validity = license.revision.validity;
    assert_eq!(validity.not_before(), engine.now());
    assert_eq!(validity.expires_at(), Some(engine.now().plus_one_year()));
    let endless = NewLicense { ends: Ends::at(None), ..new_license("Endless", "{}") };
    let endless = engine.create_license(&vendor.access(), endless, None).await.unwrap().value;
    assert_eq!(endless.revision.validity.expires_at(), None);
    let later = engine.now().plus_one_year().plus_one_year();
    let future = NewLicense { not_before: Some(later), ..new_license("Future", "{}") };
    let future = engine.create_license(&vendor.access(), future, None).await.unwrap().value;
    assert_eq!(future.revision.validity.expires_at(), Some(later.plus_one_year()));
    assert_eq!(future.status(engine.now()), LicenseStatus::NotYetValid);
}

#[database_test]
async fn a_name_is_taken_until_its_license_is_deleted(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let license = vendor.license("Pro", "{}").await;
    let taken = engine.create_license(&vendor.access(), new_license("Pro", "{}"), None).await;
    assert!(matches!(taken, Err(Error::Taken { field: "name", .. })));
    let other = vendor.license("Basic", "{}").await;
    let change = LicenseChange { name: Some("Pro".parse().unwrap()), ..LicenseChange::default() };
    let taken = engine.adjust_license(&vendor.access(), other.id, change, None).await;
    assert!(matches!(taken, Err(Error::Taken { field: "name", .. })));
    engine.delete_license(&vendor.access(), license.id, None).await.unwrap();
    vendor.license("Pro", "{}").await;
}

#[database_test]
async fn a_change_on_an_older_sight_is_refused(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let license = vendor.license("Pro", "{}").await;
    let change = || LicenseChange { description: Some(Some(text("seen"))), ..LicenseChange::default() };
    let changed = engine.adjust_license(&vendor.access(), license.id, change(), Some(1)).await.unwrap();
    assert_eq!(changed.version, 2);
    let late = engine.adjust_license(&vendor.access(), license.id, change(), Some(1)).await;
    assert!(matches!(late, Err(Error::Changed { version: 2 })));
    let late = engine.delete_license(&vendor.access(), license.id, Some(1)).await;
    assert!(matches!(late, Err(Error::Changed { version: 2 })));
    let cleared = LicenseChange { description: Some(None), ..LicenseChange::default() };
    let cleared = engine.adjust_license(&vendor.access(), license.id, cleared, Some(2)).await.unwrap();
    assert_eq!(cleared.description, None);
}

#[database_test]
async fn deleting_a_customer_revokes_all_they_hold(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let customer = vendor.customer("Buyer").await;
    let held = NewLicense { customer: Some(customer.id), ..new_license("Held", "{}") };
    let held = engine.create_license(&vendor.access(), held, None).await.unwrap().value;
    let own = vendor.license("Own", "{}").await;
    engine.delete_customer(&vendor.access(), customer.id, None).await.unwrap();
    let status = async |id| engine.license(&vendor.access(), id).await.unwrap().status(engine.now());
    assert_eq!(status(held.id).await, LicenseStatus::Revoked);
    assert_eq!(status(own.id).await, LicenseStatus::Active);
    assert!(matches!(engine.customer(&vendor.access(), customer.id).await, Err(Error::NotFound(_))));
    let late = NewLicense { customer: Some(customer.id), ..new_license("Late", "{}") };
    let late = engine.create_license(&vendor.access(), late, None).await;
    assert!(matches!(late, Err(Error::Invalid(faults)) if faults[0].field == "customer_id"));
}

#[database_test]
async fn another_tenants_customer_cannot_hold_a_license(store: Store) {
    let (engine, _) = engine(store);
    let (acme, other) = (Vendor::found(&engine, "Acme").await, Vendor::found(&engine, "Other").await);
    let theirs = other.customer("Buyer").await;
    let new = NewLicense { customer: Some(theirs.id), ..new_license("Pro", "{}") };
    assert!(matches!(engine.create_license(&acme.access(), new, None).await, Err(Error::Invalid(_))));
    let change = CustomerChange { name: Some("Mine".parse().unwrap()), ..CustomerChange::default() };
    let taken = engine.update_customer(&acme.access(), theirs.id, change, None).await;
    assert!(matches!(taken, Err(Error::NotFound(_))));
}

#[database_test]
async fn every_change_leaves_a_line_in_the_audit_log(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    clock.advance(1);
    let license = vendor.license("Pro", "{}").await;
    clock.advance(1);
    engine.suspend_license(&vendor.access(), license.id, None).await.unwrap();
    clock.advance(1);
    let refused = engine.suspend_license(&vendor.access(), license.id, None).await;
    assert!(matches!(refused, Err(Error::Transition(_))));
    engine.revoke_license(&vendor.access(), license.id, None).await.unwrap();
    let log = engine
        .audit_events(&vendor.access(), &Default::default(), PageRequest::default())
        .await
        .unwrap()
        .newest();
    let actions: Vec<_> = log.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["license.revoked", "license.suspended", "license.created", "organization.created"]);
    assert_eq!(log[0].target, Some(license.id.uuid()));
    assert_eq!(log[0].detail["name"], "Pro");
}

#[database_test]
async fn racing_changes_of_one_license_end_in_one_revocation(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let license = vendor.license("Pro", "{}").await;
    let access = vendor.access();
    let revoked = join_all((0..20).map(|_| engine.revoke_license(&access, license.id, None))).await;
    assert_eq!(revoked.iter().filter(|revoked| revoked.is_ok()).count(), 1);
    let filter = LicenseFilter { status: Some(LicenseStatus::Revoked), ..LicenseFilter::default() };
    let page = engine.licenses(&vendor.access(), &filter, PageRequest::default()).await.unwrap();
    assert_eq!(page.newest()[0].version, 2);
}

fn text(text: &str) -> Notes {
    text.parse().unwrap()
}
