//! Organizations, members and their credentials.

use keyward_domain::permission::{WriteLicenses, WriteTokens};
use keyward_domain::{Permission, Role, Scopes};
use keyward_engine::{Error, MemberChange, NewMember, NewOrganization, NewToken};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

#[database_test]
async fn a_token_is_recognised_until_it_ends(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let scopes = Scopes::NONE.with(Permission::WriteLicenses);
    let expires_at = Some(engine.now().plus_seconds(100));
    let new = NewToken { name: "CI".parse().unwrap(), scopes: Some(scopes), expires_at };
    let made = engine.create_token(&vendor.access(), new, None).await.unwrap();
    clock.advance(99);
    let identity = engine.authenticate(&made.secret).await.unwrap().unwrap();
    assert!(identity.access::<WriteLicenses>().is_ok());
    assert!(identity.access::<WriteTokens>().is_err());
    engine.flush_log().await;
    let seen = engine.token(&vendor.access(), made.token.id).await.unwrap();
    assert_eq!(seen.last_used_at, Some(engine.now()));
    clock.advance(1);
    assert_eq!(engine.authenticate(&made.secret).await.unwrap(), None);

    let first = &vendor.founded.secret;
    let owner = vendor.founded.owner.identity();
    assert!(engine.authenticate(first).await.unwrap().is_some());
    engine.revoke_token(&owner.access().unwrap(), vendor.founded.token.id).await.unwrap();
    assert_eq!(engine.authenticate(first).await.unwrap(), None);
    let with_it = engine.revoke_token(&vendor.access(), vendor.founded.token.id).await;
    assert!(matches!(with_it, Err(Error::Unauthenticated)), "what was checked before counts no more");
    let again = engine.revoke_token(&owner.access().unwrap(), vendor.founded.token.id).await.unwrap();
    assert_eq!(again.revoked_at, Some(engine.now()));
}

#[database_test]
async fn no_token_gives_more_than_its_maker_has(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let scopes = Scopes::NONE.with(Permission::WriteTokens).with(Permission::ReadLicenses);
    let new = |scopes| NewToken { name: "CI".parse().unwrap(), scopes, expires_at: None };
    let lesser = engine.create_token(&vendor.access(), new(Some(scopes)), None).await.unwrap();
    let lesser = engine.authenticate(&lesser.secret).await.unwrap().unwrap();
    let access = lesser.access::<WriteTokens>().unwrap();
    let greedy = engine.create_token(&access, new(Some(scopes.with(Permission::WriteLicenses))), None).await;
    assert!(matches!(greedy, Err(Error::Forbidden(refusal)) if refusal.needed == Permission::WriteLicenses));
    assert_eq!(engine.create_token(&access, new(None), None).await.unwrap().token.scopes, scopes);
    let past = NewToken { expires_at: Some(engine.now()), ..new(None) };
    assert!(matches!(engine.create_token(&access, past, None).await, Err(Error::Invalid(_))));
}

#[database_test]
async fn organizations_of_one_name_get_slugs_of_their_own(store: Store) {
    let (engine, _) = engine(store);
    let mut slugs = Vec::new();
    for _ in 0..3 {
        let new = NewOrganization {
            name: "Ácme, Inc.".parse().unwrap(),
            owner_email: "owner@acme.example".parse().unwrap(),
            slug: None,
            owner_name: None,
        };
        slugs.push(engine.bootstrap(new, false).await.unwrap().organization.slug.to_string());
    }
    assert_eq!(slugs, ["acme-inc", "acme-inc-2", "acme-inc-3"]);
}

#[database_test]
async fn an_organization_keeps_an_owner(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let first = vendor.founded.owner.id;
    let demote = || MemberChange { role: Some(Role::Viewer), ..MemberChange::default() };
    assert!(matches!(engine.delete_member(&vendor.access(), first, None).await, Err(Error::LastOwner)));
    let alone = engine.update_member(&vendor.access(), first, demote(), None).await;
    assert!(matches!(alone, Err(Error::LastOwner)));

    let new = NewMember {
        email: "second@vendor.example".parse().unwrap(),
        name: "Second".parse().unwrap(),
        role: Role::Owner,
    };
    let second = engine.create_member(&vendor.access(), new.clone(), None).await.unwrap().value;
    let twin = engine.create_member(&vendor.access(), new, None).await;
    assert!(matches!(twin, Err(Error::Taken { field: "email", .. })));
    // Both step down at once: one may.
    let access = vendor.access();
    let step_down = |id| engine.update_member(&access, id, demote(), None);
    let (a, b) = tokio::join!(step_down(first), step_down(second.id));
    assert_eq!(u8::from(a.is_ok()) + u8::from(b.is_ok()), 1);
}
