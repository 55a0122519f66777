//! The end of an organization and of a person's data, and the export.

use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;
use serde_json::Value;

use crate::client::{Answer, Ask, User};

async fn put(user: &User, path: &str, body: &str) -> Answer {
    user.api.ask(Ask::new("PUT", path).token(&user.token).json(body)).await
}

#[database_test]
async fn an_owner_schedules_the_deletion_and_takes_it_back(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let path = format!("/api/v1/organizations/{}/deletion", user.vendor.founded.organization.id);
    assert_eq!(user.get(&path).await.status, 404);
    let wrong = put(&user, &path, r#"{"slug":"other"}"#).await;
    assert_eq!(wrong.faults(), [("/slug".into(), "other_organization".into())]);
    let scheduled = put(&user, &path, r#"{"slug":"acme"}"#).await;
    assert_eq!(scheduled.status, 200, "{}", scheduled.text);
    assert_eq!(scheduled.json()["due_at"], "2026-01-15T00:00:00Z");
    assert_eq!(put(&user, &path, r#"{"slug":"acme"}"#).await.json(), scheduled.json());
    assert_eq!(user.get(&path).await.json(), scheduled.json());
    let mail = engine.claim_mail().await.unwrap().unwrap();
    assert!(
        mail.subject.contains("is scheduled for deletion") && mail.body.contains("2026-01-15"),
        "{}",
        mail.body
    );
    assert_eq!(user.delete(&path).await.status, 204);
    assert_eq!(user.delete(&path).await.status, 409);
    assert_eq!(user.get(&path).await.status, 404);
}

#[database_test]
async fn erased_people_are_told_by_pseudonyms(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let customer = user
        .create("/api/v1/customers", r#"{"name":"Grace Hopper","email":"grace@navy.example","notes":"Tall"}"#)
        .await;
    let license =
        user.create("/api/v1/licenses", &format!(r#"{{"name":"L","customer_id":"{customer}"}}"#)).await;
    let member = user
        .create("/api/v1/members", r#"{"name":"Ada Lovelace","email":"ada@acme.example","role":"viewer"}"#)
        .await;
    assert_eq!(user.post(&format!("/api/v1/customers/{customer}/erase"), "").await.status, 204);
    assert_eq!(user.post(&format!("/api/v1/members/{member}/erase"), "").await.status, 204);
    assert_eq!(user.get(&format!("/api/v1/members/{member}")).await.status, 404);
    let left = user.get(&format!("/api/v1/customers/{customer}")).await.json();
    assert!(left["name"].as_str().unwrap().starts_with("Erased customer "), "{left}");
    assert_eq!(user.get(&format!("/api/v1/licenses/{license}")).await.json()["status"], "active");
    let log = user.get("/api/v1/audit-events?limit=200").await.text;
    for text in ["Grace", "grace@", "Ada Lovelace", "ada@acme", "Tall"] {
        assert!(!log.contains(text), "{text}: {log}");
    }
}

#[database_test]
async fn everything_is_exported_line_by_line(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let product = user.create("/api/v1/products", r#"{"name":"P"}"#).await;
    let mut customers = Vec::new();
    for number in 0..120 {
        let body = format!(r#"{{"name":"C{number}","email":"c{number}@c.example"}}"#);
        customers.push(user.create("/api/v1/customers", &body).await);
    }
    let body = format!(
        r#"{{"name":"L","customer_id":"{}","payload":{{"big":12345678901234567890123}}}}"#,
        customers[0]
    );
    let license = user.create("/api/v1/licenses", &body).await;
    assert_eq!(user.post(&format!("/api/v1/licenses/{license}/renew"), "{}").await.status, 200);
    let application = user.create("/api/v1/applications", r#"{"name":"A","kind":"compose"}"#).await;
    user.create(&format!("/api/v1/applications/{application}/versions"), r#"{"name":"1","compose":"a: 1"}"#)
        .await;
    let path = format!("/api/v1/organizations/{}/export", user.vendor.founded.organization.id);
    let answer = user.get(&path).await;
    assert_eq!(answer.status, 200);
    let lines: Vec<Value> = answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).count();
    assert_eq!((of("customer"), of("license"), of("revision"), of("product")), (120, 1, 2, 1));
    assert_eq!((of("application"), of("application_version"), of("export"), of("end")), (1, 1, 1, 1));
    assert_eq!(of("audit_event"), 1 + 1 + 120 + 2 + 2 + 1);
    let end = lines.last().unwrap();
    assert_eq!(
        (end["lines"].as_u64().unwrap() as usize, &end["change"]),
        (lines.len() - 1, &lines[0]["change"])
    );
    assert!(answer.text.contains("12345678901234567890123"), "numbers stay as they were written");
    // Each thing is what the API shows of it.
    let shown = user.get(&format!("/api/v1/products/{product}")).await.json();
    let mut exported = lines.iter().find(|line| line["type"] == "product").unwrap().clone();
    exported.as_object_mut().unwrap().remove("type");
    assert_eq!(exported, shown);
    let revision = lines.iter().find(|line| line["type"] == "revision").unwrap();
    assert_eq!(revision["license_id"], Value::from(license));
    assert!(!answer.text.contains(&*user.token));
}
