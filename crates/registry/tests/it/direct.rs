//! Clients that go to the upstream itself, and fetch tokens here by the upstream's own name.

use std::sync::Arc;

use actix_web::test::TestRequest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_engine::{Engine, NewRegistry, RegistryChange};
use keyward_registry::Shared;
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{engine, new_registry, new_registry_key};
use serde_json::Value;

use crate::ask;

/// The status, and for whom the token is.
async fn token(engine: &Arc<Engine>, service: &str, key: Option<&str>) -> (u16, String) {
    let path = format!("/registry/token?service={service}&scope=repository:acme/app:pull");
    let answer =
        ask(engine, &Shared::default(), TestRequest::get().uri(&path), "licenses.example", key).await;
    let claims = answer.json["token"]
        .as_str()
        .and_then(|token| token.split('.').nth(1))
        .map(|claims| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap());
    (answer.status, claims.map_or(String::new(), |claims| claims["aud"].as_str().unwrap().to_owned()))
}

#[database_test]
async fn a_new_host_leaves_the_clients_of_the_upstream_their_name(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let made = vendor.registry("Releases").await;
    let key = engine.create_registry_key(&vendor.access(), new_registry_key(&made), None).await.unwrap();
    let key = key.secret.expose();
    let change = async |vendor: &Vendor, id, change| {
        vendor.engine.update_registry(&vendor.access(), id, change, None).await.unwrap();
    };
    let old = made.host.to_string();
    assert_eq!(token(&engine, &old, Some(key)).await.0, 404, "not allowed yet");
    change(&vendor, made.id, RegistryChange { direct: Some(true), ..RegistryChange::default() }).await;
    assert_eq!(token(&engine, &old, Some(key)).await, (200, old.clone()));
    let host = Some("new.example".parse().unwrap());
    change(&vendor, made.id, RegistryChange { host, ..RegistryChange::default() }).await;
    for name in [&*old, "new.example"] {
        assert_eq!(token(&engine, name, Some(key)).await, (200, name.to_owned()));
        assert_eq!(token(&engine, name, None).await.0, 401, "{name}");
        assert_eq!(token(&engine, name, Some("kw_reg_wrong")).await.0, 401, "{name}");
    }
    assert_eq!(token(&engine, "other.example", Some(key)).await.0, 404);

    // Who calls their upstream the same, or takes the host that is free now, takes nothing away.
    let thief = Vendor::found(&engine, "Thief").await;
    let new = NewRegistry { upstream: "http://127.0.0.1:5001".parse().unwrap(), ..new_registry("Mine") };
    let theirs = engine.create_registry(&thief.access(), new, None).await.unwrap().value;
    let (service, host) = (Some(old.parse().unwrap()), Some(old.parse().unwrap()));
    change(
        &thief,
        theirs.id,
        RegistryChange { service, host, direct: Some(true), ..RegistryChange::default() },
    )
    .await;
    let other = engine.create_registry_key(&thief.access(), new_registry_key(&theirs), None).await.unwrap();
    for key in [key, other.secret.expose()] {
        assert_eq!(token(&engine, &old, Some(key)).await, (200, old.clone()));
    }
    engine.revoke_registry_key(&thief.access(), other.key.id).await.unwrap();
    assert_eq!(token(&engine, &old, Some(other.secret.expose())).await.0, 401);
    assert_eq!(token(&engine, "new.example", Some(other.secret.expose())).await.0, 401);
}
