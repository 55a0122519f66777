//! What an upstream tells of itself: who may, and what is kept of it.

use std::collections::BTreeSet;

use keyward_domain::registry::{Digest, Hint, Manifest, Registry};
use keyward_engine::{Engine, Error, NewRegistry, Resource};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{engine, new_registry};

async fn registry(vendor: &Vendor, name: &str, prefix: Option<&str>) -> Registry {
    let new = NewRegistry { prefix: prefix.map(|prefix| prefix.parse().unwrap()), ..new_registry(name) };
    vendor.engine.create_registry(&vendor.access(), new, None).await.unwrap().value
}

fn hint(repository: &str, tag: Option<&str>) -> Hint {
    Hint { repository: repository.parse().unwrap(), tag: tag.map(|tag| tag.parse().unwrap()) }
}

/// What is to be looked at, as text.
async fn due(engine: &Engine, registry: &Registry) -> Vec<String> {
    let kept = engine.hints(registry).await.unwrap();
    let mut places: Vec<_> = kept
        .iter()
        .map(|kept| match &kept.hint.tag {
            Some(tag) => format!("{}:{tag}", kept.hint.repository),
            None => kept.hint.repository.to_string(),
        })
        .collect();
    places.sort();
    places
}

#[database_test]
async fn a_secret_tells_of_one_registry_until_it_is_replaced_or_ended(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let (one, other) =
        (registry(&vendor, "One", Some("one")).await, registry(&vendor, "Other", Some("other")).await);
    assert_eq!(engine.notifications(&vendor.access(), one.id).await.unwrap(), None);
    let first = engine.set_notifications(&vendor.access(), one.id, None).await.unwrap();
    assert!(first.configuration.contains("url: https://licenses.example/registry/events"));
    assert!(first.configuration.contains(&format!("[\"Bearer {}\"]", first.secret.expose())));
    engine.set_notifications(&vendor.access(), other.id, None).await.unwrap();
    let heard = engine.notifier(first.secret.expose()).await.unwrap().unwrap();
    engine.flush_log().await;
    assert_eq!(heard.id, one.id);
    let kept = engine.notifications(&vendor.access(), one.id).await.unwrap().unwrap();
    assert_eq!((kept.heard_at, kept.hint), (Some(engine.now()), first.secret.hint()));

    // The last hearing is kept to the minute.
    let before = engine.now();
    clock.advance(59);
    engine.notifier(first.secret.expose()).await.unwrap().unwrap();
    engine.flush_log().await;
    assert_eq!(engine.notifications(&vendor.access(), one.id).await.unwrap().unwrap().heard_at, Some(before));
    clock.advance(1);
    engine.notifier(first.secret.expose()).await.unwrap().unwrap();
    engine.flush_log().await;
    assert_eq!(
        engine.notifications(&vendor.access(), one.id).await.unwrap().unwrap().heard_at,
        Some(engine.now())
    );

    for wrong in ["", "kw_hook_", "Bearer", &first.secret.expose().replace("kw_hook_", "kw_reg_")] {
        assert!(engine.notifier(wrong).await.unwrap().is_none(), "{wrong}");
    }
    let second = engine.set_notifications(&vendor.access(), one.id, None).await.unwrap();
    assert!(engine.notifier(first.secret.expose()).await.unwrap().is_none(), "replaced");
    engine.end_notifications(&vendor.access(), one.id).await.unwrap();
    engine.end_notifications(&vendor.access(), one.id).await.unwrap();
    assert!(engine.notifier(second.secret.expose()).await.unwrap().is_none(), "ended");
    let third = engine.set_notifications(&vendor.access(), one.id, None).await.unwrap();
    engine.delete_registry(&vendor.access(), one.id, None).await.unwrap();
    assert!(engine.notifier(third.secret.expose()).await.unwrap().is_none(), "its registry is gone");

    let stranger = Vendor::found(&engine, "Stranger").await;
    let refused = engine.set_notifications(&stranger.access(), other.id, None).await;
    assert!(matches!(refused, Err(Error::NotFound(Resource::Registry))));
    let refused = engine.end_notifications(&stranger.access(), other.id).await;
    assert!(matches!(refused, Err(Error::NotFound(Resource::Registry))));
}

#[database_test]
async fn hints_are_kept_once_until_someone_has_looked(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let registry = registry(&vendor, "Shared", Some("acme")).await;
    let told = BTreeSet::from([
        hint("acme/app", Some("1.0")),
        hint("acme/app", None),
        hint("others/app", Some("1.0")),
    ]);
    for _ in 0..2 {
        engine.note_hints(&registry, told.clone()).await.unwrap();
    }
    assert_eq!(due(&engine, &registry).await, ["app", "app:1.0"], "in the clients' words, and only its own");
    assert_eq!(engine.hinted_registries().await.unwrap().len(), 1);

    // What is told while someone looks is looked at again.
    let looking = engine.hints(&registry).await.unwrap();
    clock.advance(1);
    engine.note_hints(&registry, BTreeSet::from([hint("acme/app", Some("1.0"))])).await.unwrap();
    for kept in &looking {
        engine.hint_followed(kept).await.unwrap();
    }
    assert_eq!(due(&engine, &registry).await, ["app:1.0"]);

    let put_off = async || {
        for kept in engine.hints(&registry).await.unwrap() {
            engine.put_hint_off(&kept).await.unwrap();
        }
    };
    put_off().await;
    assert!(engine.hinted_registries().await.unwrap().is_empty(), "the upstream gave no answer");
    clock.advance(59);
    assert!(due(&engine, &registry).await.is_empty());
    clock.advance(1);
    assert_eq!(due(&engine, &registry).await, ["app:1.0"]);
    clock.advance(3 * 60 * 60);
    put_off().await;
    clock.advance(60);
    assert!(due(&engine, &registry).await.is_empty(), "the sweep has come by since");

    // Too many are one look at everything.
    engine.registry_swept(&registry, engine.now(), None).await.unwrap();
    clock.advance(1);
    let many: BTreeSet<_> = (0..1_001).map(|number| hint(&format!("acme/app{number}"), None)).collect();
    engine.note_hints(&registry, many).await.unwrap();
    assert!(due(&engine, &registry).await.is_empty());
    let seen = async || {
        let found = engine.registry(&vendor.access(), registry.id).await.unwrap();
        (found.swept_at, found.sweep_fault)
    };
    assert_eq!(seen().await, (None, None));
    let due = async || engine.unswept_registries(3_600).await.unwrap().len();

    // A look that had begun before does not do, and one that fails says so.
    engine.registry_swept(&registry, engine.now().plus_seconds(-1), None).await.unwrap();
    assert_eq!((seen().await.0, due().await), (None, 1));
    clock.advance(1);
    let began = engine.now();
    engine.registry_swept(&registry, began, Some("401 Unauthorized")).await.unwrap();
    assert_eq!(seen().await, (Some(began), Some("401 Unauthorized".to_owned())));
    assert_eq!(due().await, 0);
    engine.sweep_registry(&vendor.access(), registry.id).await.unwrap();
    assert_eq!((seen().await.0, due().await), (None, 1));
}

#[database_test]
async fn a_tag_is_lost_unless_it_came_back_since(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let registry = registry(&vendor, "Releases", None).await;
    let (name, tag) = ("acme/app".parse().unwrap(), "1.0".parse().unwrap());
    let digest: Digest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
    let manifest = Manifest { media_type: "x".to_owned(), parts: Vec::new(), size: 2, ..Manifest::default() };
    engine.lose_tag(&registry, &name, &tag, engine.now()).await.unwrap();
    let learn = || engine.learn_manifest(&registry, &name, std::slice::from_ref(&tag), &digest, &manifest);
    learn().await.unwrap();
    let seen = engine.now();
    engine.lose_tag(&registry, &name, &tag, seen).await.unwrap();
    assert!(
        engine.knows_manifest(&registry, &name, Some(&tag), &digest).await.unwrap(),
        "pushed in the same second"
    );
    clock.advance(1);
    engine.lose_tag(&registry, &name, &tag, engine.now()).await.unwrap();
    assert!(!engine.knows_manifest(&registry, &name, Some(&tag), &digest).await.unwrap());
    learn().await.unwrap();
    engine.lose_tag(&registry, &name, &tag, seen).await.unwrap();
    assert!(
        engine.knows_manifest(&registry, &name, Some(&tag), &digest).await.unwrap(),
        "learned after it was looked"
    );
}
