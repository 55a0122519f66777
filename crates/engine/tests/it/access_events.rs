//! What happened at a registry: written down once, and forgotten when it is old.

use keyward_domain::registry::{Decision, Digest, Holder, Manifest, Operation, Part, PartKind, Registry};
use keyward_domain::{Address, PageRequest, Timestamp};
use keyward_engine::{AccessEvent, AlertFilter, Clock as _, Engine, EventFilter, NewRegistry, Retention};
use keyward_storage::{Aged, Store, Technical};
use keyward_testkit::Vendor;
use keyward_testkit::database_test;
use keyward_testkit::engine::{another_engine, engine, new_registry, new_registry_key};

const DAY: i64 = 24 * 60 * 60;

async fn depot(vendor: &Vendor) -> (Registry, Holder) {
    let registry = vendor.registry("Releases").await;
    let new = new_registry_key(&registry);
    let key = vendor.engine.create_registry_key(&vendor.access(), new, None).await.unwrap().key;
    (registry, Holder::Key(key.id))
}

/// The same of another vendor, behind an upstream of its own.
async fn another_depot(vendor: &Vendor) -> (Registry, Holder) {
    let new = NewRegistry { upstream: "http://127.0.0.1:5001".parse().unwrap(), ..new_registry("Theirs") };
    let registry = vendor.engine.create_registry(&vendor.access(), new, None).await.unwrap().value;
    let new = new_registry_key(&registry);
    let key = vendor.engine.create_registry_key(&vendor.access(), new, None).await.unwrap().key;
    (registry, Holder::Key(key.id))
}

fn access_event(holder: Holder, operation: Operation, decision: Decision, reference: &str) -> AccessEvent {
    AccessEvent {
        holder,
        operation,
        decision,
        repository: "acme/app".parse().unwrap(),
        reference: reference.to_owned(),
        digest: None,
        address: Address::new("192.0.2.7".parse().unwrap()),
        client: "skopeo/1.9.3\u{0}".to_owned(),
    }
}

/// Removes a part of what is old, as the job does with a clock that it trusts; whether there may be more.
async fn forget(store: &Store, engine: &Engine, registry_log_days: Option<u32>) -> bool {
    let retention = Retention { registry_log_days, ..Retention::default() };
    let tx = store.write().await.unwrap();
    let mut more = false;
    for (what, age) in retention.rules() {
        let before = engine.now().plus_seconds(-age);
        more |= tx.remove_aged(what, before, 1_000).await.unwrap() == 1_000;
    }
    tx.commit_unrecorded(Technical::Seed).await.unwrap();
    more
}

async fn lines(vendor: &Vendor) -> Vec<String> {
    let page = PageRequest { limit: 100, after: None };
    let found = vendor.engine.registry_events(&vendor.access(), EventFilter::default(), page).await.unwrap();
    found
        .newest()
        .iter()
        .map(|event| format!("{} {} {}", event.operation, event.decision.as_str(), event.reference))
        .collect()
}

#[database_test]
async fn tokens_and_refusals_that_are_repeated_at_once_are_one_line(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let (registry, holder) = depot(&vendor).await;
    let note = async |operation, decision, reference| {
        engine.record_access(&registry, access_event(holder, operation, decision, reference));
        engine.flush_log().await;
    };
    for _ in 0..2 {
        note(Operation::Token, Decision::Allowed, "pull").await;
        note(Operation::Token, Decision::Denied, "pull,push").await;
        note(Operation::Pull, Decision::Denied, "1.0").await;
        note(Operation::Pull, Decision::Allowed, "1.0").await;
    }
    let mut found = lines(&vendor).await;
    found.sort();
    let expected = [
        "pull allowed 1.0",
        "pull allowed 1.0",
        "pull denied 1.0",
        "token allowed pull",
        "token denied pull,push",
    ];
    assert_eq!(found, expected);
    clock.advance(61);
    note(Operation::Token, Decision::Allowed, "pull").await;
    assert_eq!(lines(&vendor).await.len(), 6);
}

#[database_test]
async fn a_part_is_early_until_the_whole_is_written_down(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let (registry, holder) = depot(&vendor).await;
    let digest = |c: char| -> Digest { format!("sha256:{}", c.to_string().repeat(64)).parse().unwrap() };
    let part = Part { digest: digest('b'), kind: PartKind::Manifest, size: 2, platform: None };
    for (digest, parts) in [(digest('a'), vec![part]), (digest('b'), Vec::new())] {
        let manifest = Manifest { media_type: "x".to_owned(), parts, size: 2, ..Manifest::default() };
        engine
            .learn_manifest(&registry, &"acme/app".parse().unwrap(), &[], &digest, &manifest)
            .await
            .unwrap();
    }
    let pull = |of: char| AccessEvent {
        digest: Some(digest(of)),
        ..access_event(holder, Operation::Pull, Decision::Allowed, digest(of).as_str())
    };
    let round = async || {
        let round = engine.write_log().await;
        assert!(round.error.is_none() && round.dropped == 0, "{round:?}");
    };
    engine.record_access(&registry, pull('b'));
    round().await;
    assert!(lines(&vendor).await.is_empty(), "it waits for its whole");
    engine.record_access(&registry, pull('a'));
    engine.note_bytes(&registry, pull('b'), 7);
    engine.flush_log().await;
    assert_eq!(lines(&vendor).await.len(), 1, "the part is no pull of its own");
    engine.record_access(&registry, pull('b'));
    engine.flush_log().await;
    assert_eq!(lines(&vendor).await.len(), 1, "one pull");
    clock.advance(6 * 60 * 60 + 1);
    engine.record_access(&registry, pull('b'));
    round().await;
    assert_eq!(lines(&vendor).await.len(), 1);
    engine.flush_log().await;
    assert_eq!(lines(&vendor).await.len(), 2, "a part alone is a pull as well");
}

#[database_test]
async fn a_part_seen_by_one_server_belongs_to_the_whole_seen_by_another(store: Store) {
    let (one, _) = engine(store.clone());
    let vendor = Vendor::found(&one, "Acme").await;
    let (registry, holder) = depot(&vendor).await;
    let (other, _) = another_engine(store, 2);
    let digest = |c: char| -> Digest { format!("sha256:{}", c.to_string().repeat(64)).parse().unwrap() };
    let part = Part { digest: digest('b'), kind: PartKind::Manifest, size: 2, platform: None };
    for (digest, parts) in [(digest('a'), vec![part]), (digest('b'), Vec::new())] {
        let manifest = Manifest { media_type: "x".to_owned(), parts, size: 2, ..Manifest::default() };
        one.learn_manifest(&registry, &"acme/app".parse().unwrap(), &[], &digest, &manifest).await.unwrap();
    }
    let pull = |of: char| AccessEvent {
        digest: Some(digest(of)),
        ..access_event(holder, Operation::Pull, Decision::Allowed, digest(of).as_str())
    };
    // The whole is asked of one server and the part at once of another, which is the faster to write.
    one.record_access(&registry, pull('a'));
    other.record_access(&registry, pull('b'));
    other.note_bytes(&registry, pull('b'), 5);
    other.write_log().await;
    one.write_log().await;
    other.flush_log().await;
    let page = PageRequest { limit: 100, after: None };
    let found = one.registry_events(&vendor.access(), EventFilter::default(), page).await.unwrap().newest();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].reference.as_str(), found[0].bytes), (digest('a').as_str(), 5));
}

#[database_test]
async fn a_flood_leaves_room_and_is_counted(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let other = Vendor::found(&engine, "Other").await;
    let (registry, holder) = depot(&vendor).await;
    let (theirs, their_holder) = another_depot(&other).await;
    for number in 0..20_000 {
        engine.record_access(
            &registry,
            access_event(holder, Operation::Pull, Decision::Denied, &number.to_string()),
        );
    }
    let pull = access_event(their_holder, Operation::Pull, Decision::Allowed, "1.0");
    engine.record_access(&theirs, pull);
    // Not all of it, for the sake of time: what is lost is known at once, and nobody has waited.
    let round = engine.write_log().await;
    assert!(round.dropped > 10_000 && round.error.is_none(), "{round:?}");
    assert_eq!(lines(&vendor).await.len(), 64, "some at a time");
}

#[database_test]
async fn what_belongs_to_nothing_costs_the_others_nothing(store: Store) {
    let (engine, _) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let other = Vendor::found(&engine, "Other").await;
    let (registry, holder) = depot(&vendor).await;
    let (theirs, their_holder) = another_depot(&other).await;
    engine.record_access(&registry, access_event(holder, Operation::Pull, Decision::Allowed, "1.0"));
    // Of an organization that is not there.
    let foreign = keyward_domain::registry::Registry {
        organization: keyward_domain::OrganizationId::new(9, [9; 10]),
        ..theirs.clone()
    };
    engine.record_access(&foreign, access_event(their_holder, Operation::Pull, Decision::Allowed, "1.0"));
    engine.record_access(&theirs, access_event(their_holder, Operation::Pull, Decision::Allowed, "2.0"));
    let round = engine.flush_log().await;
    assert_eq!(
        (round.dropped, round.error.is_some()),
        (0, false),
        "a registry that is not there is passed over"
    );
    assert_eq!(lines(&vendor).await, ["pull allowed 1.0"]);
    assert_eq!(lines(&other).await, ["pull allowed 2.0"]);
}

#[database_test]
async fn what_is_old_is_forgotten_to_the_second_and_in_parts(store: Store) {
    let (engine, clock) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let (registry, holder) = depot(&vendor).await;
    for number in 0..1_005 {
        let pull = access_event(holder, Operation::Pull, Decision::Allowed, &number.to_string());
        engine.record_access(&registry, pull);
    }
    engine.flush_log().await;
    clock.advance(1);
    let last = access_event(holder, Operation::Pull, Decision::Allowed, "last");
    engine.record_access(&registry, last);
    engine.flush_log().await;
    clock.advance(90 * DAY - 1);
    assert!(!forget(&store, &engine, Some(90)).await);
    assert_eq!(lines(&vendor).await.len(), 100, "ninety days are kept");
    clock.advance(1);
    assert!(forget(&store, &engine, Some(90)).await, "there is more");
    assert!(!forget(&store, &engine, Some(90)).await);
    assert_eq!(lines(&vendor).await, ["pull allowed last"]);
    clock.advance(1);
    forget(&store, &engine, Some(90)).await;
    assert!(lines(&vendor).await.is_empty());
}

#[database_test]
async fn what_is_usual_is_forgotten_in_time_though_the_key_rests(store: Store) {
    let (engine, clock) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let (registry, holder) = depot(&vendor).await;
    let push = async |address: &str| {
        let address = Address::new(address.parse().unwrap());
        let push = access_event(holder, Operation::Push, Decision::Allowed, "1");
        engine.record_access(&registry, AccessEvent { address, ..push });
        engine.flush_log().await;
    };
    // How many hours are kept, and how many networks besides the latest; nothing of it is committed.
    let kept = async || {
        let tx = store.write().await.unwrap();
        let end = clock.now().plus_seconds(DAY);
        let kept = (
            tx.remove_aged(Aged::RegistryHours, Timestamp::MAX, 10).await.unwrap(),
            tx.remove_aged(Aged::RegistryNetworks, end, 10).await.unwrap(),
        );
        // Rows that it still held would be passed over by whoever forgets them next.
        tx.roll_back().await.unwrap();
        kept
    };
    for address in ["192.0.2.7", "198.51.100.7", "203.0.113.7"] {
        push(address).await;
        clock.advance(3_600);
    }
    assert_eq!(kept().await, (3, 2));
    clock.advance(30 * DAY);
    assert!(!forget(&store, &engine, None).await);
    assert_eq!(kept().await, (3, 2), "what still counts stays");
    clock.advance(DAY);
    forget(&store, &engine, None).await;
    assert_eq!(kept().await, (0, 2));
    clock.advance(90 * DAY);
    let alerts = async || {
        let (access, page) = (vendor.access(), PageRequest::default());
        engine.alerts(&access, AlertFilter::default(), page).await.unwrap().newest().len()
    };
    assert_eq!(alerts().await, 2);
    forget(&store, &engine, None).await;
    assert_eq!((kept().await, lines(&vendor).await.len(), alerts().await), ((0, 0), 3, 2));
    push("100.64.0.7").await;
    assert_eq!(alerts().await, 3, "a key that has rested is not one that was never used");

    let page = PageRequest::default();
    let oldest =
        engine.alerts(&vendor.access(), AlertFilter::default(), page).await.unwrap().newest().pop().unwrap();
    forget(&store, &engine, Some(90)).await;
    assert_eq!(alerts().await, 3, "nobody has seen to them");
    engine.acknowledge_alert(&vendor.access(), oldest.id).await.unwrap();
    forget(&store, &engine, Some(180)).await;
    forget(&store, &engine, None).await;
    assert_eq!(alerts().await, 3);
    forget(&store, &engine, Some(90)).await;
    assert!(engine.alert(&vendor.access(), oldest.id).await.is_err());
    assert_eq!(alerts().await, 2);
}
