//! Names that nobody can read, times beyond the calendar, days as ends, and slugs.

use futures_util::future::join_all;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{engine, new_registry};
use serde_json::json;

use crate::client::{Ask, User};

/// Times that are none, and the code of the fault.
const BAD: [(&str, &str); 9] = [
    ("9999-12-31T23:59:59-01:00", "time_out_of_range"),
    ("1970-01-01T00:00:00+23:59", "time_out_of_range"),
    ("0000-01-01T00:00:00Z", "time_out_of_range"),
    ("1969-12-31", "time_out_of_range"),
    ("2026-02-30", "invalid_time"),
    ("10000-01-01T00:00:00Z", "invalid_time"),
    ("2026-12-31T24:00:00Z", "invalid_time"),
    ("99999999999999999999", "invalid_time"),
    ("", "invalid_time"),
];

#[database_test]
async fn addresses_and_searches_do_not_count_letter_case(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let member = r#"{"email":"You@acme.example","name":"Y","role":"viewer"}"#;
    assert_eq!(user.post("/api/v1/members", member).await.status, 201);
    let same = r#"{"email":"yOU@ACME.example","name":"Y","role":"viewer"}"#;
    assert_eq!(user.post("/api/v1/members", same).await.problem().0, 409);
    for (path, body) in [
        ("/api/v1/members", json!({"email": "jörg@acme.example", "name": "J", "role": "viewer"})),
        ("/api/v1/customers", json!({"email": "jörg@acme.example", "name": "J"})),
    ] {
        let refused = user.post(path, &body.to_string()).await;
        assert_eq!(refused.faults(), [("/email".to_owned(), "non_ascii_local_part".to_owned())], "{path}");
    }
    let customer = r#"{"email":"info@müller-gmbh.example","name":"Österreichische Post AG"}"#;
    let customer = user.post("/api/v1/customers", customer).await.json();
    assert_eq!(customer["email"], "info@müller-gmbh.example");
    for text in ["%C3%96STERREICHISCHE+post+ag", "O%CC%88sterreich", "INFO@M%C3%9CLLER", "xn--mller-gmbh-9db"]
    {
        let found = user.get(&format!("/api/v1/customers?q={text}")).await.json();
        assert_eq!(found["items"][0]["id"], customer["id"], "{text}");
    }
}

#[database_test]
async fn no_time_panics_in_any_field(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let license = user.create("/api/v1/licenses", r#"{"name":"L"}"#).await;
    let product = user.post("/api/v1/products", r#"{"name":"P"}"#).await.json()["product"]["id"]
        .as_str()
        .map(str::to_owned);
    let product = match product {
        Some(product) => product,
        None => user.get("/api/v1/products").await.json()["items"][0]["id"].as_str().unwrap().to_owned(),
    };
    let registry =
        engine.create_registry(&user.vendor.access(), new_registry("R"), None).await.unwrap().value.id;
    let fields = [
        ("/api/v1/licenses".to_owned(), "not_before", json!({ "name": "M" })),
        ("/api/v1/licenses".to_owned(), "expires_at", json!({ "name": "M" })),
        (format!("/api/v1/licenses/{license}/renew"), "not_before", json!({})),
        (format!("/api/v1/licenses/{license}/renew"), "expires_at", json!({})),
        (
            format!("/api/v1/products/{product}/keys"),
            "not_before",
            json!({ "name": "C", "email": "a@b.example" }),
        ),
        (
            format!("/api/v1/products/{product}/keys"),
            "expires_at",
            json!({ "name": "C", "email": "a@b.example" }),
        ),
        ("/api/v1/tokens".to_owned(), "expires_at", json!({ "name": "T" })),
        ("/api/v1/registry-keys".to_owned(), "expires_at", json!({ "name": "K", "registry_id": registry })),
    ];
    for (path, field, body) in fields {
        for (time, code) in BAD {
            let mut body = body.clone();
            body[field] = time.into();
            let refused = user.post(&path, &body.to_string()).await;
            assert_eq!(refused.problem(), (422, "validation_failed".into()), "{path} {field} {time}");
            assert_eq!(refused.faults(), [(format!("/{field}"), code.into())], "{path} {time}");
        }
        if field == "expires_at" {
            let mut body = body.clone();
            body[field] = "2026-12-31".into();
            let made = user.post(&path, &body.to_string()).await;
            assert!(made.status.is_success(), "{path}: {}", made.text);
            assert!(made.text.contains(r#""expires_at":"2027-01-01T00:00:00Z""#), "{path}: {}", made.text);
        }
    }
}

#[database_test]
async fn a_license_of_one_day_is_valid_all_day(store: Store) {
    let (engine, clock) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let body = r#"{"name":"One day","not_before":"2026-01-01","expires_at":"2026-01-01"}"#;
    let license = user.create("/api/v1/licenses", body).await;
    let path = format!("/api/v1/licenses/{license}");
    clock.advance(24 * 60 * 60 - 1);
    let last = user.get(&path).await.json();
    assert_eq!(
        (&last["status"], &last["not_before"], &last["expires_at"]),
        (&json!("active"), &json!("2026-01-01T00:00:00Z"), &json!("2026-01-02T00:00:00Z"))
    );
    clock.advance(1);
    assert_eq!(user.get(&path).await.json()["status"], "expired");
    let backwards = user
        .post("/api/v1/licenses", r#"{"name":"B","not_before":"2026-01-02","expires_at":"2026-01-01"}"#)
        .await;
    assert_eq!(backwards.problem().0, 422);
}

#[database_test]
async fn names_are_readable_and_one_of_a_kind(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    for (name, code) in [
        ("\u{200b}", "invisible_character"),
        ("Ac\u{ad}me", "invisible_character"),
        ("\u{2800}", "invisible_text"),
        ("a\u{202e}b", "bidirectional_control"),
        ("a\u{200f}b", "bidirectional_control"),
        ("a\u{e000}b", "unassigned_character"),
        ("a\nb", "line_break"),
        ("a\u{7}b", "control_character"),
        (" \u{3000} ", "required"),
    ] {
        for path in ["/api/v1/licenses", "/api/v1/products", "/api/v1/tokens"] {
            let refused = user.post(path, &json!({ "name": name }).to_string()).await;
            assert_eq!(refused.faults(), [("/name".into(), code.into())], "{path} {name:?}");
        }
    }
    user.create("/api/v1/licenses", r#"{"name":"Caf\u00e9"}"#).await;
    assert_eq!(
        user.post("/api/v1/licenses", r#"{"name":"Cafe\u0301 "}"#).await.problem().0,
        409,
        "the same name"
    );
    let made =
        user.post("/api/v1/customers", r#"{"name":"A","email":"a@b.example","notes":"\n\n a\r\nb "}"#).await;
    assert_eq!(made.json()["notes"], "\n\n a\nb ");
    let made = user.post("/api/v1/customers", r#"{"name":"A","email":"a@b.example","notes":" \n"}"#).await;
    assert_eq!(made.json()["notes"], json!(null));
    for path in ["/api/v1/customers?q=%ff", "/api/v1/customers/%c3%28", "/api/v1/licenses?%80=1"] {
        assert_eq!(user.get(path).await.problem(), (400, "invalid_request".into()), "{path}");
    }
}

#[database_test]
async fn a_patch_that_changes_nothing_keeps_the_tag(store: Store) {
    let (engine, clock) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let made = user.post("/api/v1/customers", r#"{"name":"A","email":"a@b.example","notes":"n"}"#).await;
    let (path, before) = (format!("/api/v1/customers/{}", made.json()["id"].as_str().unwrap()), made.json());
    let events = user.get("/api/v1/audit-events").await.text;
    clock.advance(60);
    for body in ["{}", r#"{"name":"A"}"#, r#"{"name":" A ","email":"a@b.example","notes":"n"}"#] {
        let same = user.patch(&path, body).await;
        assert_eq!(
            (same.status.as_u16(), same.header("etag"), same.json()),
            (200, made.header("etag"), before.clone()),
            "{body}"
        );
    }
    assert_eq!(user.get("/api/v1/audit-events").await.text, events);
    let changed = user.patch(&path, r#"{"notes":null}"#).await;
    assert_ne!(changed.header("etag"), made.header("etag"));
}

#[database_test]
async fn organizations_of_one_name_are_numbered(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let body = |name: &str| json!({ "name": name, "owner_email": "eve@second.example" }).to_string();
    let twins = body("Ünïcørn Söftware");
    let answers = join_all((0..15).map(|_| user.post("/api/v1/organizations", &twins))).await;
    let mut slugs: Vec<_> = answers
        .iter()
        .map(|answer| {
            assert_eq!(answer.status, 201, "{}", answer.text);
            answer.json()["organization"]["slug"].as_str().unwrap().to_owned()
        })
        .collect();
    slugs.sort_by_key(|slug| (slug.len(), slug.clone()));
    let numbered = (2..16).map(|number| format!("unicorn-software-{number}"));
    assert_eq!(slugs, std::iter::once("unicorn-software".to_owned()).chain(numbered).collect::<Vec<_>>());
    assert_eq!(
        user.post("/api/v1/organizations", &body("Admin")).await.json()["organization"]["slug"],
        "admin-2"
    );
    assert_eq!(user.post("/api/v1/organizations", &body("★")).await.json()["organization"]["slug"], "org");
    let chosen = json!({ "name": "X", "owner_email": "eve@second.example", "slug": "chosen" }).to_string();
    assert_eq!(user.post("/api/v1/organizations", &chosen).await.json()["organization"]["slug"], "chosen");
    assert_eq!(user.post("/api/v1/organizations", &chosen).await.problem().0, 409);
    let reserved = json!({ "name": "X", "owner_email": "eve@second.example", "slug": "www" }).to_string();
    assert_eq!(
        user.post("/api/v1/organizations", &reserved).await.faults(),
        [("/slug".into(), "reserved_slug".into())]
    );
}

#[database_test]
async fn the_slug_is_fixed_by_the_first_license(store: Store) {
    let (engine, clock) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let other = User::new(&engine, "Other").await;
    let path = format!("/api/v1/organizations/{}", user.vendor.founded.organization.id);
    clock.advance(1);
    for (slug, status) in
        [("other", 409), ("api", 422), ("Acme", 422), ("acme-tools", 200), ("acme-tools", 200)]
    {
        let changed = user.patch(&path, &json!({ "slug": slug }).to_string()).await;
        assert_eq!(changed.status, status, "{slug}: {}", changed.text);
    }
    let changes = user.get("/api/v1/audit-events").await.json();
    assert_eq!(changes["items"][0]["detail"]["slug"], "acme-tools");
    assert_eq!(changes["items"][0]["detail"]["slug_before"], "acme");
    let get = |path: &str| user.api.ask(Ask::new("GET", path));
    assert_eq!(get("/o/acme-tools/jwks.json").await.status, 200);
    assert_eq!(get("/o/acme/jwks.json").await.status, 404);
    let taken = join_all([&user, &other].map(|one| {
        let path = format!("/api/v1/organizations/{}", one.vendor.founded.organization.id);
        async move { one.patch(&path, r#"{"slug":"wanted"}"#).await.status.as_u16() }
    }));
    let mut taken = taken.await;
    taken.sort_unstable();
    assert_eq!(taken, [200, 409], "one of them gets it");
    user.create("/api/v1/licenses", r#"{"name":"L"}"#).await;
    let refused = user.patch(&path, r#"{"slug":"late"}"#).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(refused.text.contains("part of tokens"));
    let slug = user.get(&path).await.json()["slug"].as_str().unwrap().to_owned();
    let same = user.patch(&path, &json!({ "slug": slug }).to_string()).await;
    assert_eq!(same.status, 200, "what stays is no change");
}
