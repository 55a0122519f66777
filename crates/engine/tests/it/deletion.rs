//! The end of an organization: what stops at once, what stays, and what can be taken back.

use keyward_domain::registry::ArtifactPolicy;
use keyward_domain::{Address, Deletion, DeletionState, PageRequest, Secret, SecretKind, Slug};
use keyward_engine::validation::{Inquiry, Reply};
use keyward_engine::{
    AskedList, Engine, Error, Holder, NewCustomer, NewKey, NewOrganization, NewProduct, Resource, Retention,
    Tidied,
};
use keyward_storage::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{engine, new_registry_key};
use keyward_testkit::{TestClock, Vendor};

const DAY: i64 = 24 * 60 * 60;

/// A vendor with something of many kinds.
struct Shop {
    vendor: Vendor,
    slug: Slug,
    product_key: Secret,
    license_key: String,
}

impl Shop {
    async fn open(engine: &std::sync::Arc<Engine>, name: &str) -> Self {
        let vendor = Vendor::found(engine, name).await;
        let new = NewProduct { name: "Server".parse().unwrap(), rest: Default::default() };
        let product = engine.create_product(&vendor.access(), new, None).await.unwrap();
        let customer = NewCustomer {
            name: format!("Buyer of {name}").parse().unwrap(),
            email: "buyer@customer.example".parse().unwrap(),
            notes: None,
        };
        let new = NewKey {
            holder: Holder::New(customer),
            name: None,
            fields: Default::default(),
            not_before: None,
            ends: Default::default(),
        };
        let license =
            engine.create_key(&vendor.access(), product.product.id, new, None).await.unwrap().value.license;
        engine.create_onboarding_link(&vendor.access(), license.id).await.unwrap();
        engine.register_address(&vendor.access(), license.id, "192.0.2.7".parse().unwrap()).await.unwrap();
        engine.set_artifact_policy(&vendor.access(), ArtifactPolicy::EntitledOnly).await.unwrap();
        engine.mail_onboarding_link(&vendor.access(), license.id).await.unwrap();
        let slug = vendor.founded.organization.slug.clone();
        let license_key = license.key.unwrap().to_string();
        Self { vendor, slug, product_key: product.secret, license_key }
    }

    async fn status(&self, engine: &Engine) -> String {
        let address = Address::new("192.0.2.7".parse().unwrap());
        let inquiry = Inquiry { license: self.license_key.clone(), version: None, nonce: None, address };
        match engine.validate(&self.product_key, &inquiry).await.unwrap() {
            Reply::Answer(json) => serde_json::from_str::<serde_json::Value>(&json).unwrap()["status"]
                .as_str()
                .unwrap()
                .to_owned(),
            Reply::UnknownKey => "unknown key".to_owned(),
            Reply::Full { .. } => "full".to_owned(),
        }
    }

    async fn has_token(&self, engine: &Engine) -> bool {
        let secret = Secret::parse(SecretKind::Management, self.vendor.founded.secret.expose()).unwrap();
        engine.authenticate(&secret).await.unwrap().is_some()
    }
}

/// Has the server run for a while.
async fn serve(engine: &Engine, clock: &TestClock, seconds: i64) {
    for _ in 0..seconds / 600 {
        clock.advance(600);
        while let Tidied::Some(_) = engine.tidy(&Retention::default()).await.unwrap() {}
        while let Tidied::Some(_) = engine.delete_due().await.unwrap() {}
    }
}

async fn rows(store: &Store, shop: &Shop) -> u64 {
    let id = shop.vendor.founded.organization.id;
    let counts = store.read().await.unwrap().deletions().rows(id).await.unwrap();
    counts.into_iter().map(|(_, count)| count).sum()
}

#[database_test]
async fn an_organization_goes_on_until_its_deletion_is_due_and_then_nothing_is_left(store: Store) {
    let (engine, clock) = engine(store.clone());
    let (acme, other) = (Shop::open(&engine, "Acme").await, Shop::open(&engine, "Other").await);
    serve(&engine, &clock, 7 * 3_600).await;
    let theirs = rows(&store, &other).await;
    let before = rows(&store, &acme).await;
    let scheduled = engine.operator_schedules_deletion(&acme.slug, Deletion::GRACE_DAYS).await.unwrap();
    assert_eq!(scheduled.due_at, engine.now().plus_days(14));
    let again = engine.operator_schedules_deletion(&acme.slug, 1).await.unwrap();
    assert_eq!(again, scheduled, "what is scheduled stays");
    serve(&engine, &clock, 14 * DAY - 600).await;
    assert_eq!(acme.status(&engine).await, "active");
    assert!(rows(&store, &acme).await >= before - 20);
    assert_eq!(other.status(&engine).await, "active");

    clock.advance(600);
    // The first part takes it out of the world.
    assert_eq!(engine.delete_due().await.unwrap(), Tidied::Some(0));
    assert_eq!(acme.status(&engine).await, "unknown key");
    assert!(engine.status_list(&acme.slug, AskedList::Present).await.unwrap().is_none());
    while let Tidied::Some(_) = engine.delete_due().await.unwrap() {}
    assert_eq!(rows(&store, &acme).await, 0);
    assert!(!acme.has_token(&engine).await);
    assert_eq!(acme.status(&engine).await, "unknown key");
    let found =
        store.read().await.unwrap().deletions().find(acme.vendor.founded.organization.id).await.unwrap();
    assert!(matches!(found.unwrap().state, DeletionState::Finished { .. }));

    // The other vendor has all it had, but for what is old by itself.
    assert_eq!(other.status(&engine).await, "active");
    assert!(other.has_token(&engine).await);
    assert!(rows(&store, &other).await >= theirs - 5);
    // What customers keep names the slug, so nobody else is given it.
    let new = NewOrganization {
        name: "Acme".parse().unwrap(),
        owner_email: "new@owner.example".parse().unwrap(),
        owner_name: None,
        slug: Some(acme.slug.clone()),
    };
    assert!(matches!(engine.bootstrap(new.clone(), false).await, Err(Error::Taken { .. })));
    let named = engine.bootstrap(NewOrganization { slug: None, ..new }, false).await.unwrap();
    assert_eq!(named.organization.slug.as_str(), "acme-2");
}

#[database_test]
async fn a_deletion_is_taken_back(store: Store) {
    let (engine, clock) = engine(store.clone());
    let acme = Shop::open(&engine, "Acme").await;
    serve(&engine, &clock, 7 * 3_600).await;
    engine.operator_schedules_deletion(&acme.slug, 3).await.unwrap();
    engine.operator_withdraws_deletion(&acme.slug).await.unwrap();
    assert!(matches!(engine.operator_withdraws_deletion(&acme.slug).await, Err(Error::Transition(_))));
    serve(&engine, &clock, 4 * DAY).await;
    assert_eq!(acme.status(&engine).await, "active");
    let log = engine
        .audit_events(&acme.vendor.access(), &Default::default(), PageRequest::default())
        .await
        .unwrap()
        .newest();
    let actions: Vec<_> = log.iter().map(|event| event.action.as_str()).take(2).collect();
    assert_eq!(actions, ["organization.deletion_withdrawn", "organization.deletion_scheduled"]);
}

#[database_test]
async fn a_clock_that_is_ahead_deletes_nothing(store: Store) {
    let (engine, clock) = engine(store.clone());
    let acme = Shop::open(&engine, "Acme").await;
    serve(&engine, &clock, 7 * 3_600).await;
    engine.operator_schedules_deletion(&acme.slug, 14).await.unwrap();
    clock.advance(365 * DAY);
    assert_eq!(engine.delete_due().await.unwrap(), Tidied::Unsteady);
    clock.advance(-365 * DAY);
    assert_eq!(acme.status(&engine).await, "active");
    engine.operator_withdraws_deletion(&acme.slug).await.unwrap();
}

#[database_test]
async fn the_operator_deletes_at_once(store: Store) {
    let (engine, _) = engine(store.clone());
    let acme = Shop::open(&engine, "Acme").await;
    let registry = acme.vendor.registry("Releases").await;
    engine.create_registry_key(&acme.vendor.access(), new_registry_key(&registry), None).await.unwrap();
    assert_eq!(acme.status(&engine).await, "active", "and is in memory");
    let count = rows(&store, &acme).await;
    // Somebody else may have what it had in front of its registry.
    let removed = engine.operator_deletes(&acme.slug, || async {}).await.unwrap();
    assert!(removed >= count, "{removed} {count}");
    assert_eq!((rows(&store, &acme).await, acme.status(&engine).await.as_str()), (0, "unknown key"));
    let gone = engine.operator_deletes(&acme.slug, || async {}).await;
    assert!(matches!(gone, Err(Error::NotFound(Resource::Organization))));
    let next = Vendor::found(&engine, "Next").await;
    next.registry("Releases").await;
}
