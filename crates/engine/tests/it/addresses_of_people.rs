//! E-mail addresses: one and the same however they are typed, and those that no mail can be sent to.

use keyward_domain::link::LinkPurpose;
use keyward_domain::{Email, Role, SecretKind};
use keyward_engine::{AnySession, CustomerChange, Error, NewCustomer, NewMember, Resource, SignIn};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

use crate::sessions::{client_info, only_mail, organization, password, secret};

fn to_find(text: &str) -> Email {
    Email::to_find(text).unwrap()
}

#[database_test]
async fn people_sign_in_however_they_type_their_address(store: Store) {
    let (engine, _) = engine(store);
    let link = secret(SecretKind::Setup, &engine.setup_link().await.unwrap().unwrap());
    let mut founder = organization();
    founder.owner_email = "You@Müller-gmbh.example".parse().unwrap();
    let first = engine.set_up(&link, founder, password("a long password"), client_info()).await.unwrap();
    let Some(AnySession::Member(owner)) = engine.session(&first.secret).await.unwrap() else { panic!() };
    assert_eq!(owner.member.email.as_str(), "You@Müller-gmbh.example", "shown as it was typed");
    for typed in ["you@müller-gmbh.example", "YOU@MÜLLER-GMBH.example", "You@xn--mller-gmbh-9db.example"] {
        let signed_in =
            engine.sign_in(&to_find(typed), password("a long password"), None, client_info()).await;
        assert!(matches!(signed_in.unwrap(), SignIn::Done(_)), "{typed}");
    }
    engine.request_password_reset(&to_find("yOU@müller-gmbh.EXAMPLE")).await.unwrap();
    let mail = only_mail(&engine).await;
    assert_eq!(mail.recipient.as_str(), "You@Müller-gmbh.example");
    let link = engine.link(&secret(SecretKind::Link, &mail.body)).await.unwrap().unwrap();
    assert_eq!(link.purpose, LinkPurpose::PasswordReset(owner.member.id));
    // A second member with the address is refused, a customer with it is somebody else.
    let access = owner.identity.access().unwrap();
    let new = |email: &str| NewMember {
        email: email.parse().unwrap(),
        name: "Y".parse().unwrap(),
        role: Role::Viewer,
    };
    for typed in ["you@müller-gmbh.example", "You@XN--mller-gmbh-9db.example"] {
        let refused = engine.create_member(&access, new(typed), None).await;
        assert!(
            matches!(refused, Err(Error::Taken { resource: Resource::Member, field: "email" })),
            "{refused:?}"
        );
    }
}

#[database_test]
async fn customers_are_known_however_they_type_their_address(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let new = NewCustomer {
        name: "Buyer".parse().unwrap(),
        email: "IT@Buyer.example".parse().unwrap(),
        notes: None,
    };
    let customer = engine.create_customer(&vendor.access(), new, None).await.unwrap().value;
    engine.request_customer_sign_in(&to_find("it@BUYER.example")).await.unwrap();
    let link = secret(SecretKind::Link, &only_mail(&engine).await.body);
    let signed_in = engine.open_customer_link(&link, None, client_info()).await.unwrap().signed_in().unwrap();
    // Typed another way it is the same address, and the session goes on; another address ends it.
    for (email, goes_on) in [("it@buyer.example", true), ("new@buyer.example", false)] {
        let change = CustomerChange { email: Some(email.parse().unwrap()), ..CustomerChange::default() };
        let changed = engine.update_customer(&vendor.access(), customer.id, change, None).await.unwrap();
        assert_eq!(changed.email.as_str(), email);
        assert_eq!(engine.session(&signed_in.secret).await.unwrap().is_some(), goes_on, "{email}");
    }
}

#[database_test]
async fn what_no_mail_can_be_sent_to_is_told_and_not_tried(store: Store) {
    let (engine, _) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let scope = vendor.founded.organization.scope();
    // As earlier versions took them.
    let old = |customer: &keyward_domain::Customer| keyward_domain::Customer {
        email: Email::kept("jörg@buyer.example"),
        version: customer.version + 1,
        ..customer.clone()
    };
    let customer = vendor.customer("Jörg").await;
    let tx = store.write().await.unwrap();
    tx.customers(scope).save(&old(&customer)).await.unwrap();
    tx.commit_unrecorded(keyward_storage::Technical::Seed).await.unwrap();
    let license = vendor.license_of(&customer, "L").await;
    let seen = engine.customer(&vendor.access(), customer.id).await.unwrap();
    assert_eq!(seen.email.as_str(), "jörg@buyer.example");
    let refused = engine.mail_onboarding_link(&vendor.access(), license.id).await.unwrap_err();
    assert!(matches!(&refused, Error::Transition(why) if why.contains("“ö” before the @")), "{refused}");
    assert!(engine.onboarding_links(&vendor.access(), license.id).await.unwrap().is_empty());
    // Nothing is told to who asks in their name, and nothing is queued.
    engine.request_customer_sign_in(&to_find("JörG@buyer.example")).await.unwrap();
    assert_eq!(engine.claim_mail().await.unwrap(), None);
    // The others are told all the same.
    engine.request_customer_sign_in(&to_find("nobody@buyer.example")).await.unwrap();
    let new = NewMember {
        email: "eve@acme.example".parse().unwrap(),
        name: "E".parse().unwrap(),
        role: Role::Viewer,
    };
    engine.invite_member(&vendor.access(), new).await.unwrap();
    assert_eq!(only_mail(&engine).await.recipient.as_str(), "eve@acme.example");
}
