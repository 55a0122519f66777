//! What is unusual at a registry is told once, in the transaction that writes it down.

use futures_util::future::join_all;
use keyward_domain::registry::{Decision, Holder, KeyAccess, Operation, Registry, RegistryKey};
use keyward_domain::{
    Address, Alert, AlertState, AlertStatus, AlertSubject, Finding, LicenseId, PageRequest,
};
use keyward_engine::{AccessEvent, AlertFilter, Engine, Error, Mail, NewRegistryKey, NoticesChange};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{another_engine, engine, new_registry_key};

const DAY: i64 = 24 * 60 * 60;

pub(crate) fn new_key(registry: &Registry) -> NewRegistryKey {
    NewRegistryKey { access: KeyAccess::ReadWriteDelete, ..new_registry_key(registry) }
}

async fn key(vendor: &Vendor, registry: &Registry) -> RegistryKey {
    vendor.engine.create_registry_key(&vendor.access(), new_key(registry), None).await.unwrap().key
}

fn access_event(holder: Holder, operation: Operation, address: &str) -> AccessEvent {
    AccessEvent {
        holder,
        operation,
        decision: Decision::Allowed,
        repository: "acme/app".parse().unwrap(),
        reference: "1.0.0".to_owned(),
        digest: None,
        address: Address::new(address.parse().unwrap()),
        client: "docker/28.0.1".to_owned(),
    }
}

async fn open(vendor: &Vendor) -> Vec<Alert> {
    let filter = AlertFilter { status: Some(AlertStatus::Open), ..AlertFilter::default() };
    let page = vendor.engine.alerts(&vendor.access(), filter, PageRequest::default()).await.unwrap().newest();
    let dashboard = vendor.engine.dashboard_view(&vendor.access(), 0).await.unwrap();
    assert_eq!(dashboard.open_alerts, Some(page.len() as u64));
    page
}

pub(crate) async fn mails(engine: &Engine) -> Vec<Mail> {
    let mut mails = Vec::new();
    while let Some(mail) = engine.claim_mail().await.unwrap() {
        engine.mail_sent(&mail).await.unwrap();
        mails.push(mail);
    }
    mails
}

#[database_test]
async fn a_push_from_elsewhere_is_told_once(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let registry = vendor.registry("Releases").await;
    let key = key(&vendor, &registry).await;
    let does = async |operation: Operation, address: &str| {
        engine.record_access(&registry, access_event(Holder::Key(key.id), operation, address));
        engine.flush_log().await;
        clock.advance(1);
    };
    does(Operation::Push, "192.0.2.7").await;
    does(Operation::Delete, "192.0.2.200").await;
    does(Operation::Pull, "203.0.113.1").await;
    assert!(open(&vendor).await.is_empty() && mails(&engine).await.is_empty());

    does(Operation::Push, "203.0.113.9").await;
    let told = open(&vendor).await;
    let [alert] = told.as_slice() else { panic!("{told:?}") };
    let network = "203.0.113.0/24".parse().unwrap();
    assert_eq!(alert.finding, Finding::UnexpectedLocation { operation: Operation::Push, network });
    let about = AlertSubject::Registry { registry: registry.id, holder: Holder::Key(key.id) };
    assert_eq!(alert.subject, about);
    let mail = mails(&engine).await;
    assert_eq!(mail.len(), 1);
    assert_eq!(mail[0].subject, "Alert: a registry was changed from an unexpected place");
    for part in [
        "the registry key ci pushed from 203.0.113.0/24, where",
        "From: 203.0.113.9 with docker/28.0.1",
        &format!("https://licenses.example/registries/{}/keys", registry.id),
        "/settings/notices",
    ] {
        assert!(mail[0].body.contains(part), "{part}: {}", mail[0].body);
    }

    let seen = engine.acknowledge_alert(&vendor.access(), alert.id).await.unwrap();
    assert!(matches!(seen.state, AlertState::Acknowledged { .. }));
    clock.advance(60);
    assert_eq!(engine.acknowledge_alert(&vendor.access(), alert.id).await.unwrap(), seen, "twice is once");
    does(Operation::Push, "203.0.113.9").await;
    assert!(open(&vendor).await.is_empty(), "known by now");
    does(Operation::Delete, "2001:db8::1").await;
    let again = open(&vendor).await;
    assert!(again.len() == 1 && again[0].id != alert.id, "an alert of its own");
    does(Operation::Push, "100.64.0.1").await;
    let network = |alert: &Alert| alert.finding.aspect().into_owned();
    let places: Vec<_> = open(&vendor).await.iter().map(network).collect();
    assert_eq!(places, ["100.64.0.0/24", "2001:db8::/48"], "neither hides the other");
    assert_eq!(
        engine.alert(&vendor.access(), alert.id).await.unwrap(),
        seen,
        "who has seen one has seen that one"
    );
    assert!(mails(&engine).await.is_empty(), "and no second mail that day");
    clock.advance(DAY);
    let off = NoticesChange { alerts: Some(false), ..NoticesChange::default() };
    assert!(!engine.set_notices(&vendor.access(), off, None).await.unwrap().alerts);
    does(Operation::Push, "198.51.100.1").await;
    assert_eq!(open(&vendor).await.len(), 3);
    assert!(mails(&engine).await.is_empty(), "turned off");

    clock.advance(90 * DAY);
    does(Operation::Push, "192.0.2.7").await;
    assert_eq!(open(&vendor).await.len(), 4, "forgotten after 90 days");
    let log = engine
        .audit_events(&vendor.access(), &Default::default(), PageRequest::default())
        .await
        .unwrap()
        .newest();
    let actions: Vec<_> = log.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions.iter().filter(|action| **action == "alert.raised").count(), 5);
    assert_eq!(actions.iter().filter(|action| **action == "alert.acknowledged").count(), 1);
}

#[database_test]
async fn far_more_than_usual_is_told_once_a_day(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let registry = vendor.registry("Releases").await;
    let key = key(&vendor, &registry).await;
    let push = async |times: usize| {
        for _ in 0..times {
            engine.record_access(&registry, access_event(Holder::Key(key.id), Operation::Push, "192.0.2.7"));
            engine.flush_log().await;
        }
    };
    push(25).await;
    clock.advance(DAY);
    push(100).await;
    assert!(open(&vendor).await.is_empty(), "the floor, and not above 5 times 25");
    clock.advance(40 * 60);
    push(25).await;
    assert!(open(&vendor).await.is_empty(), "125");
    push(2).await;
    let told = open(&vendor).await;
    let [alert] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(alert.finding, Finding::HighVolume { operation: Operation::Push, count: 126, usual: 25 });
    assert_eq!(mails(&engine).await.len(), 1);
    engine.acknowledge_alert(&vendor.access(), alert.id).await.unwrap();
    push(5).await;
    assert!(open(&vendor).await.is_empty(), "once a day");
    clock.advance(31 * DAY);
    push(101).await;
    assert_eq!(
        open(&vendor).await[0].finding,
        Finding::HighVolume { operation: Operation::Push, count: 101, usual: 0 }
    );
}

#[database_test]
async fn a_token_counts_as_what_it_lets_do(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let registry = vendor.registry("Releases").await;
    let key = key(&vendor, &registry).await;
    for (address, actions, told) in [
        ("192.0.2.7", "pull,push", 0),
        ("203.0.113.7", "pull", 0),
        ("203.0.113.7", "pull,push", 1),
        ("198.51.100.7", "delete", 2),
    ] {
        let token = access_event(Holder::Key(key.id), Operation::Token, address);
        engine.record_access(&registry, AccessEvent { reference: actions.to_owned(), ..token });
        engine.flush_log().await;
        assert_eq!(open(&vendor).await.len(), told, "{address} {actions}");
        clock.advance(3_600);
    }
    let mail = mails(&engine).await;
    assert!(mail[0].body.contains("fetched a token from 203.0.113.0/24"), "{}", mail[0].body);
}

#[database_test]
async fn refusals_of_keys_and_licenses_are_told(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let registry = vendor.registry("Releases").await;
    let license = vendor.license("Server", "{}").await;
    let refused = async |holder: Holder, tag: usize| {
        let access_event = AccessEvent {
            decision: Decision::Denied,
            reference: tag.to_string(),
            ..access_event(holder, Operation::Pull, "192.0.2.7")
        };
        engine.record_access(&registry, access_event);
        engine.flush_log().await;
    };
    let holder = Holder::License { license: license.id, customer: None };
    for tag in 0..19 {
        refused(holder, tag).await;
        refused(holder, tag).await;
    }
    assert!(open(&vendor).await.is_empty(), "a refusal that is repeated at once is one");
    clock.advance(30 * 60);
    refused(Holder::License { license: LicenseId::new(1, [1; 10]), customer: None }, 99).await;
    refused(holder, 20).await;
    let told = open(&vendor).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].finding, Finding::ManyRefusals { count: 20 });
    assert_eq!(told[0].subject, AlertSubject::Registry { registry: registry.id, holder });
    assert!(
        mails(&engine).await[0]
            .body
            .contains("the license Server was refused 20 different requests within an hour")
    );
    clock.advance(DAY);
    for tag in 0..10 {
        refused(holder, tag).await;
    }
    clock.advance(2 * 60 * 60);
    for tag in 10..20 {
        refused(holder, tag).await;
    }
    assert_eq!(open(&vendor).await.len(), 1, "never 20 within an hour");

    engine.suspend_organization(&vendor.access(), vendor.founded.organization.id).await.unwrap();
    for tag in 20..40 {
        refused(holder, tag).await;
    }
    assert_eq!(open(&vendor).await.len(), 2);
    assert!(mails(&engine).await.is_empty(), "the vendor is not served");
}

#[database_test]
async fn a_refusal_that_is_tried_again_and_again_is_not_told(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let registry = vendor.registry("Releases").await;
    let license = vendor.license("Server", "{}").await;
    let holder = Holder::License { license: license.id, customer: None };
    let refused = async |repository: &str, tag: usize| {
        let access_event = AccessEvent {
            decision: Decision::Denied,
            repository: repository.parse().unwrap(),
            reference: tag.to_string(),
            ..access_event(holder, Operation::Pull, "192.0.2.7")
        };
        engine.record_access(&registry, access_event);
        engine.flush_log().await;
    };
    // A node tries the two images of a license that has ended each minute.
    for _ in 0..59 {
        refused("acme/app", 1).await;
        refused("acme/tool", 1).await;
        clock.advance(61);
    }
    assert!(open(&vendor).await.is_empty());
    for tag in 2..19 {
        refused("acme/app", tag).await;
    }
    assert!(open(&vendor).await.is_empty(), "19 different ones");
    refused("acme/tool", 2).await;
    assert_eq!(open(&vendor).await[0].finding, Finding::ManyRefusals { count: 20 });
}

#[database_test]
async fn what_many_servers_see_at_once_is_told_once(store: Store) {
    let (engine, _) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let other = Vendor::found(&engine, "Other").await;
    let registry = vendor.registry("Releases").await;
    let key = key(&vendor, &registry).await;
    let first = access_event(Holder::Key(key.id), Operation::Push, "192.0.2.7");
    engine.record_access(&registry, first.clone());
    engine.flush_log().await;
    // 120 at once, from two places: the 101st tells, however they are ordered.
    let address = |index: usize| if index.is_multiple_of(2) { "192.0.2.7" } else { "203.0.113.7" };
    let servers = [engine.clone(), another_engine(store.clone(), 2).0, another_engine(store.clone(), 3).0];
    for index in 0..119_usize {
        let one = access_event(Holder::Key(key.id), Operation::Push, address(index));
        servers[index % 3].record_access(&registry, one);
    }
    let rounds = join_all(servers.iter().map(|server| server.flush_log())).await;
    assert!(rounds.iter().all(|round| round.dropped == 0 && round.error.is_none()), "{rounds:?}");
    let told = open(&vendor).await;
    let mut kinds: Vec<_> = told.iter().map(|alert| alert.finding.kind()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["high_volume", "unexpected_location"]);
    assert_eq!(mails(&engine).await.len(), 2);
    assert!(open(&other).await.is_empty());
    for alert in &told {
        assert!(matches!(engine.alert(&other.access(), alert.id).await, Err(Error::NotFound(_))));
        assert!(matches!(engine.acknowledge_alert(&other.access(), alert.id).await, Err(Error::NotFound(_))));
    }
}
