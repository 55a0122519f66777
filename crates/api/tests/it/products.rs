//! Products, product keys and plans over HTTP.

use futures_util::future::join_all;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;
use serde_json::{Value, json};

use crate::client::{Ask, User};
use crate::validation::text;

const FIELDS: &str = r#"[
    {"name":"seats","label":"Seats","type":"number","required":true},
    {"name":"plan","type":"select","choices":["basic","pro"],"default":"basic"},
    {"name":"tier","type":"text","editable":false,"default":"gold","hidden":true},
    {"name":"contact","type":"email"},
    {"name":"beta","type":"checkbox"},
    {"name":"until","type":"date"},
    {"name":"terms","type":"textarea"}]"#;

async fn product(user: &User, fields: &str) -> String {
    let body = format!(
        r#"{{"name":"Server","fields":{fields},"pull_roles":[{{"name":"runtime","repositories":["acme/*"]}}]}}"#
    );
    user.create("/api/v1/products", &body).await
}

/// The claims of a JWT, unverified.
fn claims(token: &str) -> Value {
    let mut bits = Vec::new();
    let mut acc = 0_u32;
    let mut have = 0;
    for c in token.split('.').nth(1).unwrap().bytes() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        acc = acc << 6 | alphabet.iter().position(|known| *known == c).unwrap() as u32;
        have += 6;
        if have >= 8 {
            have -= 8;
            bits.push((acc >> have) as u8);
        }
    }
    serde_json::from_slice(&bits).unwrap()
}

#[database_test]
async fn a_product_key_is_customer_license_and_token(store: Store) {
    let (engine, clock) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let id = product(&user, FIELDS).await;
    let path = format!("/api/v1/products/{id}/keys");
    let body = r#"{"email":"it@example.com","name":"Example Inc.","notes":"big","fields":{"seats":12345678901234567890,"plan":"pro"}}"#;
    let ask = || {
        user.api.ask(Ask::new("POST", &path).token(&user.token).header("Idempotency-Key", "k1").json(body))
    };
    let made = ask().await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(ask().await.text, made.text, "the same again, and not another");
    let made = made.json();
    let license = &made["license"];
    assert_eq!(license["product_id"], json!(id));
    assert_eq!(license["customer_id"], made["customer"]["id"]);
    assert_eq!((license["status"].clone(), license["expires_at"].clone()), (json!("active"), json!(null)));
    assert_eq!(license["license_key"].as_str().unwrap().len(), 29);
    let claims = claims(made["token"].as_str().unwrap());
    assert_eq!(claims["sub"], license["id"]);
    assert_eq!(
        (claims["plan"].clone(), claims["tier"].clone(), claims["beta"].clone()),
        (json!("pro"), json!("gold"), json!(false))
    );
    assert_eq!(claims["seats"].to_string(), "12345678901234567890");
    assert_eq!(claims.get("exp"), None);
    assert_eq!(claims.get("contact"), None);
    assert_eq!(claims["keyward"]["product"], json!(id));
    assert_eq!(claims["keyward"]["registry"], json!(["runtime"]));

    let second = format!(
        r#"{{"customer_id":{},"fields":{{"seats":1}},"expires_at":"2027-01-01T00:00:00Z"}}"#,
        made["customer"]["id"]
    );
    let second = user.post(&path, &second).await;
    assert_eq!(
        (second.status.as_u16(), second.json()["customer"]["id"].clone()),
        (201, made["customer"]["id"].clone())
    );
    assert_eq!(user.get("/api/v1/customers").await.json()["items"].as_array().unwrap().len(), 1);

    // The product goes on; what was sold stays as it was sold.
    clock.advance(1);
    let token = format!("/api/v1/licenses/{}/token", text(license, "id"));
    let change = r#"{"fields":[{"name":"other","type":"text","required":true}],"pull_roles":[]}"#;
    assert_eq!(user.patch(&format!("/api/v1/products/{id}"), change).await.status, 200);
    assert_eq!(user.get(&token).await.json()["token"], made["token"]);
    let show = user.get(&format!("/api/v1/licenses/{}", text(license, "id"))).await;
    assert!(show.text.contains(r#""seats":12345678901234567890"#));
    let change =
        user.patch(&format!("/api/v1/licenses/{}", text(license, "id")), r#"{"fields":{"seats":2}}"#).await;
    assert_eq!(change.problem(), (422, "immutable_field".into()));
}

#[database_test]
async fn hostile_values_are_all_named(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let path = format!("/api/v1/products/{}/keys", product(&user, FIELDS).await);
    let body = r#"{"email":"no","name":"","fields":{"seats":"12","plan":"gold","tier":"x","contact":"a@","beta":1,
            "until":"2026-02-30","terms":"a\u0000b","exp":1,"unknown":1}}"#;
    let refused = user.post(&path, body).await;
    assert_eq!(refused.problem(), (422, "validation_failed".into()));
    assert_eq!(refused.faults().len(), 11, "the form and the fields: {}", refused.text);
    let body = body.replace(r#""email":"no","name":"""#, r#""email":"a@b.example","name":"A""#);
    let mut faults = user.post(&path, &body).await.faults();
    faults.sort();
    let names: Vec<_> = faults.iter().map(|(pointer, _)| pointer.as_str()).collect();
    let expected = [
        "/fields/beta",
        "/fields/contact",
        "/fields/exp",
        "/fields/plan",
        "/fields/seats",
        "/fields/terms",
        "/fields/tier",
        "/fields/unknown",
        "/fields/until",
    ];
    assert_eq!(names, expected);
    for fields in [
        r#"{"seats":1e999}"#,
        r#"{"seats":1,"seats":2}"#,
        r#"[]"#,
        r#""x""#,
        r#"{"seats":{"a":1}}"#,
        r#"{"seats":null}"#,
        "{}",
    ] {
        let body = format!(r#"{{"email":"a@b.example","name":"A","fields":{fields}}}"#);
        assert_eq!(user.post(&path, &body).await.problem().0, 422, "{fields}");
    }
    let nobody = user.get("/api/v1/customers").await.json();
    assert!(nobody["items"].as_array().unwrap().is_empty(), "no customer without a key");

    let fields = r#"[{"name":"exp","type":"text"},{"name":"a b","type":"text"},{"name":"x","type":"color"},
            {"name":"y","type":"select"},{"name":"z","type":"number","default":"1"},{"name":"z","type":"text"},
            {"name":"w","type":"text","required":true,"editable":false}]"#;
    let refused = user.post("/api/v1/products", &format!(r#"{{"name":"Q","fields":{fields}}}"#)).await;
    let pointers: Vec<_> = refused.faults().into_iter().map(|(pointer, _)| pointer).collect();
    let expected = [
        "/fields/0/name",
        "/fields/1/name",
        "/fields/2/type",
        "/fields/3/choices",
        "/fields/4/default",
        "/fields/5/name",
        "/fields/6/default",
    ];
    assert_eq!(pointers, expected);
}

#[database_test]
async fn the_page_is_shown_safely(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let body = json!({"name": "P", "page": "# Hi\n<script>alert(1)</script> [x](javascript:alert(1)) ![i](https://t.example/p.png)"});
    let id = user.create("/api/v1/products", &body.to_string()).await;
    let shown = text(&user.get(&format!("/api/v1/products/{id}/page")).await.json(), "html");
    assert!(shown.starts_with("<h1>Hi</h1>"), "{shown}");
    assert!(
        !shown.contains("<script") && !shown.contains("javascript:\"") && !shown.contains("<img"),
        "{shown}"
    );
}

#[database_test]
async fn states_and_names(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let id = user.create("/api/v1/products", r#"{"name":"Acme Server"}"#).await;
    let shown = user.get(&format!("/api/v1/products/{id}")).await.json();
    assert_eq!(shown["slug"], "acme-server");
    assert_eq!(shown.get("secret"), None);
    assert!(text(&shown["api_key"], "hint").starts_with("kw_prod_"));
    assert_eq!(
        user.post("/api/v1/products", r#"{"name":"Acme Server"}"#).await.problem(),
        (409, "already_exists".into())
    );
    let twin = user.post("/api/v1/products", r#"{"name":"ACME server"}"#).await.json();
    assert_eq!(twin["slug"], "acme-server-2");
    let act = |verb: &'static str| {
        user.post(Box::leak(format!("/api/v1/products/{id}/{verb}").into_boxed_str()), "")
    };
    assert_eq!(act("unarchive").await.problem(), (409, "invalid_transition".into()));
    assert_eq!(act("archive").await.json()["state"], "archived");
    let sold =
        user.post(&format!("/api/v1/products/{id}/keys"), r#"{"email":"a@b.example","name":"A"}"#).await;
    assert_eq!(sold.problem(), (409, "invalid_transition".into()));
    assert_eq!(act("disable").await.problem().0, 409);
    assert_eq!(act("unarchive").await.json()["state"], "active");
    assert_eq!(act("disable").await.json()["state"], "disabled");
    assert_eq!(act("archive").await.problem().0, 409, "it would come back enabled");
    let log = user.get("/api/v1/audit-events").await.text;
    assert!(!log.contains("kw_prod_") || !log.contains(&text(&twin, "secret")), "no secret in the log");
    let made = Ask::new("POST", "/api/v1/products")
        .token(&user.token)
        .header("Idempotency-Key", "p")
        .json(r#"{"name":"Once"}"#);
    assert_eq!(user.api.ask(made.clone()).await.status, 201);
    assert_eq!(user.api.ask(made).await.problem(), (409, "secret_already_shown".into()));
}

#[database_test]
async fn plans_bound_what_is_created_and_take_nothing_away(store: Store) {
    let (engine, clock) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let organization = format!("/api/v1/organizations/{}", user.vendor.founded.organization.id);
    let license = user.create("/api/v1/licenses", r#"{"name":"Before"}"#).await;
    let plan =
        |body: &'static str| user.post(Box::leak(format!("{organization}/plan").into_boxed_str()), body);
    assert_eq!(user.get(&organization).await.json()["plan"], "enterprise", "a self-hoster has everything");
    assert_eq!(plan(r#"{"plan":"gold"}"#).await.problem().0, 422);
    let free = plan(r#"{"plan":"free"}"#).await.json();
    assert_eq!(
        (free["limits"]["products"].clone(), free["limits"]["validations_per_day"].clone()),
        (json!(10), json!(10_000))
    );

    let refused = user.post("/api/v1/licenses", r#"{"name":"After"}"#).await;
    assert_eq!(refused.problem(), (403, "plan_required".into()));
    assert_eq!(user.post(&format!("/api/v1/licenses/{license}/renew"), "{}").await.problem().0, 403);
    assert_eq!(
        user.get(&format!("/api/v1/licenses/{license}/token")).await.status,
        200,
        "what there is goes on"
    );
    assert_eq!(user.post(&format!("/api/v1/licenses/{license}/revoke"), "").await.status, 200);

    let bodies: Vec<_> = (0..20).map(|n| format!(r#"{{"name":"P{n}"}}"#)).collect();
    let answers = join_all(bodies.iter().map(|body| user.post("/api/v1/products", body))).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 201).count(),
        10,
        "exactly as many as the plan allows"
    );
    let refused = answers.iter().find(|answer| answer.status != 201).unwrap();
    assert_eq!(refused.problem(), (403, "plan_limit_reached".into()));
    assert_eq!(
        (refused.json()["limit"].clone(), refused.json()["current"].clone(), refused.json()["plan"].clone()),
        (json!(10), json!(10), json!("free"))
    );
    let first = answers.iter().find(|answer| answer.status == 201).unwrap().json();
    assert_eq!(user.post(&format!("/api/v1/products/{}/archive", text(&first, "id")), "").await.status, 200);
    assert_eq!(
        user.post("/api/v1/products", r#"{"name":"X"}"#).await.problem().0,
        403,
        "archived ones count"
    );
    assert_eq!(plan(r#"{"products":11}"#).await.json()["limits"]["products"], 11);
    assert_eq!(user.post("/api/v1/products", r#"{"name":"X"}"#).await.status, 201);

    let trial = format!("{organization}/start-trial");
    let begun = user.post(&trial, "").await.json();
    assert_eq!(
        (begun["plan"].clone(), begun["trial_ends_at"].clone()),
        (json!("pro_trial"), json!("2026-01-31T00:00:00Z"))
    );
    assert_eq!(user.post("/api/v1/licenses", r#"{"name":"After"}"#).await.status, 201);
    assert_eq!(user.post(&trial, "").await.problem(), (409, "invalid_transition".into()));
    clock.advance(30 * 24 * 3600);
    let over = user.get(&organization).await.json();
    assert_eq!((over["plan"].clone(), over["limits"]["plan"].clone()), (json!("pro_trial"), json!("free")));
    assert_eq!(
        user.post("/api/v1/licenses", r#"{"name":"Late"}"#).await.problem(),
        (403, "plan_required".into())
    );
    assert_eq!(plan(r#"{"plan":"pro","products":null}"#).await.json()["limits"]["products"], 200);
    assert_eq!(user.post("/api/v1/licenses", r#"{"name":"Late"}"#).await.status, 201);

    let token = user
        .post("/api/v1/tokens", r#"{"name":"T","scopes":["products:read","organizations:read"]}"#)
        .await
        .json();
    let ask = |path: String, body: &'static str| {
        user.api.ask(Ask::new("POST", path).token(token["secret"].as_str().unwrap()).json(body))
    };
    assert_eq!(
        ask(format!("{organization}/plan"), r#"{"plan":"enterprise"}"#).await.problem(),
        (403, "forbidden".into())
    );
    assert_eq!(ask("/api/v1/products".into(), r#"{"name":"N"}"#).await.problem(), (403, "forbidden".into()));
    let other = User::new(&engine, "Other").await;
    assert_eq!(
        other.get("/api/v1/organizations").await.json()["items"].as_array().unwrap().len(),
        2,
        "the operator sees all"
    );
}
