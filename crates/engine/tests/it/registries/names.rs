//! Names of keys: one of a kind among those of a registry that work.

use futures_util::future::join_all;
use keyward_domain::registry::Rotation;
use keyward_engine::{Error, NewRegistryKey, Resource};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{engine, new_registry_key};

use super::{Depot, YEAR};

fn taken<T>(made: &Result<T, Error>) -> bool {
    matches!(made, Err(Error::Taken { resource: Resource::RegistryKey, field: "name" }))
}

#[database_test]
async fn a_name_is_free_again_when_its_key_is_dead(store: Store) {
    let (engine, clock) = engine(store);
    let (acme, other) = (Depot::open(&engine, "Acme").await, Depot::open(&engine, "Other").await);
    let new = |depot: &Depot, days: Option<i64>| NewRegistryKey {
        expires_at: days.map(|days| engine.now().plus_days(days)),
        ..new_registry_key(&depot.registry)
    };
    let make = async |depot: &Depot, days| {
        engine.create_registry_key(&depot.vendor.access(), new(depot, days), None).await
    };
    let first = make(&acme, None).await.unwrap();
    assert!(taken(&make(&acme, None).await));
    make(&other, None).await.unwrap();
    engine.revoke_registry_key(&acme.vendor.access(), first.key.id).await.unwrap();
    let second = make(&acme, Some(10)).await.unwrap();
    assert!(taken(&make(&acme, None).await));
    // What changes a key leaves it its name.
    let second = acme.rotate(second.key.id, 0).await.unwrap();
    engine
        .set_registry_key_rotation(&acme.vendor.access(), second.key.id, Some(Rotation::new(5, 1).unwrap()))
        .await
        .unwrap();
    assert!(taken(&make(&acme, None).await));
    clock.advance(10 * 24 * 60 * 60);
    make(&acme, None).await.unwrap();
    assert!(taken(&make(&acme, None).await), "the one that ran out does not have it");
}

#[database_test]
async fn of_many_at_once_one_has_the_name(store: Store) {
    let (engine, _) = engine(store);
    let acme = Depot::open(&engine, "Acme").await;
    let access = acme.vendor.access();
    let make = || engine.create_registry_key(&access, new_registry_key(&acme.registry), None);
    let made = join_all((0..12).map(|_| make())).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    assert!(made.iter().all(|made| made.is_ok() || taken(made)));
}

#[database_test]
async fn a_rotation_gives_the_same_lifetime_anew_where_that_is_wanted(store: Store) {
    let (engine, clock) = engine(store);
    let acme = Depot::open(&engine, "Acme").await;
    let end = engine.now().plus_seconds(YEAR);
    let made = acme.key(Some(end)).await.unwrap();
    clock.advance(YEAR - 1);
    assert_eq!(acme.rotate(made.key.id, 0).await.unwrap().key.expires_at, Some(end));
    let again = engine.rotate_registry_key(&acme.vendor.access(), made.key.id, 0, true, None).await.unwrap();
    assert_eq!(again.key.expires_at, Some(engine.now().plus_seconds(YEAR)), "whenever its secrets were made");
    clock.advance(YEAR - 10);
    let again = engine.rotate_registry_key(&acme.vendor.access(), made.key.id, 0, true, None).await.unwrap();
    assert_eq!(again.key.expires_at, Some(engine.now().plus_seconds(YEAR)));
    let endless = acme.key(None).await.unwrap();
    let again =
        engine.rotate_registry_key(&acme.vendor.access(), endless.key.id, 0, true, None).await.unwrap();
    assert_eq!(again.key.expires_at, None);
}
