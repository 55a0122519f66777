//! What happened at a registry: written down once, and forgotten when it is old.

use keyward_domain::registry::{Decision, Digest, Holder, Manifest, Operation, Part, PartKind, Registry};
use keyward_domain::{Address, PageRequest};
use keyward_engine::{AlertFilter, Clock as _, EventFilter, Happening};
use keyward_testkit::Vendor;
use keyward_testkit::engine::{engine, new_registry_key};

const DAY: i64 = 24 * 60 * 60;

async fn depot(vendor: &Vendor) -> (Registry, Holder) {
    let registry = vendor.registry("Releases").await;
    let new = new_registry_key(&registry);
    let key = vendor.engine.create_registry_key(&vendor.access(), new, None).await.unwrap().key;
    (registry, Holder::Key(key.id))
}

fn happening(holder: Holder, operation: Operation, decision: Decision, reference: &str) -> Happening {
    Happening {
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

async fn lines(vendor: &Vendor) -> Vec<String> {
    let page = PageRequest { limit: 100, after: None };
    let found = vendor.engine.registry_events(&vendor.access(), EventFilter::default(), page).await.unwrap();
    found
        .newest()
        .iter()
        .map(|event| format!("{} {} {}", event.operation, event.decision.as_str(), event.reference))
        .collect()
}

keyward_testkit::databases! {
    async fn tokens_and_refusals_that_are_repeated_at_once_are_one_line(store: Store) {
        let (engine, clock) = engine(store);
        let vendor = Vendor::found(&engine, "Acme").await;
        let (registry, holder) = depot(&vendor).await;
        let note = async |operation, decision, reference| {
            engine.note_happening(&registry, happening(holder, operation, decision, reference)).await.unwrap();
        };
        for _ in 0..2 {
            note(Operation::Token, Decision::Allowed, "pull").await;
            note(Operation::Token, Decision::Denied, "pull,push").await;
            note(Operation::Pull, Decision::Denied, "1.0").await;
            note(Operation::Pull, Decision::Allowed, "1.0").await;
        }
        let mut found = lines(&vendor).await;
        found.sort();
        let expected = ["pull allowed 1.0", "pull allowed 1.0", "pull denied 1.0", "token allowed pull", "token denied pull,push"];
        assert_eq!(found, expected);
        clock.advance(61);
        note(Operation::Token, Decision::Allowed, "pull").await;
        assert_eq!(lines(&vendor).await.len(), 6);
    }

    async fn a_part_is_early_until_the_whole_is_written_down(store: Store) {
        let (engine, clock) = engine(store);
        let vendor = Vendor::found(&engine, "Acme").await;
        let (registry, holder) = depot(&vendor).await;
        let digest = |c: char| -> Digest { format!("sha256:{}", c.to_string().repeat(64)).parse().unwrap() };
        let part = Part { digest: digest('b'), kind: PartKind::Manifest, size: 2, platform: None };
        for (digest, parts) in [(digest('a'), vec![part]), (digest('b'), Vec::new())] {
            let manifest = Manifest { media_type: "x".to_owned(), parts, subject: None, size: 2 };
            engine.learn_manifest(&registry, &"acme/app".parse().unwrap(), &[], &digest, &manifest).await.unwrap();
        }
        let pull = |of: char| Happening {
            digest: Some(digest(of)),
            ..happening(holder, Operation::Pull, Decision::Allowed, digest(of).as_str())
        };
        assert!(!engine.note_unless_early(&registry, pull('b')).await.unwrap());
        assert!(lines(&vendor).await.is_empty(), "nothing is written yet");
        assert!(engine.note_unless_early(&registry, pull('a')).await.unwrap(), "it is a whole");
        assert_eq!(lines(&vendor).await.len(), 1);
        assert!(engine.note_unless_early(&registry, pull('b')).await.unwrap());
        engine.note_happening(&registry, pull('b')).await.unwrap();
        assert_eq!(lines(&vendor).await.len(), 1, "one pull");
        clock.advance(6 * 60 * 60 + 1);
        assert!(!engine.note_unless_early(&registry, pull('b')).await.unwrap());
        engine.note_happening(&registry, pull('b')).await.unwrap();
        assert_eq!(lines(&vendor).await.len(), 2, "a part alone is a pull as well");
    }

    async fn what_is_old_is_forgotten_to_the_second_and_in_parts(store: Store) {
        let (engine, clock) = engine(store);
        let vendor = Vendor::found(&engine, "Acme").await;
        let (registry, holder) = depot(&vendor).await;
        for number in 0..1_005 {
            let pull = happening(holder, Operation::Pull, Decision::Allowed, &number.to_string());
            engine.note_happening(&registry, pull).await.unwrap();
        }
        clock.advance(1);
        let last = happening(holder, Operation::Pull, Decision::Allowed, "last");
        engine.note_happening(&registry, last).await.unwrap();
        clock.advance(90 * DAY - 1);
        assert!(!engine.forget_happenings(Some(90)).await.unwrap());
        assert_eq!(lines(&vendor).await.len(), 100, "ninety days are kept");
        clock.advance(1);
        assert!(engine.forget_happenings(Some(90)).await.unwrap(), "there is more");
        assert!(!engine.forget_happenings(Some(90)).await.unwrap());
        assert_eq!(lines(&vendor).await, ["pull allowed last"]);
        clock.advance(1);
        engine.forget_happenings(Some(90)).await.unwrap();
        assert!(lines(&vendor).await.is_empty());
    }

    async fn what_is_usual_is_forgotten_in_time_though_the_key_rests(store: Store) {
        let (engine, clock) = engine(store.clone());
        let vendor = Vendor::found(&engine, "Acme").await;
        let (registry, holder) = depot(&vendor).await;
        let push = async |address: &str| {
            let address = Address::new(address.parse().unwrap());
            let push = happening(holder, Operation::Push, Decision::Allowed, "1");
            engine.note_happening(&registry, Happening { address, ..push }).await.unwrap();
        };
        // How many hours are kept, and how many networks besides the latest; nothing of it is committed.
        let kept = async || {
            let tx = store.write().await.unwrap();
            let end = clock.now().plus_seconds(DAY);
            (tx.forget_hours(i64::MAX, 10).await.unwrap(), tx.forget_networks(end, 10).await.unwrap())
        };
        for address in ["192.0.2.7", "198.51.100.7", "203.0.113.7"] {
            push(address).await;
            clock.advance(3_600);
        }
        assert_eq!(kept().await, (3, 2));
        clock.advance(30 * DAY);
        assert!(!engine.forget_happenings(None).await.unwrap());
        assert_eq!(kept().await, (3, 2), "what still counts stays");
        clock.advance(DAY);
        engine.forget_happenings(None).await.unwrap();
        assert_eq!(kept().await, (0, 2));
        clock.advance(90 * DAY);
        let alerts = async || engine.alert_count(&vendor.access(), AlertFilter::default()).await.unwrap();
        assert_eq!(alerts().await, 2);
        engine.forget_happenings(None).await.unwrap();
        assert_eq!((kept().await, lines(&vendor).await.len(), alerts().await), ((0, 0), 3, 2));
        push("100.64.0.7").await;
        assert_eq!(alerts().await, 3, "a key that has rested is not one that was never used");

        let page = PageRequest::default();
        let oldest = engine.alerts(&vendor.access(), AlertFilter::default(), page).await.unwrap().newest().pop().unwrap();
        engine.forget_happenings(Some(90)).await.unwrap();
        assert_eq!(alerts().await, 3, "nobody has seen to them");
        engine.acknowledge_alert(&vendor.access(), oldest.id).await.unwrap();
        engine.forget_happenings(Some(180)).await.unwrap();
        engine.forget_happenings(None).await.unwrap();
        assert_eq!(alerts().await, 3);
        engine.forget_happenings(Some(90)).await.unwrap();
        assert!(engine.alert(&vendor.access(), oldest.id).await.is_err());
        assert_eq!(alerts().await, 2);
    }
}
