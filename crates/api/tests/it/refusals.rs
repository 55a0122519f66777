//! Bad input gets a clear error, and changes nothing.

use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

use crate::client::{Ask, User};

const PATH: &str = "/api/v1/licenses";

#[database_test]
async fn payloads_that_are_no_payload(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    for name in ["exp", "nbf", "iss", "sub", "aud", "iat", "jti", "status", "keyward"] {
        let refused = user.post(PATH, &format!(r#"{{"name":"L","payload":{{"{name}":1}}}}"#)).await;
        assert_eq!(refused.problem(), (422, "validation_failed".into()));
        assert_eq!(refused.faults(), [(format!("/payload/{name}"), "reserved_name".into())]);
    }
    for payload in ["[]", "[1]", "1", "\"x\"", "true", "\"{}\""] {
        let refused = user.post(PATH, &format!(r#"{{"name":"L","payload":{payload}}}"#)).await;
        assert_eq!(refused.faults(), [("/payload".into(), "not_an_object".into())], "{payload}");
    }
    let twice = user.post(PATH, r#"{"name":"L","payload":{"a":1,"b":{"c":1,"c":2}}}"#).await;
    assert_eq!(twice.faults(), [("/payload/b/c".into(), "duplicate_name".into())]);
    let deep = format!(r#"{{"name":"L","payload":{{"a":{}{}}}}}"#, "[".repeat(64), "]".repeat(64));
    assert_eq!(
        user.post(PATH, &deep).await.faults(),
        [("/payload/a".to_owned() + &"/0".repeat(31), "too_deep".into())]
    );
    let long = format!(r#"{{"name":"L","payload":{{"a":"{}"}}}}"#, "x".repeat(40_000));
    assert_eq!(user.post(PATH, &long).await.faults(), [("/payload".into(), "too_long".into())]);
    assert!(user.get(PATH).await.json()["items"].as_array().unwrap().is_empty());
}

#[database_test]
async fn all_failing_fields_at_once(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let body = r#"{"name":"","description":7,"customer_id":"x","payload":{"exp":1},"not_before":"soon","color":"red"}"#;
    let expected = [
        ("/name", "required"),
        ("/description", "wrong_type"),
        ("/customer_id", "invalid_id"),
        ("/payload/exp", "reserved_name"),
        ("/not_before", "invalid_time"),
        ("/color", "unknown_field"),
    ];
    let refused = user.post(PATH, body).await;
    assert_eq!(refused.faults(), expected.map(|(place, code)| (place.to_owned(), code.to_owned())));
    let refused = user.get("/api/v1/licenses?limit=0&cursor=x&status=gone&colour=red").await;
    assert_eq!(refused.problem(), (400, "invalid_request".into()));
    assert_eq!(refused.faults().len(), 4);
}

#[database_test]
async fn dates_that_do_not_fit(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    for end in ["2026-05-01T00:00:00Z", "2026-04-01T00:00:00Z"] {
        let body = format!(r#"{{"name":"L","not_before":"2026-05-01T00:00:00Z","expires_at":"{end}"}}"#);
        let refused = user.post(PATH, &body).await;
        assert_eq!(refused.faults(), [("/expires_at".into(), "expires_before_start".into())]);
    }
    for time in ["2026-02-30T00:00:00Z", "2026-1-1", "1e9", "-1", "+10000-01-01T00:00:00Z"] {
        let refused = user.post(PATH, &format!(r#"{{"name":"L","expires_at":"{time}"}}"#)).await;
        assert_eq!(refused.problem().0, 422, "{time}");
    }
}

#[database_test]
async fn terms_never_change_in_place(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let id = user.create(PATH, r#"{"name":"L","payload":{"seats":1}}"#).await;
    let before = user.get(&format!("{PATH}/{id}")).await.text;
    for field in ["payload", "fields", "not_before", "expires_at", "customer_id", "product_id"] {
        let refused =
            user.patch(&format!("{PATH}/{id}"), &format!(r#"{{"name":"New","{field}":null}}"#)).await;
        assert_eq!(refused.problem(), (422, "immutable_field".into()));
        assert_eq!(refused.faults(), [(format!("/{field}"), "immutable_field".into())]);
    }
    assert_eq!(user.get(&format!("{PATH}/{id}")).await.text, before);
}

#[database_test]
async fn bodies_that_are_no_json(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let post = |body: &[u8]| Ask::new("POST", PATH).token(&user.token).json(body);
    let nested = "[".repeat(100_000);
    for body in [
        &b"{"[..],
        b"{\"name\":\"L\"",
        b"[]",
        b"1",
        b"{\"name\":\"L\"}x",
        b"\xef\xbb\xbf{}",
        b"{\"name\":\"\xff\"}",
        nested.as_bytes(),
    ] {
        assert_eq!(user.api.ask(post(body)).await.problem(), (400, "invalid_request".into()), "{body:.20?}");
    }
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(5 * 1024 * 1024));
    assert_eq!(user.post(PATH, &large).await.problem(), (413, "payload_too_large".into()));
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let ask = Ask::new("POST", PATH)
            .token(&user.token)
            .raw(r#"{"name":"L"}"#)
            .header("Content-Type", media_type);
        assert_eq!(user.api.ask(ask).await.problem(), (415, "unsupported_media_type".into()));
    }
    let bare = Ask::new("POST", PATH).token(&user.token).raw(r#"{"name":"L"}"#);
    assert_eq!(user.api.ask(bare).await.problem().0, 415);
    let charset = Ask::new("POST", PATH).token(&user.token).raw(r#"{"name":"L"}"#);
    let charset = charset.header("Content-Type", "Application/JSON; charset=utf-8");
    assert_eq!(user.api.ask(charset).await.status, 201);
}

#[database_test]
async fn callers_without_the_right(store: Store) {
    let (engine, clock) = engine(store);
    let user = User::new(&engine, "Acme").await;
    for header in
        ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer kw_mgmt_", &format!("Bearer {}x", user.token)]
    {
        let refused = user.api.ask(Ask::new("GET", PATH).header("Authorization", header)).await;
        assert_eq!(refused.problem(), (401, "unauthorized".into()), "{header}");
        assert!(refused.header("www-authenticate").unwrap().starts_with("Bearer"));
    }
    let made = user
        .post(
            "/api/v1/tokens",
            r#"{"name":"Reader","scopes":["licenses:read"],"expires_at":"2026-01-01T01:00:00Z"}"#,
        )
        .await;
    let reader = made.json()["secret"].as_str().unwrap().to_owned();
    let create = Ask::new("POST", PATH).token(&reader).json(r#"{"name":"L"}"#);
    let refused = user.api.ask(create).await;
    assert_eq!(refused.problem(), (403, "forbidden".into()));
    assert_eq!(refused.json()["scope"], "licenses:write");
    assert_eq!(user.api.ask(Ask::new("GET", PATH).token(&reader)).await.status, 200);
    clock.advance(60 * 60);
    assert_eq!(user.api.ask(Ask::new("GET", PATH).token(&reader)).await.problem().0, 401);
    let own = user.vendor.founded.token.id;
    assert_eq!(user.delete(&format!("/api/v1/tokens/{own}")).await.status, 204);
    assert_eq!(user.get(PATH).await.problem().0, 401, "a revoked token is dead at the next request");
}

#[database_test]
async fn addresses_and_methods_that_are_not_there(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    for path in
        ["/", "/api", "/api/v1/nothing", "/api/v1/licenses/", "/o/nobody/jwks.json", "/o/UPPER/jwks.json"]
    {
        assert_eq!(user.get(path).await.problem(), (404, "not_found".into()), "{path}");
    }
    assert_eq!(user.get("/api/v1/licenses/not-a-uuid").await.problem().0, 404);
    let put = user.api.ask(Ask::new("PUT", PATH).token(&user.token)).await;
    assert_eq!(put.problem(), (405, "method_not_allowed".into()));
    assert_eq!(put.header("allow"), Some("GET, POST"));
    for header in [
        "x-content-type-options",
        "content-security-policy",
        "referrer-policy",
        "x-request-id",
        "strict-transport-security",
    ] {
        assert!(put.header(header).is_some(), "errors have {header} too");
    }
    assert_eq!(put.header("cache-control"), Some("no-store"));
}

#[database_test]
async fn duplicates(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    user.create(PATH, r#"{"name":"Pro"}"#).await;
    let taken = user.post(PATH, r#"{"name":" Pro "}"#).await;
    assert_eq!(taken.problem(), (409, "already_exists".into()));
    assert_eq!(taken.faults(), [("/name".into(), "already_exists".into())]);
    let body = r#"{"email":"owner@vendor.example","name":"Twin","role":"viewer"}"#;
    assert_eq!(user.post("/api/v1/members", body).await.problem().1, "already_exists");
    let owner = user.vendor.founded.owner.id;
    assert_eq!(user.delete(&format!("/api/v1/members/{owner}")).await.problem(), (409, "last_owner".into()));
}
