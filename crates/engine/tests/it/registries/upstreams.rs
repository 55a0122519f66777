//! Where upstreams may be, and whose they are.

use std::sync::Arc;

use futures_util::future::join_all;
use keyward_domain::OutboundRules;
use keyward_domain::registry::{Credential, Registry};
use keyward_engine::outbound::Unreachable;
use keyward_engine::{Engine, Error, NewCredential, NewRegistry, RegistryChange};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{TestNetwork, engine, engine_in, new_registry};

use crate::addresses::{Verdict, addresses, network};

/// The field at fault, its code and what is said of it.
fn fault<T: std::fmt::Debug>(result: Result<T, Error>) -> (&'static str, &'static str, String) {
    match result {
        Err(Error::Invalid(faults)) => {
            (faults[0].field, faults[0].invalid.code, faults[0].invalid.message.clone())
        }
        other => panic!("{other:?}"),
    }
}

fn at(upstream: &str, name: &str) -> NewRegistry {
    NewRegistry {
        host: Some(format!("{name}.registry.example").parse().unwrap()),
        upstream: upstream.parse().unwrap_or_else(|_| panic!("{upstream}")),
        ..new_registry(name)
    }
}

async fn create(vendor: &Vendor, new: NewRegistry) -> Result<Registry, Error> {
    vendor.engine.create_registry(&vendor.access(), new, None).await.map(|done| done.value)
}

async fn two(engine: &Arc<Engine>) -> (Vendor, Vendor) {
    (Vendor::found(engine, "Acme").await, Vendor::found(engine, "Bolt").await)
}

/// Tries every spelling; only these are taken.
async fn only(rules: OutboundRules, open: &[Verdict], store: keyward_storage::Store) {
    let (engine, _) = engine_in(store, rules, network());
    let vendor = Vendor::found(&engine, "Acme").await;
    let refused = fault(create(&vendor, at("http://nowhere.example", "a")).await);
    assert_eq!((refused.0, refused.1), ("upstream", "unreachable"));
    for (number, (verdict, text)) in addresses().enumerate() {
        if verdict == Verdict::Invalid {
            continue;
        }
        let made = create(&vendor, at(text, &format!("r{number}"))).await;
        match made {
            Ok(made) => {
                assert!(open.contains(&verdict), "{text}");
                assert!(engine.dial_upstream(&made).await.is_ok(), "{text}");
            }
            // One answer, whatever the reason.
            other => assert_eq!((fault(other), open.contains(&verdict)), (refused.clone(), false), "{text}"),
        }
    }
    assert!(create(&vendor, at("https://public.example", "b")).await.is_ok());
}

#[database_test]
async fn an_upstream_is_public_where_nothing_is_listed(store: Store) {
    only(OutboundRules::default(), &[], store).await;
}

#[database_test]
async fn an_upstream_is_on_this_machine_where_that_is_listed(store: Store) {
    only(OutboundRules::loopback(), &[Verdict::Here], store).await;
}

#[database_test]
async fn an_upstream_is_anywhere_but_at_closed_addresses_where_all_is_listed(store: Store) {
    let all = vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
    only(OutboundRules::new(all).unwrap(), &[Verdict::Here, Verdict::Private], store).await;
}

#[database_test]
async fn a_name_is_judged_again_at_each_connection(store: Store) {
    let net = TestNetwork::default();
    let (engine, _) = engine_in(store, OutboundRules::default(), net.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let public: &[&str] = &["192.175.48.1"];
    for (number, second) in
        ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"].into_iter().enumerate()
    {
        net.set("rebind.example", &[public, &[second], public]);
        let registry =
            create(&vendor, at(&format!("https://rebind.example:{}", 1_000 + number), &format!("r{number}")))
                .await
                .unwrap();
        let dialled = engine.dial_upstream(&registry).await;
        assert!(matches!(dialled, Err(Unreachable::Blocked(_))), "{second}: {dialled:?}");
        assert_eq!(
            engine.dial_upstream(&registry).await.unwrap()[0].ip().to_string(),
            public[0],
            "it came back"
        );
    }
    // Of several addresses only the open ones are dialled.
    net.set("mixed.example", &[&["127.0.0.1", "192.175.48.1", "169.254.169.254", "2620:4f:8000::1"]]);
    let registry = create(&vendor, at("https://mixed.example", "mixed")).await.unwrap();
    let dialled = engine.dial_upstream(&registry).await.unwrap();
    let dialled: Vec<_> = dialled.iter().map(ToString::to_string).collect();
    assert_eq!(dialled, ["192.175.48.1:443", "[2620:4f:8000::1]:443"]);
}

#[database_test]
async fn of_two_who_want_one_upstream_at_once_one_gets_it(store: Store) {
    let (engine, _) = engine_in(store, OutboundRules::loopback(), network());
    let (acme, bolt) = two(&engine).await;
    let mut extra = Vec::new();
    for number in 0..4 {
        extra.push(Vendor::found(&engine, &format!("V{number}")).await);
    }
    for round in 0..8 {
        let port = 6_000 + round;
        let new = |vendor: &Vendor, host: &str| NewRegistry {
            credential: NewCredential::None,
            ..at(&format!("http://{host}:{port}"), &format!("{}-{round}", vendor.founded.organization.slug))
        };
        let names = [
            "127.0.0.1",
            "ip6-localhost",
            "localhost.localdomain",
            "the-machine-itself",
            "[::1]",
            "localhost",
        ];
        let vendors = [&acme, &bolt, &extra[0], &extra[1], &extra[2], &extra[3]];
        let tries = vendors.into_iter().zip(names).map(|(vendor, name)| create(vendor, new(vendor, name)));
        let made = join_all(tries).await;
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1, "round {round}: {made:?}");
        for lost in made.into_iter().filter(Result::is_err) {
            assert_eq!((fault(lost).1), "in_use");
        }
    }
}

#[database_test]
async fn an_upstream_is_known_by_where_it_leads(store: Store) {
    let net = network();
    let rules = OutboundRules::new(vec![
        "127.0.0.0/8".parse().unwrap(),
        "::1".parse().unwrap(),
        "10.0.0.0/8".parse().unwrap(),
    ]);
    let (engine, _) = engine_in(store, rules.unwrap(), net.clone());
    let (acme, bolt) = two(&engine).await;
    let open = NewRegistry { credential: NewCredential::None, ..at("http://127.0.0.1:5000", "acme") };
    let own = create(&acme, open).await.unwrap();
    assert_eq!(own.credential, Credential::None);
    for name in
        ["localhost", "localhost.localdomain", "ip6-localhost", "the-machine-itself", "[::1]", "127.1"]
    {
        let told = fault(create(&bolt, at(&format!("http://{name}:5000"), "bolt")).await);
        assert_eq!(told.1, "in_use", "{name}");
    }
    // One with a prefix does not share what another has without.
    let inner = NewRegistry { prefix: Some("bolt".parse().unwrap()), ..at("http://localhost:5000", "bolt") };
    assert_eq!(fault(create(&bolt, inner).await).1, "in_use");
    // A private address under two names is one upstream, a public one behind two names is not.
    net.set("one.corp", &[&["10.0.0.9"]]);
    net.set("two.corp", &[&["10.0.0.9"]]);
    create(&acme, at("http://one.corp:5000", "one")).await.unwrap();
    assert_eq!(fault(create(&bolt, at("http://two.corp:5000", "two")).await).1, "in_use");
    create(&acme, at("https://one.cdn.example", "cdn1")).await.unwrap();
    create(&bolt, at("https://two.cdn.example", "cdn2")).await.unwrap();
    // What becomes another's upstream later is not reached.
    net.set("moves.corp", &[&["192.175.48.1"], &["192.175.48.1"], &["127.0.0.1"]]);
    let moves = create(&bolt, at("http://moves.corp:5000", "moves")).await.unwrap();
    assert!(engine.dial_upstream(&moves).await.is_ok());
    assert!(matches!(engine.dial_upstream(&moves).await, Err(Unreachable::Claimed)));
    // Its own owner reaches it, and so does who comes when it is gone.
    assert!(engine.dial_upstream(&own).await.is_ok());
    engine.delete_registry(&acme.access(), own.id, None).await.unwrap();
    assert!(engine.dial_upstream(&moves).await.is_ok());
    create(&bolt, at("http://localhost:5000", "bolt")).await.unwrap();
}

#[database_test]
async fn vendors_share_an_upstream_by_prefixes_apart(store: Store) {
    let (engine, _) = engine(store);
    let (acme, bolt) = two(&engine).await;
    let with = |prefix: &str, name: &str| NewRegistry {
        prefix: Some(prefix.parse().unwrap()),
        ..at("http://127.0.0.1:5000", name)
    };
    create(&acme, with("shared/acme", "acme")).await.unwrap();
    for within in ["shared", "shared/acme", "shared/acme/app"] {
        assert_eq!(fault(create(&bolt, with(within, "bolt")).await).1, "in_use", "{within}");
    }
    create(&bolt, with("shared/bolt", "bolt")).await.unwrap();
    create(&acme, with("shared/acme", "acme2")).await.unwrap();
}

#[database_test]
async fn without_a_credential_only_this_machine_is_asked(store: Store) {
    let net = network();
    let (engine, _) = engine_in(store, OutboundRules::loopback(), net.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let open =
        |upstream: &str, name: &str| NewRegistry { credential: NewCredential::None, ..at(upstream, name) };
    net.set("moves.example", &[&["127.0.0.1"], &["192.175.48.1"]]);
    assert_eq!(fault(create(&vendor, open("https://public.example", "a")).await).1, "credential_required");
    let moves = create(&vendor, open("http://moves.example:5000", "b")).await.unwrap();
    assert!(matches!(engine.dial_upstream(&moves).await, Err(Unreachable::Unprotected)));
}

#[database_test]
async fn a_registry_is_not_in_front_of_this_server(store: Store) {
    let net = network();
    let (engine, _) = engine_in(store, OutboundRules::loopback(), net.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    create(&vendor, at("https://public.example", "first")).await.unwrap();
    for own in ["https://licenses.example", "https://LICENSES.example.:443", "https://first.registry.example"]
    {
        assert_eq!(fault(create(&vendor, at(own, "second")).await).1, "is_this_server", "{own}");
    }
    assert!(create(&vendor, at("https://licenses.example:5000", "second")).await.is_ok());
}

#[database_test]
async fn a_registry_whose_upstream_is_away_can_be_renamed_but_not_moved(store: Store) {
    let net = network();
    let (engine, _) = engine_in(store, OutboundRules::loopback(), net.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let registry = create(&vendor, at("https://behind.example", "a")).await.unwrap();
    net.set("behind.example", &[&[]]);
    let name = RegistryChange {
        name: Some("Other".parse().unwrap()),
        upstream: Some(registry.upstream.clone()),
        credential: Some(NewCredential::Token),
        ..RegistryChange::default()
    };
    let renamed = engine.update_registry(&vendor.access(), registry.id, name, None).await.unwrap();
    assert_eq!(renamed.name.as_str(), "Other");
    let open = RegistryChange { credential: Some(NewCredential::None), ..RegistryChange::default() };
    assert_eq!(
        fault(engine.update_registry(&vendor.access(), registry.id, open, None).await).1,
        "unreachable"
    );
    let moved = RegistryChange {
        upstream: Some("http://169.254.169.254".parse().unwrap()),
        ..RegistryChange::default()
    };
    assert_eq!(
        fault(engine.update_registry(&vendor.access(), registry.id, moved, None).await).1,
        "unreachable"
    );
}
