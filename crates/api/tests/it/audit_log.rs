//! The audit log as the API tells it: who, from where, what, before and after; filtered and exported.

use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;
use serde_json::{Value, json};

use crate::client::User;

#[database_test]
async fn events_tell_who_what_and_what_was_before(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let other = User::new(&engine, "Other").await;
    let id = user.create("/api/v1/customers", r#"{"name":"Hooli","email":"a@hooli.example"}"#).await;
    let path = format!("/api/v1/customers/{id}");
    let changed = user.patch(&path, r#"{"name":"Hooli XYZ","notes":"Gavin knows."}"#).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let log = user.get(&format!("/api/v1/audit-events?target={id}")).await.json();
    let event = &log["items"][0];
    assert_eq!(event["sentence"], "The token Bootstrap changed the customer Hooli XYZ");
    assert_eq!((&event["target_name"], &event["actor"]["name"]), (&json!("Hooli XYZ"), &json!("Bootstrap")));
    let changes = json!({"name": {"from": "Hooli", "to": "Hooli XYZ"}, "notes": {}});
    assert_eq!(event["detail"]["changes"], changes, "notes are nobody else's business");
    assert!(event["seq"].as_i64() > log["items"][1]["seq"].as_i64());
    assert!(event["address"].is_string() && event["hash"].as_str().is_some_and(|hash| hash.len() == 43));

    let items = async |user: &User, query: &str| {
        let log = user.get(&format!("/api/v1/audit-events?{query}")).await.json();
        log["items"].as_array().map(Vec::len)
    };
    assert_eq!(items(&user, "action=customer").await, Some(2));
    assert_eq!(items(&user, "q=hooli").await, Some(2));
    assert_eq!(items(&other, "q=hooli").await, Some(0));
    assert_eq!(items(&other, &format!("target={id}")).await, Some(0));
    assert_eq!(items(&user, "actor=server").await, Some(0));
    for wrong in ["action=nothing", "actor=nobody", "target=1", "since=soon"] {
        let refused = user.get(&format!("/api/v1/audit-events?{wrong}")).await;
        let name = wrong.split('=').next().unwrap();
        assert_eq!(refused.faults()[0].0, name, "{}", refused.text);
    }

    let export = user.get("/api/v1/audit-events/export").await;
    assert_eq!(export.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<Value> = export.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.last().unwrap()["checkpoint"].is_string());
    assert!(!export.text.contains("Gavin"));
    assert_eq!(lines[lines.len() - 2]["hash"], event["hash"]);
}
