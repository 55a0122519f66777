//! What is published: the OpenAPI document, keys, the meaning of problems.

use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

use crate::client::{Ask, User};

/// The document in docs/ is the one that the code makes. `KEYWARD_BLESS=1` writes it anew.
#[test]
#[expect(clippy::disallowed_methods, reason = "the run says whether to bless")]
fn the_openapi_document_is_kept() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let made = serde_json::to_string_pretty(&keyward_api::openapi()).unwrap() + "\n";
    if std::env::var("KEYWARD_BLESS").is_ok() {
        std::fs::write(path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == made, "docs/openapi.json is not what the code makes: run `cargo xtask bless`");
}

#[test]
fn every_response_is_described_and_every_reference_leads_somewhere() {
    fn walk(value: &serde_json::Value, root: &serde_json::Value) {
        if let Some(reference) = value.get("$ref").and_then(serde_json::Value::as_str) {
            assert!(root.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
        for (name, member) in value.as_object().into_iter().flatten() {
            if name == "responses" {
                let described = |response: &serde_json::Value| {
                    response["description"].is_string() || response["$ref"].is_string()
                };
                assert!(member.as_object().unwrap().values().all(described), "{member}");
            }
            walk(member, root);
        }
        value.as_array().into_iter().flatten().for_each(|item| walk(item, root));
    }
    let document = keyward_api::openapi();
    walk(&document, &document);
}

#[database_test]
async fn published_documents_need_no_token(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let get = |path: &str| user.api.ask(Ask::new("GET", path));
    let jwks = get("/o/acme/jwks.json").await;
    assert_eq!((jwks.status.as_u16(), jwks.header("content-type")), (200, Some("application/jwk-set+json")));
    assert_eq!(jwks.header("cache-control"), Some("public, max-age=300"));
    assert!(jwks.json()["keys"][0].get("d").is_none());
    assert!(get("/o/acme/public-key.pem").await.text.starts_with("-----BEGIN PUBLIC KEY-----"));
    // The next key is in both before it signs.
    assert_eq!(user.post("/api/v1/signing-keys", "{}").await.status, 201);
    let keys = get("/o/acme/jwks.json").await.json()["keys"].as_array().unwrap().len();
    let bundle = get("/o/acme/public-keys.pem").await;
    assert_eq!(bundle.header("content-type"), Some("application/x-pem-file"));
    assert_eq!((bundle.text.matches("-----BEGIN PUBLIC KEY-----").count(), keys), (2, 2));
    assert!(bundle.text.contains(&get("/o/acme/public-key.pem").await.text));
    assert_eq!(get("/o/acme/status-list").await.header("content-type"), Some("application/statuslist+jwt"));
    assert_eq!(get("/openapi.json").await.json()["openapi"], "3.1.0");
    assert!(get("/problems/not_found").await.text.contains("404"));
    assert_eq!(get("/problems/nonsense").await.problem().0, 404);
    assert_eq!(get("/healthz").await.status, 200);
    assert_eq!(get("/readyz").await.status, 200);
    assert_eq!(user.api.ask(Ask::new("HEAD", "/readyz")).await.status, 200);
}

#[database_test]
async fn a_moved_servers_status_lists_are_found_and_cached_each_by_itself(store: Store) {
    let (first, _) = keyward_testkit::engine::engine_at("http://old.example:8080", store.clone(), 1);
    let vendor = keyward_testkit::Vendor::found(&first, "Acme").await;
    vendor.license("One", "{}").await;
    let (engine, _) = keyward_testkit::engine::engine_at("https://new.example", store, 2);
    let user = User::new(&engine, "Other").await;
    let get = |path: &str| user.api.ask(Ask::new("GET", path));
    let all = get("/o/acme/status-lists").await;
    let old =
        "https://new.example/o/acme/status-list?uri=http%3A%2F%2Fold.example%3A8080%2Fo%2Facme%2Fstatus-list";
    assert_eq!(
        all.json()["status_lists"],
        serde_json::json!(["https://new.example/o/acme/status-list", old])
    );
    assert_eq!(all.header("access-control-allow-origin"), Some("*"));
    let list = get("/o/acme/status-list").await;
    assert_eq!(list.header("link"), Some("</o/acme/status-lists>; rel=\"collection\""));
    let path = old.strip_prefix("https://new.example").unwrap();
    let (theirs, hosted) = (
        get(path).await,
        user.api.ask(Ask::new("GET", "/o/acme/status-list").header("Host", "old.example:8080")).await,
    );
    assert_eq!((theirs.status.as_u16(), &theirs.text), (200, &hosted.text), "by parameter and by host");
    assert_ne!(theirs.text, list.text);
    let (one, other) = (list.header("etag").unwrap().to_owned(), theirs.header("etag").unwrap().to_owned());
    assert_ne!(one, other, "each address has its own");
    for (path, tag, status) in [("/o/acme/status-list", &one, 304), (path, &other, 304), (path, &one, 200)] {
        let answer = user.api.ask(Ask::new("GET", path).header("If-None-Match", tag)).await;
        assert_eq!((answer.status.as_u16(), answer.header("etag").is_some()), (status, true), "{path} {tag}");
        assert_eq!(answer.text.is_empty(), status == 304);
    }
    for unknown in [
        "/o/acme/status-list?uri=https://evil.example/o/acme/status-list",
        "/o/nobody/status-list",
        "/o/nobody/status-lists",
    ] {
        assert_eq!(get(unknown).await.problem().0, 404, "{unknown}");
    }
    assert_eq!(get("/o/acme/status-list?time=1").await.status, 200, "what others add is no error");
}

#[database_test]
async fn an_operator_founds_organizations(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let body = r#"{"name":"Second","owner_email":"eve@second.example"}"#;
    let made = user.post("/api/v1/organizations", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let theirs = user.api.ask(Ask::new("GET", "/api/v1/organizations").token(&token)).await;
    assert_eq!(theirs.json()["items"][0]["slug"], "second");
    let refused = user.api.ask(Ask::new("POST", "/api/v1/organizations").token(&token).json(body)).await;
    assert_eq!(refused.problem().0, 403, "only operators found organizations");
}

#[database_test]
async fn the_operator_is_told_how_the_system_stands(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let system = user.get("/api/v1/system").await;
    assert_eq!(system.status, 200, "{}", system.text);
    let system = system.json();
    assert_eq!(system["database"]["state"], "ready");
    assert_eq!(system["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(system["queues"][0], serde_json::json!({"name": "mail", "entries": 0, "oldest_at": null}));
    assert!(["ok", "warning", "error"].contains(&system["status"].as_str().unwrap()), "{system}");
    let made =
        user.post("/api/v1/organizations", r#"{"name":"Second","owner_email":"eve@second.example"}"#).await;
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let refused = user.api.ask(Ask::new("GET", "/api/v1/system").token(&token)).await;
    assert_eq!(refused.problem().0, 403, "it is about all organizations");
}

#[database_test]
async fn signing_keys_are_rotated(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let made = user.post("/api/v1/signing-keys", "{}").await;
    assert_eq!(made.json()["state"], "pending");
    let kid = made.json()["kid"].as_str().unwrap().to_owned();
    let active = user.post(&format!("/api/v1/signing-keys/{kid}/activate"), "").await;
    assert_eq!(active.json()["state"], "active");
    let all = user.get("/api/v1/signing-keys").await;
    let states: Vec<_> =
        all.json()["items"].as_array().unwrap().iter().map(|key| key["state"].clone()).collect();
    assert!(states.contains(&"retired".into()));
    assert!(!all.text.contains("sealed"));
    let pem = user.get(&format!("/api/v1/signing-keys/{kid}/public-key.pem")).await;
    assert!(pem.text.starts_with("-----BEGIN PUBLIC KEY-----"));
    let refused = user.post("/api/v1/signing-keys", r#"{"private_key_pem":"nonsense"}"#).await;
    assert_eq!(refused.faults(), [("/private_key_pem".into(), "invalid_pem".into())]);
}
