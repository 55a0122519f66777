//! Mails about licenses and registry keys that are about to end: once, to whom it concerns.

use futures_util::future::join_all;
use keyward_domain::{Ends, License, Renewal};
use keyward_engine::jobs::ItemRun;
use keyward_engine::{Engine, Mail, NewLicense, NewRegistryKey, NoticesChange, Terms};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{engine, new_license, new_registry_key};

const DAY: i64 = 24 * 60 * 60;

/// Lets the job run until there is nothing to do, and takes all mails.
async fn mails(engine: &Engine) -> Vec<Mail> {
    while let ItemRun::Done(_) = engine.tell_endings().await.unwrap() {}
    let mut mails = Vec::new();
    while let Some(mail) = engine.claim_mail().await.unwrap() {
        engine.mail_sent(&mail).await.unwrap();
        mails.push(mail);
    }
    mails.sort_by(|one, other| one.recipient.as_str().cmp(other.recipient.as_str()));
    mails
}

/// A license of the vendor's one customer that ends in so many days.
async fn ending(vendor: &Vendor, name: &str, customer: bool, days: i64) -> License {
    let customer = if customer { Some(vendor.customer(&format!("Buyer of {name}")).await.id) } else { None };
    let new = NewLicense {
        name: name.parse().unwrap(),
        description: None,
        customer,
        terms: Terms::Payload(Default::default()),
        not_before: None,
        ends: Ends {
            expires_at: Some(Some(vendor.engine.now().plus_seconds(days * DAY))),
            ..Ends::default()
        },
    };
    vendor.engine.create_license(&vendor.access(), new, None).await.unwrap().value
}

fn subjects(mails: &[Mail]) -> Vec<(&str, &str)> {
    mails.iter().map(|mail| (mail.recipient.as_str(), mail.subject.as_str())).collect()
}

/// A vendor can give many customers the address of somebody who never asked for it.
#[database_test]
async fn nobody_is_told_more_often_a_day_than_mails_may_reach_them(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let change = NoticesChange { customers: Some(true), members: Some(false), ..NoticesChange::default() };
    engine.set_notices(&vendor.access(), change, None).await.unwrap();
    for number in 0..25 {
        let license = ending(&vendor, &format!("Pay at https://evil.example {number}"), true, 20).await;
        let change = keyward_engine::CustomerChange {
            email: Some("victim@elsewhere.example".parse().unwrap()),
            ..keyward_engine::CustomerChange::default()
        };
        engine.update_customer(&vendor.access(), license.customer.unwrap(), change, None).await.unwrap();
    }
    clock.advance(3_600);
    let told = mails(&engine).await;
    assert!(told.iter().all(|mail| mail.recipient.as_str() == "victim@elsewhere.example"));
    assert_eq!(told.len(), 20);
    assert!(told.iter().all(|mail| !mail.body.contains("evil.example")), "{}", told[0].body);
}

#[database_test]
async fn it_is_the_end_by_the_contract_that_is_told(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    for (name, days) in [("Soon", 20), ("Later", 40)] {
        let at = |days: i64| Some(Some(engine.now().plus_seconds(days * DAY)));
        let ends = Ends { ends_at: at(days), expires_at: at(days + 90) };
        let new = NewLicense { ends, ..new_license(name, "{}") };
        vendor.engine.create_license(&vendor.access(), new, None).await.unwrap();
    }
    clock.advance(3_600);
    let told = mails(&engine).await;
    let end = engine.now().plus_seconds(20 * DAY - 3_600).as_end().to_string();
    assert!(told.iter().any(|mail| mail.body.contains(&end)), "{told:?}");
    assert!(told.iter().all(|mail| !mail.body.contains("Later")));
}

#[database_test]
async fn members_are_told_once_a_day_of_what_is_new(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    assert!(mails(&engine).await.is_empty(), "nothing ends");
    let (far, near) = (ending(&vendor, "Far", false, 60).await, ending(&vendor, "Near", true, 20).await);
    ending(&vendor, "Endless in practice", false, 4_000).await;
    let suspended = ending(&vendor, "Suspended", false, 20).await;
    engine.suspend_license(&vendor.access(), suspended.id, None).await.unwrap();
    let revoked = ending(&vendor, "Revoked", false, 20).await;
    engine.revoke_license(&vendor.access(), revoked.id, None).await.unwrap();
    let deleted = ending(&vendor, "Deleted", false, 20).await;
    engine.delete_license(&vendor.access(), deleted.id, None).await.unwrap();
    assert!(mails(&engine).await.is_empty(), "its turn comes in an hour");

    clock.advance(3_600);
    let told = mails(&engine).await;
    assert_eq!(subjects(&told), [("owner@vendor.example", "A license ends on 2026-01-20")]);
    assert!(told[0].body.contains("- Near (Buyer of Near), on 2026-01-20"), "{}", told[0].body);
    assert!(told[0].body.contains(&format!("https://licenses.example/licenses/{}", near.id)));
    clock.advance(DAY);
    assert!(mails(&engine).await.is_empty(), "nothing new");

    clock.advance(13 * DAY);
    assert_eq!(subjects(&mails(&engine).await), [("owner@vendor.example", "A license ends on 2026-01-20")]);
    let late = ending(&vendor, "Late", false, 5).await;
    clock.advance(3_600);
    assert!(mails(&engine).await.is_empty(), "they were told today");
    clock.advance(DAY);
    assert_eq!(
        subjects(&mails(&engine).await),
        [("owner@vendor.example", "A license ends on 2026-01-20 01:00 UTC")]
    );

    let renewal = Renewal {
        ends: Ends { expires_at: Some(Some(engine.now().plus_seconds(6 * DAY))), ..Ends::default() },
        ..Renewal::default()
    };
    engine.renew_license(&vendor.access(), late.id, renewal, None).await.unwrap();
    engine.resume_license(&vendor.access(), suspended.id, None).await.unwrap();
    clock.advance(DAY);
    let told = mails(&engine).await;
    assert_eq!(subjects(&told), [("owner@vendor.example", "2 licenses end soon")]);
    assert!(told[0].body.contains("- Late, on") && told[0].body.contains("- Suspended, on"));
    let off = NoticesChange { members: Some(false), ..NoticesChange::default() };
    engine.set_notices(&vendor.access(), off, None).await.unwrap();
    assert!(engine.license(&vendor.access(), far.id).await.is_ok());
    clock.advance(30 * DAY);
    assert!(mails(&engine).await.is_empty(), "turned off");
}

#[database_test]
async fn members_are_told_of_registry_keys_that_end(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let registry = vendor.registry("Releases").await;
    let key = async |name: &str, days: i64| {
        let expires_at = Some(engine.now().plus_seconds(days * DAY));
        let new = NewRegistryKey { name: name.parse().unwrap(), expires_at, ..new_registry_key(&registry) };
        engine.create_registry_key(&vendor.access(), new, None).await.unwrap().key
    };
    let (ci, revoked) = (key("ci", 90).await, key("revoked", 90).await);
    key("brief", 20).await;
    engine.revoke_registry_key(&vendor.access(), revoked.id).await.unwrap();
    clock.advance(3_600);
    assert!(mails(&engine).await.is_empty(), "no end is near, but of what lives no longer anyway");
    clock.advance(13 * DAY);
    assert_eq!(
        subjects(&mails(&engine).await),
        [("owner@vendor.example", "A registry key ends on 2026-01-20")]
    );
    clock.advance(47 * DAY);
    let told = mails(&engine).await;
    assert_eq!(subjects(&told), [("owner@vendor.example", "A registry key ends on 2026-03-31")]);
    let line =
        format!("- ci (Releases), on 2026-03-31\n  https://licenses.example/registries/{}/keys", registry.id);
    assert!(told[0].body.contains(&line), "{}", told[0].body);
    clock.advance(DAY);
    assert!(mails(&engine).await.is_empty(), "told once");
    clock.advance(22 * DAY + 3_600);
    let told = mails(&engine).await;
    assert_eq!(
        subjects(&told),
        [("owner@vendor.example", "A registry key ends on 2026-03-31")],
        "a week before"
    );
    engine.rotate_registry_key(&vendor.access(), ci.id, 0, true, None).await.unwrap();
    clock.advance(3 * DAY);
    assert!(mails(&engine).await.is_empty(), "it has the same lifetime anew");
    clock.advance(60 * DAY);
    assert_eq!(mails(&engine).await.len(), 1, "whose end is told as well");
}

#[database_test]
async fn customers_are_told_if_the_vendor_wants_it(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let license = ending(&vendor, "Server", true, 10).await;
    ending(&vendor, "Nobody's", false, 10).await;
    let on = NoticesChange {
        members: Some(false),
        customers: Some(true),
        days: Some("14, 3".parse().unwrap()),
        alerts: None,
    };
    let set = engine.set_notices(&vendor.access(), on, Some(1)).await.unwrap();
    assert_eq!((set.days.days(), set.version), ([14, 3].as_slice(), 2));
    let told = mails(&engine).await;
    assert_eq!(subjects(&told), [("buyer@customer.example", "Your license from Acme ends on 2026-01-10")]);
    assert!(
        told[0].body.contains("- Server, on 2026-01-10")
            && told[0].body.contains("https://licenses.example/portal")
    );
    for _ in 0..6 {
        clock.advance(DAY);
        assert!(mails(&engine).await.is_empty());
    }
    clock.advance(DAY);
    assert_eq!(mails(&engine).await.len(), 1, "three days before");
    let renewal = Renewal {
        ends: Ends { expires_at: Some(Some(engine.now().plus_seconds(2 * DAY))), ..Ends::default() },
        ..Renewal::default()
    };
    engine.renew_license(&vendor.access(), license.id, renewal, None).await.unwrap();
    clock.advance(3_600);
    assert_eq!(mails(&engine).await.len(), 1, "new terms, told of anew");
    clock.advance(10 * DAY);
    assert!(mails(&engine).await.is_empty(), "what has ended is not about to");

    ending(&vendor, "Later", true, 2).await;
    engine.suspend_organization(&vendor.access(), vendor.founded.organization.id).await.unwrap();
    clock.advance(3_600);
    assert!(mails(&engine).await.is_empty(), "the vendor is not served");
}

#[database_test]
async fn servers_that_run_at_once_tell_once(store: Store) {
    let (engine, clock) = engine(store);
    let mut vendors = Vec::new();
    for name in ["One", "Two", "Three"] {
        let vendor = Vendor::found(&engine, name).await;
        ending(&vendor, "L", true, 5).await;
        let on = NoticesChange { customers: Some(true), ..NoticesChange::default() };
        engine.set_notices(&vendor.access(), on, None).await.unwrap();
        vendors.push(vendor);
    }
    for _ in 0..2 {
        clock.advance(3_600);
        assert!(join_all((0..12).map(|_| engine.tell_endings())).await.iter().all(Result::is_ok));
    }
    assert_eq!(mails(&engine).await.len(), 6, "of each vendor, one to the owner and one to the customer");
}
