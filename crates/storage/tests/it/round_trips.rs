//! What goes in comes out.

use keyward_domain::{
    Customer, Email, LicenseState, Maker, ManagementToken, Name, Notes, PageRequest, RevisionState,
    SigningKeyState,
};
use keyward_storage::{StorageError, Unique};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;

use crate::fixtures::*;

#[database_test]
async fn every_aggregate(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let scope = vendor.scope();
    let tx = store.write().await.unwrap();
    assert_eq!(tx.organizations().find(scope).await.unwrap().unwrap(), vendor);
    assert_eq!(tx.organizations().by_slug(&vendor.slug).await.unwrap().unwrap(), vendor);

    let member = member(&vendor, 1);
    tx.members(scope).insert(&member).await.unwrap();
    assert_eq!(tx.members(scope).find(member.id).await.unwrap().unwrap(), member);

    let token = token(&vendor, 1);
    tx.tokens(scope).insert(&token).await.unwrap();
    assert_eq!(tx.token_by_hash(&token.hash).await.unwrap().unwrap(), token);
    let revoked = ManagementToken { revoked_at: Some(at(500)), ..token };
    tx.tokens(scope).save(&revoked).await.unwrap();
    tx.touch_token(revoked.id, at(510)).await.unwrap();
    let found = tx.tokens(scope).find(revoked.id).await.unwrap().unwrap();
    assert_eq!(found, ManagementToken { last_used_at: Some(at(510)), ..revoked });
    let maker = |role| Maker::Member { id: member.id, name: member.name.clone(), role };
    let made = ManagementToken { maker: maker(Some(member.role)), ..found };
    tx.tokens(scope).save(&made).await.unwrap();
    assert_eq!(tx.tokens(scope).lock(made.id).await.unwrap().unwrap(), made);

    let customer = customer(&vendor, 1);
    tx.customers(scope).insert(&customer).await.unwrap();
    assert_eq!(tx.customers(scope).lock(customer.id).await.unwrap().unwrap(), customer);

    let mut license = license(&vendor, 1);
    license.customer = Some(customer.id);
    tx.licenses(scope).insert(&license).await.unwrap();
    assert_eq!(tx.licenses(scope).find(license.id).await.unwrap().unwrap(), license);
    assert_eq!(tx.licenses(scope).of_customer(customer.id).await.unwrap(), [license]);

    let event = event(&vendor, 1);
    tx.audit(scope).record(&event, [9; 16]).await.unwrap();
    let log = tx.audit(scope).list(&Default::default(), PageRequest::default()).await.unwrap().newest();
    let [recorded] = log.try_into().unwrap();
    assert_eq!((recorded.event, recorded.link.unwrap().seq), (event, 1));
    tx.settings().set("a", "1").await.unwrap();
    tx.settings().set("a", "2").await.unwrap();
    tx.commit_unrecorded(keyward_storage::Technical::Seed).await.unwrap();

    let tx = store.read().await.unwrap();
    assert_eq!(tx.settings().get("a").await.unwrap().unwrap(), "2");
    assert_eq!(tx.settings().get("b").await.unwrap(), None);
}

#[database_test]
async fn states_and_revisions(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let scope = vendor.scope();
    let tx = store.write().await.unwrap();
    let license = license(&vendor, 1);
    tx.licenses(scope).insert(&license).await.unwrap();
    let license = license.suspend(at(400)).unwrap();
    tx.licenses(scope).save(&license).await.unwrap();
    let found = tx.licenses(scope).lock(license.id).await.unwrap().unwrap();
    assert_eq!(found.state, LicenseState::Suspended { since: at(400) });

    let mut previous = found.revision.clone();
    previous.state = RevisionState::Superseded { at: at(410) };
    let mut renewed = found.resume(at(410)).unwrap();
    tx.licenses(scope).save(&renewed).await.unwrap();
    renewed.version += 1;
    renewed.revision = revision(renewed.id, 1, 2);
    tx.licenses(scope).append(&renewed, &previous).await.unwrap();
    assert_eq!(tx.licenses(scope).find(renewed.id).await.unwrap().unwrap(), renewed);
    assert_eq!(tx.licenses(scope).revisions(renewed.id).await.unwrap(), [renewed.revision, previous.clone()]);
    assert_eq!(tx.licenses(scope).revision(renewed.id, 1).await.unwrap().unwrap(), previous);
    assert_eq!(tx.licenses(scope).revision(renewed.id, 3).await.unwrap(), None);
}

#[database_test]
async fn a_stale_version_is_refused(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    let license = license(&vendor, 1);
    tx.licenses(vendor.scope()).insert(&license).await.unwrap();
    let once = license.clone().suspend(at(400)).unwrap();
    tx.licenses(vendor.scope()).save(&once).await.unwrap();
    let error = tx.licenses(vendor.scope()).save(&once).await.unwrap_err();
    assert!(matches!(error, StorageError::Stale { table: "licenses" }), "{error:?}");
}

#[database_test]
async fn what_must_be_unique_is(store: Store) {
    let (vendor, other) = two_vendors(&store).await;
    let scope = vendor.scope();
    let unique = |result: Result<(), StorageError>| match result.unwrap_err() {
        StorageError::Unique(unique) => unique,
        error => panic!("{error:?}"),
    };
    // Each in a transaction of its own: on PostgreSQL a violation ends it.
    let mut twin = organization(3);
    twin.slug = vendor.slug.clone();
    let tx = store.write().await.unwrap();
    assert_eq!(unique(tx.organizations().insert(&twin).await), Unique::OrganizationSlug);
    drop(tx);

    let tx = store.write().await.unwrap();
    tx.licenses(scope).insert(&license(&vendor, 1)).await.unwrap();
    tx.members(scope).insert(&member(&vendor, 1)).await.unwrap();
    tx.commit_unrecorded(keyward_storage::Technical::Seed).await.unwrap();

    let mut twin = license(&vendor, 2);
    twin.name = license(&vendor, 1).name;
    let tx = store.write().await.unwrap();
    assert_eq!(unique(tx.licenses(scope).insert(&twin).await), Unique::LicenseName);
    drop(tx);

    let mut twin = license(&vendor, 2);
    twin.revision.status_index = license(&vendor, 1).revision.status_index;
    let tx = store.write().await.unwrap();
    assert_eq!(unique(tx.licenses(scope).insert(&twin).await), Unique::StatusIndex);
    drop(tx);

    let mut twin = member(&vendor, 2);
    twin.email = member(&vendor, 1).email;
    let tx = store.write().await.unwrap();
    assert_eq!(unique(tx.members(scope).insert(&twin).await), Unique::MemberEmail);
    drop(tx);

    let tx = store.write().await.unwrap();
    assert_eq!(
        unique(tx.signing_keys(scope).insert(&signing_key(&vendor, 2)).await),
        Unique::ActiveSigningKey
    );
    drop(tx);

    let mut twin = signing_key(&vendor, 1);
    twin.state = SigningKeyState::Pending;
    let tx = store.write().await.unwrap();
    assert_eq!(unique(tx.signing_keys(scope).insert(&twin).await), Unique::SigningKeyId);
    drop(tx);

    // Another organization may have the same.
    let tx = store.write().await.unwrap();
    let mut same = license(&other, 9);
    same.name = license(&vendor, 1).name;
    same.revision.status_index = license(&vendor, 1).revision.status_index;
    tx.licenses(other.scope()).insert(&same).await.unwrap();
}

#[database_test]
async fn a_deleted_license_frees_its_name_and_stays_in_the_status_list(store: Store) {
    use keyward_storage::Withdrawal::{Revoked, Suspended};
    let (vendor, _) = two_vendors(&store).await;
    let scope = vendor.scope();
    let tx = store.write().await.unwrap();
    for n in 1..=4 {
        tx.licenses(scope).insert(&license(&vendor, n)).await.unwrap();
    }
    tx.licenses(scope).save(&license(&vendor, 2).suspend(at(400)).unwrap()).await.unwrap();
    tx.licenses(scope).save(&license(&vendor, 3).revoke(at(400)).unwrap()).await.unwrap();
    assert!(tx.licenses(scope).delete(license(&vendor, 1).id, at(400)).await.unwrap());
    assert!(!tx.licenses(scope).delete(license(&vendor, 1).id, at(401)).await.unwrap());
    assert_eq!(tx.licenses(scope).find(license(&vendor, 1).id).await.unwrap(), None);
    let mut again = license(&vendor, 5);
    again.name = license(&vendor, 1).name;
    tx.licenses(scope).insert(&again).await.unwrap();

    let mut withdrawn = tx.status_list(scope).withdrawn().await.unwrap();
    withdrawn.sort_by_key(|(index, _)| *index);
    assert_eq!(withdrawn, [(101, Revoked), (201, Suspended), (301, Revoked)]);
    assert!(tx.status_list(scope).taken(101).await.unwrap());
    assert!(!tx.status_list(scope).taken(102).await.unwrap());
    assert_eq!(tx.status_list(scope).window().await.unwrap(), 65_536);
    tx.status_list(scope).widen(131_072).await.unwrap();
    assert_eq!(tx.status_list(scope).window().await.unwrap(), 131_072);
}

#[database_test]
async fn what_was_written_before_the_rules_got_stricter_is_still_read(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    let customer = Customer {
        name: Name::kept("Ac\u{200b}me\u{202e}"),
        email: Email::kept("\u{ad}a@b.example"),
        notes: Some(Notes::kept("\r\n a\rb")),
        ..customer(&vendor, 1)
    };
    assert!(customer.name.as_str().parse::<Name>().is_err());
    tx.customers(vendor.scope()).insert(&customer).await.unwrap();
    assert_eq!(tx.customers(vendor.scope()).find(customer.id).await.unwrap().unwrap(), customer);
    let blank = Customer { notes: Some(Notes::kept(" \n")), version: 2, ..customer };
    tx.customers(vendor.scope()).save(&blank).await.unwrap();
    assert_eq!(tx.customers(vendor.scope()).find(blank.id).await.unwrap().unwrap().notes, None);
}

#[database_test]
async fn what_is_not_committed_never_happened(store: Store) {
    let (vendor, _) = two_vendors(&store).await;
    let tx = store.write().await.unwrap();
    tx.licenses(vendor.scope()).insert(&license(&vendor, 1)).await.unwrap();
    drop(tx);
    let tx = store.read().await.unwrap();
    assert_eq!(tx.licenses(vendor.scope()).find(license(&vendor, 1).id).await.unwrap(), None);
}
