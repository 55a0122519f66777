//! Mails: how many there may be, what stands in their subjects, and that their links are kept from who reads the database.

use std::sync::Arc;

use keyward_domain::{Role, Secret, SecretKind};
use keyward_engine::{Engine, Error, Holder, Mail, MailLimitReached, MailLimits, NewCustomer, NewMember};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{builder, engine};

async fn mails(engine: &Engine) -> Vec<Mail> {
    let mut mails = Vec::new();
    while let Some(mail) = engine.claim_mail().await.unwrap() {
        engine.mail_sent(&mail).await.unwrap();
        mails.push(mail);
    }
    mails
}

async fn customer(vendor: &Vendor, name: &str, email: &str) -> keyward_domain::Customer {
    let new = NewCustomer { name: name.parse().unwrap(), email: email.parse().unwrap(), notes: None };
    vendor.engine.create_customer(&vendor.access(), new, None).await.unwrap().value
}

async fn license(
    vendor: &Vendor,
    name: &str,
    customer: &keyward_domain::Customer,
) -> keyward_domain::License {
    let new = keyward_engine::NewLicense {
        customer: Some(customer.id),
        ..keyward_testkit::engine::new_license(name, "{}")
    };
    vendor.engine.create_license(&vendor.access(), new, None).await.unwrap().value
}

#[database_test]
async fn two_strangers_are_not_sent_four_hundred_mails(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let one = customer(&vendor, "One", "one@stranger.example").await;
    let two = customer(&vendor, "Two", "two@stranger.example").await;
    let licenses = [license(&vendor, "1", &one).await, license(&vendor, "2", &two).await];
    let mut refused = 0;
    for number in 0..60 {
        match engine.mail_onboarding_link(&vendor.access(), licenses[number % 2].id).await {
            Ok(_) => {}
            Err(Error::MailLimit { limit: MailLimitReached::Recipient(20), retry_after: 86_400 }) => {
                refused += 1
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((mails(&engine).await.len(), refused), (40, 20));
    // In whatever case it is written.
    let same = customer(&vendor, "Three", "ONE@stranger.example").await;
    let license = license(&vendor, "3", &same).await;
    assert!(matches!(
        engine.mail_onboarding_link(&vendor.access(), license.id).await,
        Err(Error::MailLimit { .. })
    ));
    let new = NewMember {
        name: "M".parse().unwrap(),
        email: "one@stranger.example".parse().unwrap(),
        role: Role::Viewer,
    };
    assert!(matches!(engine.invite_member(&vendor.access(), new).await, Err(Error::MailLimit { .. })));
    let members = engine.members(&vendor.access(), Default::default()).await.unwrap();
    assert_eq!(members.newest().len(), 1, "who can't be mailed is not added");
    // The links that were refused are not there either.
    assert_eq!(engine.onboarding_links(&vendor.access(), licenses[0].id).await.unwrap().len(), 20);
    // Another vendor has limits of its own, and another day has others.
    let other = Vendor::found(&engine, "Other").await;
    let theirs = customer(&other, "One", "one@stranger.example").await;
    let theirs = self::license(&other, "1", &theirs).await;
    engine.mail_onboarding_link(&other.access(), theirs.id).await.unwrap();
    clock.advance(86_400);
    engine.mail_onboarding_link(&vendor.access(), licenses[0].id).await.unwrap();
    engine.mail_onboarding_link(&vendor.access(), licenses[0].id).await.unwrap();
}

#[database_test]
async fn an_organization_sends_so_many_a_day_and_is_told_of_things_all_the_same(store: Store) {
    let limits = MailLimits { organization_per_day: 10, ..MailLimits::default() };
    let engine = builder("https://licenses.example", store, 1).mail_limits(limits).assemble();
    let engine = Arc::new(engine);
    let vendor = Vendor::found(&engine, "Acme").await;
    let (mut sent, mut limit) = (0, None);
    for number in 0..4 {
        let buyer = customer(&vendor, "Buyer", &format!("buyer{number}@customer.example")).await;
        let license = license(&vendor, &number.to_string(), &buyer).await;
        for _ in 0..3 {
            match engine.mail_onboarding_link(&vendor.access(), license.id).await {
                Ok(_) => sent += 1,
                Err(error) => limit = Some(error),
            }
        }
    }
    assert_eq!(sent, 10);
    assert!(matches!(limit, Some(Error::MailLimit { limit: MailLimitReached::Organization(10), .. })));
    mails(&engine).await;
    engine.request_password_reset(&"owner@vendor.example".parse().unwrap()).await.unwrap();
    assert_eq!(mails(&engine).await.len(), 1);
}

#[database_test]
async fn who_asks_for_links_gets_five_an_hour_and_hears_no_more(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let customer = vendor.customer("Buyer").await;
    for _ in 0..9 {
        engine.request_customer_sign_in(&customer.email).await.unwrap();
        engine.request_password_reset(&vendor.founded.owner.email).await.unwrap();
    }
    assert_eq!(mails(&engine).await.len(), 10);
    clock.advance(3_600);
    engine.request_customer_sign_in(&customer.email).await.unwrap();
    assert_eq!(mails(&engine).await.len(), 1);
}

#[database_test]
async fn no_subject_carries_what_a_tenant_has_chosen_but_its_name(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme <b> https://evil.example/win").await;
    let buyer = customer(&vendor, "You have won https://evil.example/now", "buyer@customer.example").await;
    let license = license(&vendor, "Click https://evil.example", &buyer).await;
    engine.mail_onboarding_link(&vendor.access(), license.id).await.unwrap();
    engine.request_customer_sign_in(&buyer.email).await.unwrap();
    let new = NewMember {
        name: "https://evil.example".parse().unwrap(),
        email: "m@acme.example".parse().unwrap(),
        role: Role::Viewer,
    };
    engine.invite_member(&vendor.access(), new).await.unwrap();
    let mails = mails(&engine).await;
    let subjects: Vec<_> = mails.iter().map(|mail| mail.subject.as_str()).collect();
    let acme = "Acme b https evil. example win";
    assert_eq!(
        subjects,
        [
            format!("Your license from {acme}"),
            format!("Sign in to see your licenses from {acme}"),
            format!("You are invited to {acme}"),
        ]
    );
    assert!(mails.iter().all(|mail| !mail.body.contains("https://evil")));
}

#[database_test]
async fn a_default_name_ends_as_its_key_does_and_no_two_are_the_same(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let product = keyward_engine::NewProduct { name: "Analytics".parse().unwrap(), rest: Default::default() };
    let product = engine.create_product(&vendor.access(), product, None).await.unwrap().product;
    let buyer = vendor.customer("Buyer").await;
    for _ in 0..20 {
        let new = keyward_engine::NewKey {
            holder: Holder::Existing(buyer.id),
            name: None,
            fields: Vec::new(),
            not_before: None,
            ends: Default::default(),
        };
        let issued = engine.create_key(&vendor.access(), product.id, new, None).await.unwrap().value;
        let key = issued.license.key.unwrap();
        assert_eq!(issued.license.name.as_str(), format!("Analytics {}", key.hint()));
        assert!(key.to_string().ends_with(key.hint()));
    }
}

#[database_test]
async fn a_mail_that_was_written_before_it_was_sealed_goes_out_too(store: Store) {
    let (engine, _) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let tx = store.write().await.unwrap();
    let mail = keyward_storage::QueuedMail {
        id: keyward_domain::MailId::new(1, [1; 10]),
        organization: vendor.founded.organization.id,
        recipient: "a@b.example".parse().unwrap(),
        subject: "S".to_owned(),
        body: keyward_storage::MailBody::Clear("in clear".to_owned()),
        created_at: engine.now(),
        attempts: 0,
    };
    tx.send_mail(&mail).await.unwrap();
    tx.commit_unrecorded(keyward_storage::Technical::Seed).await.unwrap();
    assert_eq!(mails(&engine).await[0].body, "in clear");
}

#[test]
fn a_mail_does_not_show_its_link() {
    let secret = Secret::new(SecretKind::Link, [1; 24]);
    let mail = Mail {
        id: keyward_domain::MailId::new(1, [1; 10]),
        recipient: "a@b.example".parse().unwrap(),
        subject: "S".to_owned(),
        body: secret.expose().to_owned(),
        created_at: keyward_domain::Timestamp::MIN,
        attempts: 0,
    };
    assert!(!format!("{mail:?}").contains("kw_link_"));
}
