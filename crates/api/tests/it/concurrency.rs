//! The same request twice, one after the other and at once.

use std::time::Duration;

use actix_web::rt::time::sleep;
use futures_util::future::{join, join_all};
use keyward_testkit::database::{Store, on_postgres};
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

use crate::client::{Ask, User};
use crate::validation::{Shop, text};

#[database_test]
async fn a_repeated_request_is_answered_and_not_repeated(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let post = |path: &str, key: &str, body: &str| {
        user.api.ask(Ask::new("POST", path).token(&user.token).header("Idempotency-Key", key).json(body))
    };
    let first = post("/api/v1/licenses", "order-1", r#"{"name":"L"}"#).await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed")), (201, None));
    let again = post("/api/v1/licenses", "order-1", r#"{"name":"L"}"#).await;
    assert_eq!((again.status.as_u16(), again.header("idempotency-replayed")), (201, Some("true")));
    assert_eq!(first.text, again.text);
    let other = post("/api/v1/licenses", "order-1", r#"{"name":"M"}"#).await;
    assert_eq!(other.problem(), (422, "idempotency_key_reused".into()));
    let elsewhere = post("/api/v1/customers", "order-1", r#"{"name":"L"}"#).await;
    assert_eq!(elsewhere.problem().0, 422);
    assert_eq!(post("/api/v1/licenses", "two words", "{}").await.problem(), (400, "invalid_request".into()));

    let made = post("/api/v1/tokens", "token-1", r#"{"name":"T"}"#).await;
    assert!(made.json()["secret"].as_str().unwrap().starts_with("kw_mgmt_"));
    let again = post("/api/v1/tokens", "token-1", r#"{"name":"T"}"#).await;
    assert_eq!(again.problem(), (409, "secret_already_shown".into()));
}

#[database_test]
async fn twenty_at_once_make_one(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let ask = Ask::new("POST", "/api/v1/licenses")
        .token(&user.token)
        .header("Idempotency-Key", "k")
        .json(r#"{"name":"L"}"#);
    let answers = join_all((0..20).map(|_| user.api.ask(ask.clone()))).await;
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.text == answers[0].text));
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count(), 1);
    assert_eq!(user.get("/api/v1/licenses").await.json()["items"].as_array().unwrap().len(), 1);
}

#[database_test]
async fn of_twenty_equal_names_one_is_taken(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let answers = join_all((0..20).map(|_| user.post("/api/v1/licenses", r#"{"name":"L"}"#))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert!(answers.iter().filter(|answer| answer.status != 201).all(|answer| answer.problem().0 == 409));
}

/// PostgreSQL alone: SQLite has one connection that writes.
#[test]
fn many_first_addresses_of_one_license_leave_the_others_their_connections() {
    on_postgres(async |store: Store| {
        let product = r#"{"name":"P","settings":{"ip_enforcement":"enforce","default_max_ips":3}}"#;
        let shop = Shop::open(store.clone(), product).await;
        let path = format!("/api/v1/products/{}/keys", shop.product);
        let other =
            shop.user.post(&path, r#"{"email":"other@example.com","name":"Other Inc."}"#).await.json();
        let other = format!(r#"{{"license_key":"{}"}}"#, text(&other["license"], "license_key"));

        let scope = shop.user.vendor.founded.organization.scope();
        let locked = store.write().await.unwrap();
        locked.licenses(scope).lock(shop.license.parse().unwrap()).await.unwrap();
        let addresses: Vec<_> = (0..100).map(|n| format!("192.0.2.{n}")).collect();
        let crowd = join_all(addresses.iter().map(|address| shop.status_from(address)));
        let others = async {
            sleep(Duration::from_millis(100)).await;
            let asked = |address| shop.validate_from(address, serde_json::from_str(&other).unwrap());
            let (first, second) = join(asked("198.51.100.7"), asked("198.51.100.8")).await;
            assert_eq!(
                (first.json()["status"].as_str(), second.json()["status"].as_str()),
                (Some("active"), Some("active"))
            );
            // Longer than a request waits for a connection.
            sleep(Duration::from_millis(2_500)).await;
            drop(locked);
        };
        let (crowd, ()) = join(crowd, others).await;
        let with = |status: &str| crowd.iter().filter(|answer| answer["status"] == status).count();
        assert_eq!((with("active"), with("ip_limit_reached")), (3, 97));
    });
}
