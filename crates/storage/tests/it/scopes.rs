//! Nothing of one organization can be seen or changed with the scope of another.

use keyward_domain::{Idempotency, LicenseFilter, PageRequest};
use keyward_storage::Claim;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;

use crate::fixtures::*;

#[database_test]
async fn another_tenants_rows_are_not_there(store: Store) {
    let (vendor, other) = two_vendors(&store).await;
    let (mine, theirs) = (vendor.scope(), other.scope());
    let all = PageRequest::default();
    let tx = store.write().await.unwrap();
    let (member, token, customer, license) =
        (member(&vendor, 1), token(&vendor, 1), customer(&vendor, 1), license(&vendor, 1));
    tx.members(mine).insert(&member).await.unwrap();
    tx.tokens(mine).insert(&token).await.unwrap();
    tx.customers(mine).insert(&customer).await.unwrap();
    tx.licenses(mine).insert(&license).await.unwrap();
    tx.audit(mine).record(&event(&vendor, 1), [9; 16]).await.unwrap();

    assert_eq!(tx.members(theirs).find(member.id).await.unwrap(), None);
    assert_eq!(tx.members(theirs).lock(member.id).await.unwrap(), None);
    assert!(!tx.members(theirs).delete(member.id).await.unwrap());
    assert_eq!(tx.members(theirs).owners().await.unwrap(), 0);
    assert!(tx.members(theirs).list(all).await.unwrap().newest().is_empty());

    assert_eq!(tx.tokens(theirs).find(token.id).await.unwrap(), None);
    assert_eq!(tx.tokens(theirs).lock(token.id).await.unwrap(), None);
    assert!(tx.tokens(theirs).save(&token).await.is_err());
    assert!(tx.tokens(theirs).list(all).await.unwrap().newest().is_empty());

    assert_eq!(tx.customers(theirs).find(customer.id).await.unwrap(), None);
    assert_eq!(tx.customers(theirs).lock(customer.id).await.unwrap(), None);
    assert!(!tx.customers(theirs).delete(customer.id, at(400)).await.unwrap());
    assert!(tx.customers(theirs).list(None, all).await.unwrap().newest().is_empty());

    let next = license.clone().suspend(at(400)).unwrap();
    assert_eq!(tx.licenses(theirs).find(license.id).await.unwrap(), None);
    assert_eq!(tx.licenses(theirs).lock(license.id).await.unwrap(), None);
    assert!(tx.licenses(theirs).save(&next).await.is_err());
    assert!(tx.licenses(theirs).append(&next, &license.revision).await.is_err());
    assert!(tx.licenses(theirs).revisions(license.id).await.unwrap().is_empty());
    assert_eq!(tx.licenses(theirs).revision(license.id, 1).await.unwrap(), None);
    assert!(tx.licenses(theirs).of_customer(customer.id).await.unwrap().is_empty());
    assert!(!tx.licenses(theirs).delete(license.id, at(400)).await.unwrap());
    let filter = LicenseFilter::default();
    assert!(tx.licenses(theirs).list(&filter, at(250), all).await.unwrap().newest().is_empty());
    assert!(!tx.status_list(theirs).taken(license.revision.status_index).await.unwrap());

    assert!(tx.audit(theirs).list(&Default::default(), all).await.unwrap().newest().is_empty());
    let once = Idempotency { key: "k".parse().unwrap(), fingerprint: [1; 32] };
    assert_eq!(tx.idempotency(mine).claim(&once, at(400)).await.unwrap(), Claim::New);
    assert_eq!(tx.idempotency(theirs).claim(&once, at(400)).await.unwrap(), Claim::New);

    // And all is still as it was.
    assert_eq!(tx.licenses(mine).find(license.id).await.unwrap().unwrap(), license);
    assert_eq!(tx.customers(mine).find(customer.id).await.unwrap().unwrap(), customer);
}
