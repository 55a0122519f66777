//! Alerts over HTTP.

use std::sync::Arc;

use keyward_domain::registry::{Decision, Holder, Operation};
use keyward_domain::{Address, PageRequest, RegistryId};
use keyward_engine::{AccessEvent, AlertFilter, Engine};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;
use serde_json::json;

use crate::client::{Ask, User};

/// Lets a key push from two networks, which is unusual; gives the alert's id.
pub(crate) async fn raise(engine: &Arc<Engine>, owner: &Vendor, registry: &str, key: &str) -> String {
    let id: RegistryId = registry.parse().unwrap();
    let registry = engine.registry(&owner.access(), id).await.unwrap();
    for address in [[192, 0, 2, 7], [203, 0, 113, 7]] {
        let access_event = AccessEvent {
            holder: Holder::Key(key.parse().unwrap()),
            operation: Operation::Push,
            decision: Decision::Allowed,
            repository: "acme/app".parse().unwrap(),
            reference: "1".to_owned(),
            digest: None,
            address: Address::new(address.into()),
            client: "docker/28".to_owned(),
        };
        engine.record_access(&registry, access_event);
        engine.flush_log().await;
    }
    let alerts =
        engine.alerts(&owner.access(), AlertFilter::default(), PageRequest::default()).await.unwrap();
    alerts.newest()[0].id.to_string()
}

#[database_test]
async fn alerts_are_listed_shown_and_acknowledged(store: Store) {
    let (engine, clock) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let registry =
        user.create("/api/v1/registries", r#"{"name":"R","upstream":"http://127.0.0.1:5000"}"#).await;
    let mut alerts = Vec::new();
    for name in ["ci", "nightly"] {
        let key = user
            .create("/api/v1/registry-keys", &format!(r#"{{"name":"{name}","registry_id":"{registry}"}}"#))
            .await;
        alerts.push((raise(&engine, &user.vendor, &registry, &key).await, key));
        clock.advance(1);
    }
    let (id, key) = alerts.remove(0);
    let open = user.get("/api/v1/alerts?state=open&limit=1").await.json();
    assert_eq!(open["items"][0]["registry_key_id"], alerts[0].1.as_str(), "the latest first");
    let next = open["next_cursor"].as_str().unwrap();
    let rest = user.get(&format!("/api/v1/alerts?state=open&limit=1&cursor={next}")).await.json();
    assert_eq!((&rest["items"][0]["id"], &rest["next_cursor"]), (&json!(id), &json!(null)));
    let of_key = user.get(&format!("/api/v1/alerts?registry_key_id={key}")).await.json();
    assert_eq!(of_key["items"].as_array().unwrap().len(), 1);
    let shown = user.get(&format!("/api/v1/alerts/{id}")).await.json();
    assert_eq!(shown, rest["items"][0]);
    assert_eq!(
        shown,
        json!({
            "id": id, "state": "open", "kind": "unexpected_location",
            "message": "pushed from 203.0.113.0/24, where it was not used in the last 90 days",
            "subject": "registry", "registry_id": registry, "registry_key_id": key, "license_id": null,
            "customer_id": null, "webhook_id": null, "audit_sink_id": null,
            "deployment_target_id": null, "deployment_id": null,
            "detail": {"operation": "push", "network": "203.0.113.0/24", "count": null, "usual": null, "previous_until": null,
                "reason": null, "since": null, "revision": null, "address": "203.0.113.7", "client": "docker/28"},
            "created_at": "2026-01-01T00:00:00Z", "acknowledged_at": null, "acknowledged_by": null,
        })
    );
    let path = format!("/api/v1/alerts/{id}/acknowledge");
    let seen = user.post(&path, "").await;
    assert_eq!(seen.status, 200, "{}", seen.text);
    assert_eq!(seen.json()["acknowledged_by"]["kind"], "token");
    clock.advance(60);
    assert_eq!(user.post(&path, "").await.text, seen.text, "twice is once");
    let done = user.get("/api/v1/alerts?state=acknowledged").await.json();
    assert_eq!(done["items"], json!([seen.json()]));
    assert_eq!(
        user.get("/api/v1/alerts?state=shut").await.faults(),
        [("state".into(), "unknown_state".into())]
    );

    let reader = user.post("/api/v1/tokens", r#"{"name":"R","scopes":["registries:read"]}"#).await.json();
    let ask = |verb, path: &str| Ask::new(verb, path).token(reader["secret"].as_str().unwrap()).json("");
    assert_eq!(user.api.ask(ask("GET", &format!("/api/v1/alerts/{id}"))).await.status, 200);
    assert_eq!(user.api.ask(ask("POST", &path)).await.problem(), (403, "forbidden".into()));
    let notices = format!("/api/v1/organizations/{}/notices", user.vendor.founded.organization.id);
    assert_eq!(user.get(&notices).await.json()["alerts"], true);
}
