//! A person whose data was taken out is looked for in the whole database.

use keyward_domain::permission::WriteOwners;
use keyward_domain::{EventPattern, EventPatterns, LicenseStatus, PageRequest, Role};
use keyward_engine::webhook::NewWebhook;
use keyward_engine::{
    ClientInfo, ConfirmedCaller, CustomerChange, Engine, Error, NewCustomer, NewMember, NewToken, Password,
};
use keyward_storage::Store;
use keyward_testkit::Vendor;
use keyward_testkit::database::FreshPostgres;
use keyward_testkit::engine::engine;

const NAME: &str = "Grace \"Amazing\" Hopper";
const EMAIL: &str = "Grace.Hopper@navy.example";
const MEMBER: &str = "Katherine Johnson";
const MEMBER_EMAIL: &str = "Katherine@acme.example";

async fn erase_all(store: Store, by_operator: bool) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let other = Vendor::found(&engine, "Other").await;
    // Its messages tell of the same.
    let endpoint = NewWebhook {
        url: "https://hooks.example/".parse().unwrap(),
        description: None,
        events: EventPatterns::new(vec![EventPattern::All]).unwrap(),
        products: Vec::new(),
    };
    engine.create_webhook(&vendor.access(), endpoint, None).await.unwrap();
    let new = || NewCustomer {
        name: NAME.parse().unwrap(),
        email: EMAIL.parse().unwrap(),
        notes: Some("Grace is in on Mondays.".parse().unwrap()),
    };
    let customer = engine.create_customer(&vendor.access(), new(), None).await.unwrap().value;
    let license = vendor.license_of(&customer, "Analytics").await;
    engine.mail_onboarding_link(&vendor.access(), license.id).await.unwrap();
    engine.request_customer_sign_in(&customer.email).await.unwrap();
    let gone = engine.create_customer(&vendor.access(), new(), None).await.unwrap().value;
    engine.delete_customer(&vendor.access(), gone.id, None).await.unwrap();
    let theirs = engine
        .create_customer(
            &other.access(),
            NewCustomer {
                email: "g@other.example".parse().unwrap(),
                name: "G".parse().unwrap(),
                notes: None,
            },
            None,
        )
        .await
        .unwrap()
        .value;

    let new =
        NewMember { name: MEMBER.parse().unwrap(), email: MEMBER_EMAIL.parse().unwrap(), role: Role::Admin };
    let member = engine.invite_member(&vendor.access(), new).await.unwrap();
    let mut link = None;
    while let Some(mail) = engine.claim_mail().await.unwrap() {
        if mail.recipient == member.email {
            let end = mail.body.split_whitespace().find_map(|word| word.rsplit_once("/link/"));
            link = end.map(|(_, secret)| secret.to_owned());
        }
    }
    let secret = keyward_domain::Secret::parse(keyward_domain::SecretKind::Link, &link.unwrap()).unwrap();
    let person = ClientInfo { address: "203.0.113.77".into(), user_agent: "Browser".into(), device: None };
    let password = Password::parse("correct horse battery").unwrap();
    let signed_in = engine.open_member_link(&secret, password, person).await.unwrap().unwrap();
    let token = NewToken { name: "ci".parse().unwrap(), scopes: None, expires_at: None };
    engine.create_token(&member.identity().access().unwrap(), token, None).await.unwrap();

    let slug = &vendor.founded.organization.slug;
    if by_operator {
        let address = EMAIL.to_lowercase().parse().unwrap();
        assert_eq!(engine.operator_erases_customers(slug, &address).await.unwrap(), 2, "the deleted one too");
        assert!(engine.operator_erases_member(slug, &MEMBER_EMAIL.parse().unwrap()).await.unwrap());
        let owner = &vendor.founded.owner.email;
        assert!(matches!(engine.operator_erases_member(slug, owner).await, Err(Error::LastOwner)));
    } else {
        let access = vendor.access::<WriteOwners>();
        let caller = ConfirmedCaller::program(&access).unwrap();
        engine.erase_customer(&access, &caller, customer.id).await.unwrap();
        engine.operator_erases_customers(slug, &EMAIL.parse().unwrap()).await.unwrap();
        engine.erase_member(&access, &caller, member.id).await.unwrap();
        let found = engine.erase_customer(&access, &caller, theirs.id).await;
        assert!(matches!(found, Err(Error::NotFound(_))), "another tenant's");
        let owner = engine.erase_member(&access, &caller, vendor.founded.owner.id).await;
        assert!(matches!(owner, Err(Error::LastOwner)));
    }
    // Sessions have ended, the license is as it was.
    assert!(engine.session(&signed_in.secret).await.unwrap().is_none());
    let license = engine.license(&vendor.access(), license.id).await.unwrap();
    assert_eq!((license.status(engine.now()), license.customer), (LicenseStatus::Active, Some(customer.id)));
    let left = engine.customer(&vendor.access(), customer.id).await.unwrap();
    assert!(
        left.name.as_str().starts_with("Erased customer ")
            && left.email.as_str().ends_with("@erased.invalid")
    );
    assert_eq!(left.notes, None);
    engine.license_token(&vendor.access(), license.id, keyward_engine::TokenFormat::Jwt).await.unwrap();
    // The log tells what was done, and not of whom.
    let log = engine
        .audit_events(&vendor.access(), &Default::default(), PageRequest::default())
        .await
        .unwrap()
        .newest();
    let actions: Vec<_> = log.iter().map(|event| event.action.as_str()).collect();
    for action in ["customer.created", "customer.erased", "member.invited", "member.erased"] {
        assert!(actions.contains(&action), "{action} is not in {actions:?}");
    }
    still_works(&engine, &vendor, customer.id).await;
}

/// An erased customer can be named anew.
async fn still_works(engine: &Engine, vendor: &Vendor, id: keyward_domain::CustomerId) {
    let change = CustomerChange { name: Some("Example Inc.".parse().unwrap()), ..CustomerChange::default() };
    engine.update_customer(&vendor.access(), id, change, None).await.unwrap();
}

fn assert_absent(place: &[u8], what: &str) {
    for text in ["Hopper", "hopper", "Amazing", "in on Mondays", "Katherine", "katherine", "203.0.113.77"] {
        let found = place.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!found, "{what} holds {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_person_stands_in_sqlite() {
    for by_operator in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let store = Store::connect(&format!("sqlite://{}", path("k.db"))).await.unwrap();
        store.migrate().await.unwrap();
        erase_all(store.clone(), by_operator).await;
        // What is deleted goes from the file itself when its place is written again; a backup has only what is there.
        store.backup(&path("copy.db")).await.unwrap();
        assert_absent(&std::fs::read(path("copy.db")).unwrap(), "the backup");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_person_stands_in_postgresql() {
    for by_operator in [true, false] {
        let Some(database) = FreshPostgres::create().await else { return };
        let store = Store::connect(&database.url).await.unwrap();
        store.migrate().await.unwrap();
        erase_all(store, by_operator).await;
        for (table, text) in database.dump().await {
            assert_absent(text.as_bytes(), &table);
        }
        database.drop().await;
    }
}
