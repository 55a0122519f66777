//! The same request twice, one after the other and at once.

use futures_util::future::join_all;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

use crate::client::{Ask, User};

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
