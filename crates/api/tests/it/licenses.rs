//! The life of a license, as a vendor's program sees it.

use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

use crate::client::{Ask, User};

const PAYLOAD: &str =
    r#"{"seats":25,"plan":"pro","modules":["analytics","reporting"],"big":12345678901234567890}"#;

#[database_test]
async fn from_customer_to_token(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let customer = user.create("/api/v1/customers", r#"{"name":"Buyer","email":"it@buyer.example"}"#).await;
    let body = format!(r#"{{"name":"Pro","customer_id":"{customer}","payload":{PAYLOAD}}}"#);
    let made = user.post("/api/v1/licenses", &body).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.header("etag"), Some("\"1\""));
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), Some(format!("/api/v1/licenses/{id}").as_str()));
    assert!(made.text.contains(PAYLOAD), "the payload comes back as it was sent: {}", made.text);
    let shown = user.get(&format!("/api/v1/licenses/{id}")).await;
    assert_eq!(shown.text, made.text);

    let jwt = user.get(&format!("/api/v1/licenses/{id}/token")).await;
    let again = user.get(&format!("/api/v1/licenses/{id}/token?format=jwt")).await;
    assert_eq!(jwt.text, again.text);
    let paseto = user.get(&format!("/api/v1/licenses/{id}/token?format=paseto")).await;
    assert!(paseto.json()["token"].as_str().unwrap().starts_with("v4.public."));
    assert_eq!(user.get(&format!("/api/v1/licenses/{id}/token?format=xml")).await.problem().0, 400);
}

#[database_test]
async fn every_digit_survives(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let payload =
        r#"{"huge":123456789012345678901234567890,"price":1.50,"tiny":1e-30,"text":"\u00e9","z":1,"a":[{}]}"#;
    let id = user.create("/api/v1/licenses", &format!(r#"{{"name":"Pro","payload":{payload}}}"#)).await;
    for path in [
        format!("/api/v1/licenses/{id}"),
        "/api/v1/licenses".into(),
        format!("/api/v1/licenses/{id}/revisions"),
    ] {
        let answer = user.get(&path).await;
        assert!(answer.text.contains(payload), "{path}: {}", answer.text);
    }
}

#[database_test]
async fn payloads_have_the_bounds_of_tokens(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let body = |name: &str, payload: String| format!(r#"{{"name":"{name}","payload":{payload}}}"#);
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    for (name, payload) in [
        ("Deep", nested(31)),
        ("Long", format!("{{\"a\":\"{}\"}}", "x".repeat(32 * 1024 - 8))),
        ("Large", r#"{"a":[1.7e308,-12345678901234567890123]}"#.into()),
    ] {
        let id = user.create("/api/v1/licenses", &body(name, payload)).await;
        for format in ["jwt", "paseto"] {
            let token = user.get(&format!("/api/v1/licenses/{id}/token?format={format}")).await;
            assert_eq!(token.status, 200, "{name}: {}", token.text);
        }
    }
    for (payload, pointer, code) in [
        (nested(32), "/payload/a".to_owned() + &"/0".repeat(31), "too_deep"),
        (format!("{{\"a\":\"{}\"}}", "x".repeat(32 * 1024 - 7)), "/payload".into(), "too_long"),
        (r#"{"a":[1,1e999]}"#.into(), "/payload/a/1".into(), "number_out_of_range"),
    ] {
        let refused = user.post("/api/v1/licenses", &body("Refused", payload)).await;
        assert_eq!(refused.faults(), [(pointer, code.to_owned())], "{}", refused.text);
    }
}

#[database_test]
async fn states_are_walked_and_said(store: Store) {
    let (engine, clock) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let id = user.create("/api/v1/licenses", r#"{"name":"Pro"}"#).await;
    let path = |verb: &str| format!("/api/v1/licenses/{id}/{verb}");
    let status = |answer: &crate::client::Answer| answer.json()["status"].as_str().unwrap().to_owned();
    assert_eq!(status(&user.post(&path("suspend"), "").await), "suspended");
    assert_eq!(user.post(&path("suspend"), "{}").await.problem(), (409, "invalid_transition".into()));
    assert_eq!(user.get(&path("token")).await.problem(), (409, "token_unavailable".into()));
    assert_eq!(status(&user.post(&path("resume"), "").await), "active");
    clock.advance(366 * 24 * 60 * 60);
    assert_eq!(status(&user.get(&format!("/api/v1/licenses/{id}")).await), "expired");
    let renewed = user.post(&path("renew"), r#"{"payload":{"seats":50},"revoke_previous":true}"#).await;
    assert_eq!(status(&renewed), "active");
    assert_eq!(renewed.json()["revision"], 2);
    let revisions = user.get(&path("revisions")).await.json();
    assert_eq!(revisions["items"][1]["state"], "revoked");
    assert_eq!(user.get(&path("revisions/1/token")).await.problem().1, "token_unavailable");
    assert_eq!(user.get(&path("revisions/2/token")).await.status, 200);
    assert_eq!(user.get(&path("revisions/3/token")).await.problem().0, 404);
    assert_eq!(status(&user.post(&path("revoke"), "").await), "revoked");
    for verb in ["suspend", "resume", "revoke", "renew"] {
        assert_eq!(
            user.post(&path(verb), "{}").await.problem(),
            (409, "invalid_transition".into()),
            "{verb}"
        );
    }
    assert_eq!(user.delete(&format!("/api/v1/licenses/{id}")).await.status, 204);
    assert_eq!(user.get(&format!("/api/v1/licenses/{id}")).await.problem(), (404, "not_found".into()));
    assert_eq!(user.delete(&format!("/api/v1/licenses/{id}")).await.problem().0, 404);
}

#[database_test]
async fn lists_are_filtered_and_paged(store: Store) {
    let (engine, clock) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let customer = user.create("/api/v1/customers", r#"{"name":"Buyer","email":"it@buyer.example"}"#).await;
    for number in 0..5 {
        clock.advance(1);
        let holder = if number % 2 == 0 { format!(r#","customer_id":"{customer}""#) } else { String::new() };
        user.create("/api/v1/licenses", &format!(r#"{{"name":"License {number}"{holder}}}"#)).await;
    }
    let names = |answer: &crate::client::Answer| {
        let items = answer.json()["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = user.get("/api/v1/licenses?limit=2").await;
    assert_eq!(names(&first), ["License 4", "License 3"]);
    let cursor = first.json()["next_cursor"].as_str().unwrap().to_owned();
    let second = user.get(&format!("/api/v1/licenses?limit=3&cursor={cursor}")).await;
    assert_eq!(names(&second), ["License 2", "License 1", "License 0"]);
    assert!(second.json()["next_cursor"].is_null());
    let held = user.get(&format!("/api/v1/licenses?customer_id={customer}&status=active&q=license")).await;
    assert_eq!(names(&held), ["License 4", "License 2", "License 0"]);
    assert!(names(&user.get("/api/v1/licenses?status=revoked").await).is_empty());
}

#[database_test]
async fn changes_are_guarded_by_their_version(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let id = user.create("/api/v1/licenses", r#"{"name":"Pro"}"#).await;
    let path = format!("/api/v1/licenses/{id}");
    let change = |tag: &str| {
        Ask::new("PATCH", &path).token(&user.token).header("If-Match", tag).json(r#"{"name":"New"}"#)
    };
    let changed = user.api.ask(change("\"1\"")).await;
    assert_eq!((changed.status.as_u16(), changed.header("etag")), (200, Some("\"2\"")));
    let late = user.api.ask(change("\"1\"")).await;
    assert_eq!(late.problem(), (412, "precondition_failed".into()));
    assert_eq!(late.json()["version"], 2);
    assert_eq!(user.api.ask(change("2")).await.problem().0, 400);
    assert_eq!(user.api.ask(change("*")).await.status, 200);
    let cached = Ask::new("GET", &path).token(&user.token).header("If-None-Match", "\"2\"");
    assert_eq!(user.api.ask(cached).await.status, 304);
    let late = Ask::new("DELETE", &path).token(&user.token).header("If-Match", "\"1\"");
    assert_eq!(user.api.ask(late).await.problem().0, 412);
    assert_eq!(user.get(&path).await.status, 200);
}

#[database_test]
async fn lists_come_in_an_order(store: Store) {
    let (engine, clock) = engine(store);
    let user = User::new(&engine, "Acme").await;
    for name in ["b", "C", "a"] {
        clock.advance(1);
        assert_eq!(user.post("/api/v1/licenses", &format!(r#"{{"name":"{name}"}}"#)).await.status, 201);
    }
    let names = |page: &serde_json::Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let first = user.get("/api/v1/licenses?sort=name&limit=2").await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = user.get(&format!("/api/v1/licenses?sort=name&limit=2&cursor={cursor}")).await.json();
    assert_eq!((names(&first), names(&second)), (vec!["a".into(), "b".into()], vec!["C".into()]));
    assert_eq!(names(&user.get("/api/v1/licenses").await.json()), ["a", "C", "b"], "the newest first");
    let other = user.get(&format!("/api/v1/licenses?sort=-name&cursor={cursor}")).await;
    assert_eq!(other.faults(), [("cursor".into(), "invalid_cursor".into())]);
    for noun in ["licenses", "customers", "products"] {
        let refused = user.get(&format!("/api/v1/{noun}?sort=colour")).await;
        assert_eq!(refused.faults(), [("sort".into(), "unknown_order".into())], "{noun}");
        assert_eq!(user.get(&format!("/api/v1/{noun}?sort=-name")).await.status, 200);
    }
}

#[database_test]
async fn the_version_is_told_to_holders_of_a_token(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let told = user.get("/api/v1/version").await;
    assert_eq!(
        (told.status.as_u16(), told.json()),
        (200, serde_json::json!({"version": env!("CARGO_PKG_VERSION")}))
    );
    let stranger = user.api.ask(Ask::new("GET", "/api/v1/version")).await;
    assert_eq!(stranger.status, 401, "{}", stranger.text);
    assert!(!stranger.text.contains(env!("CARGO_PKG_VERSION")));
}

#[database_test]
async fn counts_are_of_everything(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let customer = user.create("/api/v1/customers", r#"{"name":"C","email":"c@d.example"}"#).await;
    let held = format!(r#"{{"name":"Held","customer_id":"{customer}","expires_at":"2026-01-20T00:00:00Z"}}"#);
    user.create("/api/v1/licenses", &held).await;
    user.create("/api/v1/licenses", r#"{"name":"Everyone's"}"#).await;
    let shown = user.get("/api/v1/usage").await.json();
    let counts = [
        ("customers", 1),
        ("active_licenses", 2),
        ("licenses_ending_soon", 1),
        ("products", 0),
        ("validations_today", 0),
    ];
    for (name, count) in counts {
        assert_eq!(shown[name], count, "{name}");
    }
    assert_eq!(shown["days"].as_array().unwrap().len(), 30);
    assert_eq!(shown["days"][29], serde_json::json!({"day": "2026-01-01", "used": 0}));
    let names = |found: serde_json::Value| -> Vec<String> {
        found["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(user.get("/api/v1/licenses?unscoped=true").await.json()), ["Everyone's"]);
    assert_eq!(
        names(user.get("/api/v1/licenses?unscoped=false&sort=name").await.json()),
        ["Everyone's", "Held"]
    );
}
