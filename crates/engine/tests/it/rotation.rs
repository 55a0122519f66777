//! Registry keys that rotate by themselves, on both databases.

use std::time::Duration;

use futures_util::future::join_all;
use keyward_domain::registry::{Registry, RegistryKey, Rotation};
use keyward_domain::{
    ActorFilter, Address, AlertStatus, AuditFilter, Finding, PageRequest, Plan, RegistryKeyId, Words,
};
use keyward_engine::jobs::ItemRun;
use keyward_engine::{AlertFilter, Collected, Engine, Error, NewRegistryKey, PlanChange};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{engine, principal};
use keyward_testkit::{TestClock, Vendor};

use crate::alerts::{mails, new_key};

const DAY: i64 = 24 * 60 * 60;

fn every(every: u32, overlap: u32) -> Option<Rotation> {
    Some(Rotation::new(every, overlap).unwrap())
}

/// A vendor with a key that rotates every 90 days with an overlap of 7.
struct Shop {
    vendor: Vendor,
    registry: Registry,
    key: RegistryKey,
    secret: String,
}

impl Shop {
    async fn open(engine: &std::sync::Arc<Engine>) -> Self {
        let vendor = Vendor::found(engine, "Acme").await;
        let registry = vendor.registry("Releases").await;
        let new = NewRegistryKey { rotation: every(90, 7), ..new_key(&registry) };
        let made = engine.create_registry_key(&vendor.access(), new, None).await.unwrap();
        Self { vendor, registry, key: made.key, secret: made.secret.expose().to_owned() }
    }

    async fn key(&self) -> RegistryKey {
        self.vendor.engine.flush_log().await;
        self.vendor.engine.registry_key(&self.vendor.access(), self.key.id).await.unwrap()
    }

    /// Whether a secret is accepted.
    async fn opens(&self, secret: &str) -> bool {
        principal(&self.vendor.engine, &self.registry.host, secret).await.is_some()
    }

    async fn collect_from(&self, secret: &str, address: [u8; 4]) -> Option<Collected> {
        let address = Address::new(address.into());
        self.vendor.engine.collect_registry_key(secret, address, "curl/8").await.unwrap()
    }

    /// What a machine is given that shows a key that works.
    async fn collect(&self, secret: &str) -> Option<String> {
        let found = self.collect_from(secret, [192, 0, 2, 7]).await.expect("a key that works");
        found.secret.map(|secret| secret.expose().to_owned())
    }

    async fn log(&self) -> Vec<(&'static str, String)> {
        let page = PageRequest { limit: 200, after: None };
        let log = self
            .vendor
            .engine
            .audit_events(&self.vendor.access(), &Default::default(), page)
            .await
            .unwrap()
            .newest();
        let of_key = log.into_iter().filter(|event| event.target == Some(self.key.id.uuid()));
        of_key.map(|event| (event.action.as_str(), event.detail["name"].to_string())).collect()
    }

    async fn plan(&self, plan: Plan) {
        let change = PlanChange { plan: Some(plan), ..PlanChange::default() };
        let id = self.vendor.founded.organization.id;
        self.vendor.engine.set_plan(&self.vendor.access(), id, change).await.unwrap();
    }
}

fn is_done(run: &ItemRun<RegistryKeyId>) -> bool {
    match run {
        ItemRun::Done(_) => true,
        ItemRun::Nothing => false,
        ItemRun::Postponed(key, error) => panic!("{key}: {error}"),
    }
}

/// Lets the job run until there is nothing to do; gives how often it did something.
async fn tend(engine: &Engine) -> usize {
    let mut count = 0;
    while is_done(&engine.run_due_rotations().await.unwrap()) {
        count += 1;
        assert!(count < 100, "the job does not come to an end");
    }
    count
}

/// Moves the clock and tends.
async fn later(engine: &Engine, clock: &TestClock, seconds: i64) -> usize {
    clock.advance(seconds);
    tend(engine).await
}

#[database_test]
async fn a_due_key_gets_a_new_secret_that_its_machine_collects(store: Store) {
    let (engine, clock) = engine(store);
    let shop = Shop::open(&engine).await;
    let old = shop.secret.clone();
    assert_eq!(later(&engine, &clock, 90 * DAY - 1).await, 0);
    assert_eq!(shop.collect(&old).await, None, "nothing to collect");
    assert_eq!(later(&engine, &clock, 1).await, 1);
    let mail = mails(&engine).await;
    assert_eq!(mail.len(), 1);
    assert_eq!(mail[0].subject, "A registry key was rotated");
    assert!(
        mail[0].body.contains("works until 2026-04-08T00:00:00Z")
            && mail[0].body.contains("https://licenses.example/registry/key")
    );

    let new = shop.collect(&old).await.unwrap();
    assert_ne!(new, old);
    let sealed = shop.key().await.handover.unwrap().sealed;
    assert!(
        !sealed.windows(12).any(|part| new.as_bytes().windows(12).any(|clear| clear == part)),
        "it is sealed"
    );
    assert_eq!(shop.collect(&old).await.as_deref(), Some(&*new), "parallel jobs each come");
    assert_eq!(shop.collect(&new).await, None, "who shows it has it");
    assert!(shop.opens(&old).await && shop.opens(&new).await);
    assert_eq!(later(&engine, &clock, 7 * DAY - 1).await, 0, "nobody is told of what was collected");
    assert!(shop.opens(&old).await && shop.collect(&old).await.is_some(), "the last second");
    clock.advance(1);
    assert!(!shop.opens(&old).await && shop.opens(&new).await);
    assert!(shop.collect_from(&old, [192, 0, 2, 7]).await.is_none());
    assert_eq!(shop.collect(&new).await, None, "even before it is wiped");
    assert_eq!(tend(&engine).await, 1);
    assert_eq!(shop.key().await.handover, None);
    assert_eq!(shop.collect(&new).await, None);
    let log = shop.log().await;
    let count = |action| log.iter().filter(|(done, name)| *done == action && name == "\"ci\"").count();
    assert_eq!((count("registry_key.rotated"), count("registry_key.collected")), (1, 1));
    let by = AuditFilter { actor: Some(ActorFilter::Kind("server")), ..AuditFilter::default() };
    let page = PageRequest { limit: 200, after: None };
    let told = engine.audit_events(&shop.vendor.access(), &by, page).await.unwrap().newest();
    let told: Vec<String> =
        told.iter().map(|event| event.sentence().iter().map(Words::as_str).collect()).collect();
    assert_eq!(told, ["The job that rotates registry keys rotated the registry key ci"]);
    assert_eq!(later(&engine, &clock, 83 * DAY).await, 1, "and again");
    assert!(shop.collect(&new).await.is_some());
}

#[database_test]
async fn a_server_that_was_off_rotates_once_and_so_does_one_whose_clock_goes_back(store: Store) {
    let (engine, clock) = engine(store);
    let shop = Shop::open(&engine).await;
    assert_eq!(later(&engine, &clock, 400 * DAY).await, 1);
    let until = shop.key().await.collectable_until().unwrap();
    assert_eq!(until, engine.now().plus_seconds(7 * DAY), "the overlap starts at the rotation");
    assert_eq!(later(&engine, &clock, -365 * DAY).await, 0);
    let new = shop.collect(&shop.secret).await.unwrap();
    assert!(shop.opens(&shop.secret).await && shop.opens(&new).await);
    assert_eq!(later(&engine, &clock, 365 * DAY).await, 0);
    assert!(shop.opens(&shop.secret).await && shop.opens(&new).await);
}

#[database_test]
async fn many_servers_rotate_once(store: Store) {
    let (engine, clock) = engine(store);
    let shop = Shop::open(&engine).await;
    clock.advance(90 * DAY);
    let done = join_all((0..12).map(|_| engine.run_due_rotations())).await;
    assert_eq!(done.into_iter().filter(|done| is_done(done.as_ref().unwrap())).count(), 1);
    assert_eq!(mails(&engine).await.len(), 1);
    let given = join_all((0..12).map(|_| shop.collect(&shop.secret))).await;
    assert!(given.iter().all(|secret| secret.is_some() && *secret == given[0]));
    assert_eq!(shop.log().await.iter().filter(|(action, _)| *action == "registry_key.rotated").count(), 1);
}

#[database_test]
async fn what_is_stopped_half_way_never_happened(store: Store) {
    let (engine, clock) = engine(store);
    let shop = Shop::open(&engine).await;
    clock.advance(90 * DAY);
    for micros in (0..).step_by(150) {
        let _stopped = tokio::time::timeout(Duration::from_micros(micros), engine.run_due_rotations()).await;
        let key = shop.key().await;
        assert_eq!(key.handover.is_some(), key.secret.previous.is_some());
        assert_eq!(key.handover.is_some(), key.secret.hash != shop.key.secret.hash);
        assert!(shop.opens(&shop.secret).await);
        // What was stopped may hold the key for a moment, and then there is nothing to do.
        if key.handover.is_some() {
            break;
        }
    }
    tend(&engine).await;
    assert!(shop.collect(&shop.secret).await.is_some());
    assert_eq!(mails(&engine).await.len(), 1);
    assert_eq!(shop.log().await.iter().filter(|(action, _)| *action == "registry_key.rotated").count(), 1);
}

#[database_test]
async fn what_nobody_collects_is_told_and_ends(store: Store) {
    let (engine, clock) = engine(store);
    let shop = Shop::open(&engine).await;
    later(&engine, &clock, 90 * DAY).await;
    mails(&engine).await;
    assert_eq!(later(&engine, &clock, 5 * DAY - 1).await, 0);
    assert_eq!(later(&engine, &clock, 1).await, 1);
    let open =
        AlertFilter { status: Some(AlertStatus::Open), key: Some(shop.key.id), ..AlertFilter::default() };
    let alerts = engine.alerts(&shop.vendor.access(), open, PageRequest::default()).await.unwrap().newest();
    let until = engine.now().plus_seconds(2 * DAY);
    assert_eq!(
        alerts.iter().map(|alert| &alert.finding).collect::<Vec<_>>(),
        [&Finding::RotationUncollected { until }]
    );
    let mail = mails(&engine).await;
    assert_eq!(mail[0].subject, "Alert: a registry has a new secret that nobody has collected");
    assert!(mail[0].body.contains(&format!("/registry-keys/{}/rotation", shop.key.id)), "{}", mail[0].body);
    assert_eq!(later(&engine, &clock, 2 * DAY - 1).await, 0, "told once");
    assert_eq!(later(&engine, &clock, 1).await, 1);
    assert_eq!(shop.key().await.handover, None, "wiped");
    assert!(!shop.opens(&shop.secret).await);
    let gone = engine.reveal_registry_key(&shop.vendor.access(), shop.key.id).await;
    assert!(matches!(gone, Err(Error::Transition(_))));
}

#[database_test]
async fn what_is_revoked_is_not_collected(store: Store) {
    let (engine, clock) = engine(store);
    let shop = Shop::open(&engine).await;
    later(&engine, &clock, 90 * DAY).await;
    assert!(shop.key().await.handover.is_some());
    engine.revoke_registry_key(&shop.vendor.access(), shop.key.id).await.unwrap();
    assert_eq!(shop.key().await.handover, None);
    assert!(shop.collect_from(&shop.secret, [192, 0, 2, 7]).await.is_none());
    assert_eq!(later(&engine, &clock, 400 * DAY).await, 0);
    let set = engine.set_registry_key_rotation(&shop.vendor.access(), shop.key.id, every(30, 3)).await;
    assert!(matches!(set, Err(Error::Transition(_))));

    let new = NewRegistryKey { rotation: every(90, 7), ..new_key(&shop.registry) };
    let made = engine.create_registry_key(&shop.vendor.access(), new, None).await.unwrap();
    later(&engine, &clock, 90 * DAY).await;
    engine.delete_registry(&shop.vendor.access(), shop.registry.id, None).await.unwrap();
    assert!(shop.collect_from(made.secret.expose(), [192, 0, 2, 7]).await.is_none());
    assert_eq!(
        later(&engine, &clock, 400 * DAY).await,
        2,
        "what waits is wiped, and nothing rotates any more"
    );
    assert_eq!(later(&engine, &clock, 400 * DAY).await, 0);
}

#[database_test]
async fn without_the_plan_nothing_rotates_and_nothing_dies(store: Store) {
    let (engine, clock) = engine(store);
    let shop = Shop::open(&engine).await;
    shop.plan(Plan::Pro).await;
    assert_eq!(later(&engine, &clock, 90 * DAY).await, 1, "it is looked at");
    assert!(shop.key().await.handover.is_none() && mails(&engine).await.is_empty());
    assert!(shop.opens(&shop.secret).await);
    let access = shop.vendor.access();
    let refused = engine.set_registry_key_rotation(&access, shop.key.id, every(30, 3)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the plan pro does not include automatic rotation of registry keys; it needs Enterprise"
    );
    let new = NewRegistryKey { rotation: every(90, 7), ..new_key(&shop.registry) };
    assert!(matches!(engine.create_registry_key(&access, new, None).await, Err(Error::PlanRequired { .. })));
    assert_eq!(tend(&engine).await, 0, "not before an hour has passed");

    shop.plan(Plan::Enterprise).await;
    assert_eq!(later(&engine, &clock, 60 * 60).await, 1);
    shop.plan(Plan::Free).await;
    let new = shop.collect(&shop.secret).await.unwrap();
    assert!(shop.opens(&shop.secret).await && shop.opens(&new).await, "what waits can be collected");
    clock.advance(7 * DAY);
    tend(&engine).await;
    assert!(shop.opens(&new).await && shop.key().await.handover.is_none());
    assert!(engine.set_registry_key_rotation(&access, shop.key.id, None).await.unwrap().rotation.is_none());
    assert_eq!(later(&engine, &clock, 400 * DAY).await, 0);
    shop.plan(Plan::Enterprise).await;
    engine.set_registry_key_rotation(&access, shop.key.id, every(90, 7)).await.unwrap();
    assert_eq!(tend(&engine).await, 1, "what is older than that is replaced at once");

    engine.suspend_organization(&shop.vendor.access(), shop.vendor.founded.organization.id).await.unwrap();
    clock.advance(97 * DAY);
    tend(&engine).await;
    assert!(shop.key().await.handover.is_none(), "nor while it is not served");
}

#[database_test]
async fn a_person_looks_once(store: Store) {
    let (engine, clock) = engine(store);
    let shop = Shop::open(&engine).await;
    later(&engine, &clock, 90 * DAY).await;
    let shown = engine.reveal_registry_key(&shop.vendor.access(), shop.key.id).await.unwrap();
    let new = shown.secret.expose().to_owned();
    assert!(shop.opens(&new).await && shop.opens(&shop.secret).await);
    assert_eq!(shop.collect(&shop.secret).await, None, "kept nowhere");
    assert!(engine.reveal_registry_key(&shop.vendor.access(), shop.key.id).await.is_err());
    let other = Vendor::found(&engine, "Other").await;
    assert!(matches!(
        engine.reveal_registry_key(&other.access(), shop.key.id).await,
        Err(Error::NotFound(_))
    ));
    assert_eq!(later(&engine, &clock, 7 * DAY).await, 0);
    assert!(!shop.opens(&shop.secret).await);

    // By hand while one waits that nobody has: what the machine uses lives on.
    later(&engine, &clock, 83 * DAY).await;
    let made =
        engine.rotate_registry_key(&shop.vendor.access(), shop.key.id, 86_400, false, None).await.unwrap();
    assert!(shop.opens(&new).await && shop.opens(made.secret.expose()).await);
    clock.advance(DAY);
    assert!(!shop.opens(&new).await && shop.opens(made.secret.expose()).await);
}

#[database_test]
async fn a_collection_from_elsewhere_is_told(store: Store) {
    let (engine, clock) = engine(store);
    let shop = Shop::open(&engine).await;
    later(&engine, &clock, 90 * DAY).await;
    shop.collect(&shop.secret).await.unwrap();
    let all = AlertFilter::default();
    let alerts = async || engine.alerts(&shop.vendor.access(), all, PageRequest::default()).await.unwrap();
    assert!(alerts().await.newest().is_empty());
    let thief = shop.collect_from(&shop.secret, [203, 0, 113, 9]).await.unwrap();
    assert!(thief.secret.is_some());
    let raised = alerts().await.newest();
    assert_eq!(
        raised[0].finding,
        Finding::UnexpectedCollection { network: "203.0.113.0/24".parse().unwrap() }
    );
    let collections =
        async || shop.log().await.iter().filter(|(action, _)| *action == "registry_key.collected").count();
    assert_eq!(collections().await, 2, "the first, and the one from elsewhere");
    for address in [[203, 0, 113, 9], [203, 0, 113, 10], [192, 0, 2, 7]] {
        clock.advance(61);
        assert!(shop.collect_from(&shop.secret, address).await.unwrap().secret.is_some());
        assert_eq!(
            shop.key().await.last_use.unwrap().address,
            Address::new(address.into()),
            "where it was used last"
        );
    }
    assert_eq!(collections().await, 2, "the same again is not written down");
    assert_eq!(alerts().await.newest().len(), 1);
}

#[database_test]
async fn a_key_that_asks_for_nothing_is_seen(store: Store) {
    let (engine, clock) = engine(store);
    let shop = Shop::open(&engine).await;
    assert_eq!(shop.collect(&shop.secret).await, None);
    let first = shop.key().await.last_use.unwrap();
    assert_eq!((first.at, &*first.client), (engine.now(), "curl/8"));
    clock.advance(59);
    shop.collect(&shop.secret).await;
    assert_eq!(shop.key().await.last_use.unwrap(), first, "to the minute");
    clock.advance(1);
    shop.collect(&shop.secret).await;
    assert_eq!(shop.key().await.last_use.unwrap().at, engine.now());
    assert!(shop.log().await.iter().all(|(action, _)| *action != "registry_key.collected"));
}

#[database_test]
async fn a_key_that_ended_before_it_was_rotated_keeps_no_other_waiting(store: Store) {
    let (engine, clock) = engine(store);
    let shop = Shop::open(&engine).await;
    let end = engine.now().plus_seconds(80 * DAY);
    let name = "missed".parse().unwrap();
    let new =
        NewRegistryKey { name, rotation: every(60, 7), expires_at: Some(end), ..new_key(&shop.registry) };
    let missed = engine.create_registry_key(&shop.vendor.access(), new, None).await.unwrap().key;
    // Off from before the rotation until after the end, and after the other key is due.
    assert_eq!(later(&engine, &clock, 90 * DAY).await, 2);
    assert!(shop.key().await.handover.is_some());
    let missed = engine.registry_key(&shop.vendor.access(), missed.id).await.unwrap();
    assert!(missed.handover.is_none() && missed.secret.previous.is_none());
    assert_eq!(later(&engine, &clock, DAY).await, 0);
}

#[database_test]
async fn a_schedule_that_does_nothing_is_refused(store: Store) {
    let (engine, clock) = engine(store);
    let shop = Shop::open(&engine).await;
    let access = shop.vendor.access();
    let end = |days: i64| Some(engine.now().plus_seconds(days * DAY));
    let never = |error: Error| {
        let Error::Invalid(faults) = error else { panic!("{error}") };
        assert_eq!(
            (faults[0].field, faults[0].invalid.code, &*faults[0].invalid.pointer),
            ("rotation", "never_rotates", "/every_days")
        );
    };
    let new = |days| NewRegistryKey {
        name: "other".parse().unwrap(),
        rotation: every(90, 7),
        expires_at: end(days),
        ..new_key(&shop.registry)
    };
    never(engine.create_registry_key(&access, new(90), None).await.unwrap_err());
    let key = engine.create_registry_key(&access, new(91), None).await.unwrap().key;
    never(engine.set_registry_key_rotation(&access, key.id, every(91, 7)).await.unwrap_err());
    engine.set_registry_key_rotation(&access, key.id, every(30, 7)).await.unwrap();
    clock.advance(60 * DAY);
    engine.set_registry_key_rotation(&access, key.id, every(2, 1)).await.unwrap();
    engine.set_registry_key_rotation(&access, key.id, None).await.unwrap();
}
