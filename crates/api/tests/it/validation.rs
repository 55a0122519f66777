//! “May this run?”, asked over HTTP on both databases.

use actix_web::http::StatusCode;
use futures_util::future::join_all;
use keyward_testkit::TestClock;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;
use serde_json::{Value, json};

use crate::client::{Answer, Ask, User};

/// A product on sale and one license of it.
pub struct Shop {
    pub user: User,
    pub clock: TestClock,
    pub product: String,
    pub key: String,
    pub license: String,
    pub code: String,
    pub token: String,
}

impl Shop {
    pub async fn open(store: keyward_testkit::database::Store, product: &str) -> Self {
        let (engine, clock) = engine(store);
        let user = User::new(&engine, "Acme").await;
        let made = user.post("/api/v1/products", product).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let (product, key) = (text(&made.json(), "id"), text(&made.json(), "secret"));
        let path = format!("/api/v1/products/{product}/keys");
        let made = user.post(&path, r#"{"email":"it@example.com","name":"Example Inc."}"#).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let made = made.json();
        let (license, code) = (text(&made["license"], "id"), text(&made["license"], "license_key"));
        Self { user, clock, product, key, license, code, token: text(&made, "token") }
    }

    pub async fn validate(&self, body: Value) -> Answer {
        self.validate_from("198.51.100.1", body).await
    }

    pub async fn validate_from(&self, address: &str, body: Value) -> Answer {
        let ask = Ask::new("POST", "/api/v1/validate").token(&self.key).header("X-Forwarded-For", address);
        self.user.api.ask(ask.json(body.to_string())).await
    }

    pub async fn status(&self) -> String {
        let answer = self.validate(json!({"license_key": self.code})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()["valid"], answer.json()["status"] == "active");
        text(&answer.json(), "status")
    }

    pub async fn status_from(&self, address: &str) -> Value {
        self.validate_from(address, json!({"license_key": self.code})).await.json()
    }

    pub async fn settings(&self, settings: Value) {
        let path = format!("/api/v1/products/{}", self.product);
        let changed = self.user.patch(&path, &json!({ "settings": settings }).to_string()).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
    }

    pub async fn license(&self, change: Value) {
        let path = format!("/api/v1/licenses/{}", self.license);
        let changed = self.user.patch(&path, &change.to_string()).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
    }

    pub async fn act(&self, path: &str) -> Answer {
        let path = path.replace("{product}", &self.product).replace("{license}", &self.license);
        let path = path.replace("{organization}", &self.user.vendor.founded.organization.id.to_string());
        let done = self.user.post(&path, "{}").await;
        assert_eq!(done.status, 200, "{path}: {}", done.text);
        done
    }

    pub async fn used(&self) -> u64 {
        let usage = self.user.get(&format!("/api/v1/products/{}/usage", self.product)).await.json();
        usage["items"][0]["used"].as_u64().unwrap_or(0)
    }
}

pub fn text(json: &Value, name: &str) -> String {
    json[name].as_str().unwrap_or_else(|| panic!("no {name} in {json}")).to_owned()
}

const PLAIN: &str = r#"{"name":"Server","settings":{"signed_validation":false}}"#;

#[database_test]
async fn an_answer_has_every_member(store: Store) {
    let shop = Shop::open(store, PLAIN).await;
    let answer = shop.validate(json!({"license_key": shop.code})).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let expected = json!({
        "valid": true, "status": "active", "expires": null, "ip_registered": null, "ip_count": null,
        "max_ips": null, "version": null, "version_valid": null, "custom": null, "signature": null,
    });
    assert_eq!(answer.json(), expected);
    let typed = shop.code.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
    assert_eq!(shop.validate(json!({"license_key": typed})).await.json(), expected);
    assert_eq!(shop.validate(json!({"license_key": shop.token})).await.json(), expected);
    for unknown in ["7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC", "nonsense", "a.b.c", "é"] {
        let answer = shop.validate(json!({"license_key": unknown})).await.json();
        assert_eq!(answer["status"], "license_not_found", "{unknown}");
        assert_eq!(answer.as_object().unwrap().values().filter(|value| !value.is_null()).count(), 2);
    }
}

#[database_test]
async fn the_request_after_a_change_sees_it(store: Store) {
    let shop = Shop::open(store, PLAIN).await;
    assert_eq!(shop.status().await, "active");
    let steps = [
        ("/api/v1/licenses/{license}/suspend", "suspended"),
        ("/api/v1/licenses/{license}/resume", "active"),
        ("/api/v1/products/{product}/disable", "product_disabled"),
        ("/api/v1/products/{product}/enable", "active"),
        ("/api/v1/products/{product}/archive", "product_archived"),
        ("/api/v1/products/{product}/unarchive", "active"),
        ("/api/v1/organizations/{organization}/suspend", "org_suspended"),
        ("/api/v1/organizations/{organization}/resume", "active"),
    ];
    for (path, expected) in steps {
        shop.act(path).await;
        assert_eq!(shop.status().await, expected, "after {path}");
    }
    let license = shop.user.get(&format!("/api/v1/licenses/{}", shop.license)).await.json();
    for path in [
        format!("/api/v1/licenses/{}", shop.license),
        format!("/api/v1/customers/{}", text(&license, "customer_id")),
        format!("/api/v1/organizations/{}", shop.user.vendor.founded.organization.id),
    ] {
        let block = r#"{"blocked_addresses":["198.51.100.0/24"]}"#;
        assert_eq!(shop.user.patch(&path, block).await.status, 200);
        assert_eq!(shop.status().await, "ip_blocked", "{path}");
        assert_eq!(shop.user.patch(&path, r#"{"blocked_addresses":[]}"#).await.status, 200);
        assert_eq!(shop.status().await, "active", "{path}");
    }
    shop.act("/api/v1/licenses/{license}/revoke").await;
    assert_eq!(shop.status().await, "revoked");
    let gone = shop.user.delete(&format!("/api/v1/licenses/{}", shop.license)).await;
    assert_eq!(gone.status, 204);
    assert_eq!(shop.status().await, "license_not_found");
}

#[database_test]
async fn deleting_the_customer_ends_all_they_hold(store: Store) {
    let shop = Shop::open(store, PLAIN).await;
    assert_eq!(shop.status().await, "active");
    let license = shop.user.get(&format!("/api/v1/licenses/{}", shop.license)).await.json();
    let customer = text(&license, "customer_id");
    assert_eq!(shop.user.delete(&format!("/api/v1/customers/{customer}")).await.status, 204);
    assert_eq!(shop.status().await, "revoked");
    let own = Ask::new("GET", "/validate").token(&shop.token);
    assert_eq!(shop.user.api.ask(own).await.json()["status"], "revoked");
}

#[database_test]
async fn two_servers_on_one_database_agree(store: Store) {
    let shop = Shop::open(store.clone(), PLAIN).await;
    let (second, _) = engine(store);
    let second = crate::client::Api::new(&second).await;
    let ask = || {
        Ask::new("POST", "/api/v1/validate")
            .token(&shop.key)
            .json(json!({"license_key": shop.code}).to_string())
    };
    for _ in 0..2 {
        assert_eq!(second.ask(ask()).await.json()["status"], "active");
        assert_eq!(shop.status().await, "active");
    }
    for (path, expected) in [
        ("/api/v1/licenses/{license}/suspend", "suspended"),
        ("/api/v1/licenses/{license}/resume", "active"),
        ("/api/v1/products/{product}/archive", "product_archived"),
        ("/api/v1/products/{product}/unarchive", "active"),
        ("/api/v1/licenses/{license}/revoke", "revoked"),
    ] {
        shop.act(path).await;
        assert_eq!(second.ask(ask()).await.json()["status"], expected, "after {path}");
    }
    assert_eq!(shop.used().await, 8, "all but the one to an archived product");
}

#[database_test]
async fn expiry_is_enforced_where_it_is_to_be(store: Store) {
    let shop = Shop::open(store, PLAIN).await;
    let body = json!({"email": "b@b.example", "name": "B", "not_before": "2026-01-01T00:02:00Z", "expires_at": "2026-01-01T00:03:00Z"});
    let made =
        shop.user.post(&format!("/api/v1/products/{}/keys", shop.product), &body.to_string()).await.json();
    let code = text(&made["license"], "license_key");
    let ask = || shop.validate(json!({"license_key": code}));
    assert_eq!(ask().await.json()["status"], "not_yet_valid");
    shop.clock.advance(59);
    assert_eq!(ask().await.json()["status"], "not_yet_valid");
    shop.clock.advance(1);
    assert_eq!(ask().await.json()["status"], "active", "clocks may differ by a minute");
    shop.clock.advance(119);
    assert_eq!(ask().await.json()["status"], "active");
    shop.clock.advance(1);
    assert_eq!(ask().await.json()["status"], "expired");
    assert_eq!(ask().await.json()["expires"], "2026-01-01T00:03:00Z");
    shop.settings(json!({"expiry_enforcement": false})).await;
    assert_eq!(ask().await.json()["status"], "active");
    shop.settings(json!({"expiry_enforcement": true})).await;
    let renew = format!("/api/v1/licenses/{}/renew", text(&made["license"], "id"));
    assert_eq!(shop.user.post(&renew, "{}").await.status, 200);
    assert_eq!(ask().await.json()["status"], "active");
}

#[database_test]
async fn a_token_stands_for_its_own_terms(store: Store) {
    let shop = Shop::open(store, PLAIN).await;
    let ask = |token: String| {
        let shop = &shop;
        async move { shop.validate(json!({ "license_key": token })).await.json()["status"].clone() }
    };
    let own = |token: String| {
        let api = &shop.user.api;
        async move {
            let answer = api.ask(Ask::new("GET", "/api/v1/validate").token(&token)).await;
            (answer.status.as_u16(), answer.json()["status"].clone())
        }
    };
    let renew = format!("/api/v1/licenses/{}/renew", shop.license);
    let body = json!({"expires_at": "2026-06-01T00:00:00Z"});
    assert_eq!(shop.user.post(&renew, &body.to_string()).await.status, 200);
    assert_eq!(ask(shop.token.clone()).await, "active", "the old terms run on");
    let second =
        text(&shop.user.get(&format!("/api/v1/licenses/{}/token", shop.license)).await.json(), "token");
    let paseto = text(
        &shop.user.get(&format!("/api/v1/licenses/{}/token?format=paseto", shop.license)).await.json(),
        "token",
    );
    assert_eq!(ask(paseto).await, "active");
    shop.clock.advance(200 * 24 * 3600);
    assert_eq!(ask(second.clone()).await, "expired");
    assert_eq!(own(second.clone()).await, (200, "expired".into()));
    assert_eq!(own(shop.token.clone()).await, (200, "active".into()));
    let body = json!({"expires_at": null, "revoke_previous": true});
    assert_eq!(shop.user.post(&renew, &body.to_string()).await.status, 200);
    assert_eq!(ask(second.clone()).await, "revoked");
    assert_eq!(own(second).await, (200, "revoked".into()));
    let mut forged = shop.token.clone();
    forged.replace_range(
        forged.len() - 20..forged.len() - 19,
        if forged.as_bytes()[forged.len() - 20] == b'A' { "B" } else { "A" },
    );
    assert_eq!(ask(forged.clone()).await, "license_not_found");
    assert_eq!(own(forged).await, (401, "invalid_token".into()));
    assert_eq!(own("nonsense".into()).await.0, 401);
    assert_eq!(shop.user.api.ask(Ask::new("GET", "/validate")).await.status, 401);
}

#[database_test]
async fn addresses_are_let_in_up_to_the_limit(store: Store) {
    let shop =
        Shop::open(store, r#"{"name":"P","settings":{"ip_enforcement":"enforce","default_max_ips":2}}"#)
            .await;
    let seen = |answer: Value| {
        (
            answer["status"].clone(),
            answer["ip_registered"].clone(),
            answer["ip_count"].clone(),
            answer["max_ips"].clone(),
        )
    };
    assert_eq!(seen(shop.status_from("192.0.2.1").await), (json!("active"), json!(true), json!(1), json!(2)));
    assert_eq!(
        seen(shop.status_from("::ffff:192.0.2.1").await),
        (json!("active"), json!(true), json!(1), json!(2))
    );
    assert_eq!(seen(shop.status_from("192.0.2.2").await), (json!("active"), json!(true), json!(2), json!(2)));
    assert_eq!(
        seen(shop.status_from("192.0.2.3").await),
        (json!("ip_limit_reached"), json!(false), json!(2), json!(2))
    );
    assert_eq!(seen(shop.status_from("192.0.2.1").await), (json!("active"), json!(true), json!(2), json!(2)));
    shop.license(json!({"max_ips": 1})).await;
    assert_eq!(
        seen(shop.status_from("192.0.2.2").await),
        (json!("active"), json!(true), json!(2), json!(1)),
        "lowering turns out none"
    );
    let addresses = format!("/api/v1/licenses/{}/addresses", shop.license);
    assert_eq!(shop.user.delete(&format!("{addresses}/192.0.2.2")).await.status, 204);
    assert_eq!(
        shop.user.delete(&format!("{addresses}/192.0.2.2")).await.problem(),
        (404, "not_found".into())
    );
    assert_eq!(seen(shop.status_from("192.0.2.2").await).0, "ip_limit_reached");
    assert_eq!(shop.user.delete(&addresses).await.json(), json!({"removed": 1}));
    assert_eq!(seen(shop.status_from("192.0.2.9").await), (json!("active"), json!(true), json!(1), json!(1)));
    shop.license(json!({"max_ips": 0})).await;
    assert_eq!(
        seen(shop.status_from("192.0.2.10").await),
        (json!("active"), json!(true), json!(2), json!(null)),
        "0 is no limit"
    );

    shop.settings(json!({"ip_enforcement": "allowlist"})).await;
    assert_eq!(seen(shop.status_from("203.0.113.5").await).0, "ip_not_registered");
    let registered = shop.user.post(&addresses, r#"{"address":"203.0.113.0/24"}"#).await;
    assert_eq!(
        (registered.status.as_u16(), registered.json()["address"].clone()),
        (200, json!("203.0.113.0/24"))
    );
    assert_eq!(seen(shop.status_from("203.0.113.5").await).0, "active");
    assert_eq!(shop.user.delete(&format!("{addresses}/203.0.113.0%2F24")).await.status, 204);
    assert_eq!(seen(shop.status_from("203.0.113.5").await).0, "ip_not_registered");

    shop.settings(json!({"ip_enforcement": "monitor"})).await;
    shop.license(json!({"max_ips": 1})).await;
    assert_eq!(
        seen(shop.status_from("203.0.113.7").await),
        (json!("active"), json!(true), json!(3), json!(1))
    );
    shop.settings(json!({"ip_enforcement": "off"})).await;
    assert_eq!(
        seen(shop.status_from("203.0.113.8").await),
        (json!("active"), json!(null), json!(null), json!(null))
    );
    assert_eq!(shop.user.get(&addresses).await.json()["items"].as_array().unwrap().len(), 3);
}

#[database_test]
async fn an_address_unseen_for_its_time_frees_its_place(store: Store) {
    let shop = Shop::open(store, r#"{"name":"P","settings":{"ip_enforcement":"enforce","default_max_ips":1,"ip_ttl_hours":2,"ipv6_by_64":true}}"#).await;
    let status = |address: &'static str| async { shop.status_from(address).await["status"].clone() };
    assert_eq!(status("2001:db8::1").await, "active");
    assert_eq!(status("2001:db8::2").await, "active", "the same /64");
    assert_eq!(status("2001:db8:0:1::1").await, "ip_limit_reached");
    shop.clock.advance(3_600);
    assert_eq!(status("2001:db8::1").await, "active");
    shop.clock.advance(7_199);
    assert_eq!(status("192.0.2.1").await, "ip_limit_reached", "seen within two hours");
    shop.clock.advance(1);
    assert_eq!(status("192.0.2.1").await, "active");
    assert_eq!(status("2001:db8::1").await, "ip_limit_reached");
    let items = shop.user.get(&format!("/api/v1/licenses/{}/addresses", shop.license)).await.json();
    assert_eq!(items["items"].as_array().unwrap().len(), 1);
}

#[database_test]
async fn of_two_hundred_first_addresses_at_once_three_get_in(store: Store) {
    let shop =
        Shop::open(store, r#"{"name":"P","settings":{"ip_enforcement":"enforce","default_max_ips":3}}"#)
            .await;
    let addresses: Vec<_> = (0..200).map(|n| format!("192.0.2.{n}")).collect();
    let answers = join_all(addresses.iter().map(|address| shop.status_from(address))).await;
    let with = |status: &str| answers.iter().filter(|answer| answer["status"] == status).count();
    assert_eq!((with("active"), with("ip_limit_reached")), (3, 197));
    assert!(answers.iter().all(|answer| answer["ip_count"].as_u64().unwrap() <= 3));
    let items = shop.user.get(&format!("/api/v1/licenses/{}/addresses", shop.license)).await.json();
    assert_eq!(items["items"].as_array().unwrap().len(), 3);
    assert_eq!(shop.used().await, 200);
}

#[database_test]
async fn the_bucket_is_exact(store: Store) {
    let shop = Shop::open(store, PLAIN).await;
    let organization = shop.user.vendor.founded.organization.id;
    let plan = format!("/api/v1/organizations/{organization}/plan");
    let set = shop.user.post(&plan, r#"{"validations_per_day":20}"#).await;
    assert_eq!(set.json()["limits"]["validations_per_day"], 20);
    for _ in 0..8 {
        assert_eq!(shop.status().await, "active");
    }
    // Whatever they come to, requests with a good key count.
    assert_eq!(shop.validate(json!({"license_key": "nonsense"})).await.status, 200);
    assert_eq!(shop.validate(json!({})).await.status, 400);
    let wrong = Ask::new("POST", "/api/v1/validate").token("kw_prod_nonsense").json("{}");
    assert_eq!(shop.user.api.ask(wrong).await.status, 401);
    shop.act("/api/v1/products/{product}/archive").await;
    assert_eq!(shop.status().await, "product_archived");
    shop.act("/api/v1/products/{product}/unarchive").await;
    assert_eq!(shop.used().await, 10);

    let answers = join_all((0..50).map(|_| shop.validate(json!({"license_key": shop.code})))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 10);
    let refused = answers.iter().find(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).unwrap();
    assert_eq!(refused.header("retry-after"), Some("86400"));
    assert_eq!(refused.json()["status"], "rate_limit_exceeded");
    assert_eq!(refused.json()["retry_after"], 86_400);
    assert_eq!(shop.used().await, 20);
    let look_up = Ask::new("GET", format!("/api/v1/license/{}", shop.code)).token(&shop.key);
    assert_eq!(shop.user.api.ask(look_up.clone()).await.status, 429);

    let rotated = shop.act("/api/v1/products/{product}/rotate-key").await.json();
    let ask = |key: &str| {
        Ask::new("POST", "/api/v1/validate").token(key).json(json!({"license_key": shop.code}).to_string())
    };
    assert_eq!(
        shop.user.api.ask(ask(&text(&rotated, "secret"))).await.status,
        429,
        "the bucket is the product's"
    );
    assert_eq!(shop.user.api.ask(ask(&shop.key)).await.status, 401);
    assert_eq!(shop.user.post(&plan, r#"{"validations_per_day":21}"#).await.status, 200);
    assert_eq!(shop.user.api.ask(ask(&text(&rotated, "secret"))).await.status, 200);
    shop.clock.advance(86_399);
    assert_eq!(shop.user.api.ask(ask(&text(&rotated, "secret"))).await.header("retry-after"), Some("1"));
    shop.clock.advance(1);
    assert_eq!(shop.user.api.ask(ask(&text(&rotated, "secret"))).await.status, 200, "a new day");
}

#[database_test]
async fn of_two_rotations_one_key_is_left(store: Store) {
    let shop = Shop::open(store, PLAIN).await;
    let path = "/api/v1/products/{product}/rotate-key";
    let rotated = join_all((0..2).map(|_| shop.act(path))).await;
    let ask = |key: String| {
        let ask = Ask::new("POST", "/api/v1/validate")
            .token(&key)
            .json(json!({"license_key": shop.code}).to_string());
        shop.user.api.ask(ask)
    };
    assert_eq!(ask(shop.key.clone()).await.status, 401);
    let mut live = 0;
    for answer in &rotated {
        live += usize::from(ask(text(&answer.json(), "secret")).await.status == 200);
    }
    assert_eq!(live, 1);

    let path = format!("/api/v1/products/{}/rotate-key", shop.product);
    let before = rotated.iter().map(|answer| text(&answer.json(), "secret")).collect::<Vec<_>>();
    let overlapping = shop.user.post(&path, r#"{"overlap_seconds":60}"#).await.json();
    let mut live = Vec::new();
    for key in before {
        if ask(key.clone()).await.status == 200 {
            live.push(key);
        }
    }
    assert_eq!(live.len(), 1, "the key before lives on");
    assert_eq!(ask(text(&overlapping, "secret")).await.status, 200);
    shop.clock.advance(60);
    assert_eq!(ask(live[0].clone()).await.status, 401);
    assert_eq!(ask(text(&overlapping, "secret")).await.status, 200);
    let refused = shop.user.post(&path, r#"{"overlap_seconds":2592001}"#).await;
    assert_eq!(refused.faults(), [("/overlap_seconds".into(), "out_of_range".into())]);
}

#[database_test]
async fn versions_are_gated(store: Store) {
    let product = json!({"name": "P", "settings": {"version_gating": true},
            "versions": [{"version": "2.1.x", "state": "allowed"}, {"version": "2.1.9", "state": "latest"},
                {"version": "2.0.0", "state": "deprecated"}, {"version": "1.0.0", "state": "blocked"}]});
    let shop = Shop::open(store, &product.to_string()).await;
    let shop = &shop;
    let gate = |version: Value| async move {
        let answer = shop.validate(json!({"license_key": shop.code, "version": version})).await.json();
        (answer["status"].clone(), answer["version"].clone(), answer["version_valid"].clone())
    };
    assert_eq!(gate(json!("v2.1.4")).await, (json!("active"), json!("v2.1.4"), json!(true)));
    assert_eq!(gate(json!("2.0")).await, (json!("active"), json!("2.0"), json!(true)));
    assert_eq!(gate(json!("1.0.0")).await, (json!("version_not_allowed"), json!("1.0.0"), json!(false)));
    assert_eq!(gate(json!("3.0.0")).await.0, "version_not_allowed", "unlisted");
    assert_eq!(gate(json!(null)).await, (json!("active"), json!("2.1.9"), json!(true)));
    shop.license(json!({"version_pin": "<2.1.5"})).await;
    assert_eq!(gate(json!(null)).await, (json!("version_not_allowed"), json!("2.1.9"), json!(false)));
    assert_eq!(gate(json!("2.1.4")).await.0, "active");
    shop.settings(json!({"require_version": true})).await;
    assert_eq!(gate(json!(null)).await, (json!("version_not_allowed"), json!(null), json!(false)));
    for unread in ["x", "2.1.0.4567", ""] {
        assert_eq!(
            gate(json!(unread)).await,
            (json!("version_not_allowed"), json!(unread), json!(false)),
            "no rule allows it"
        );
    }
    let long = shop.validate(json!({"license_key": shop.code, "version": "1".repeat(101)})).await;
    assert_eq!((long.status.as_u16(), long.json()["status"].clone()), (400, json!("invalid_request")));
    shop.settings(json!({"version_gating": false})).await;
    for unjudged in ["3.0.0", "2.1.0.4567", "x", ""] {
        assert_eq!(gate(json!(unjudged)).await, (json!("active"), json!(null), json!(null)), "{unjudged}");
    }
    shop.license(json!({"version_pin": "*"})).await;
}

#[database_test]
async fn a_good_answer_carries_the_custom_response(store: Store) {
    let product = r#"{"name":"P","settings":{"custom_response":true,"custom_response_template":{"b":1.50,"a":{"x":1},"é":"\u00e9<"}}}"#;
    let shop = Shop::open(store, product).await;
    let custom = || async { shop.validate(json!({"license_key": shop.code})).await.json()["custom"].clone() };
    assert_eq!(custom().await, json!({"a": {"x": 1}, "b": 1.5, "é": "é<"}));
    shop.license(json!({"custom_response": {"a": null, "c": [1]}})).await;
    assert_eq!(custom().await, json!({"a": null, "b": 1.5, "c": [1], "é": "é<"}));
    shop.act("/api/v1/licenses/{license}/suspend").await;
    assert_eq!(custom().await, json!(null), "never to one that may not run");
    shop.act("/api/v1/licenses/{license}/resume").await;
    shop.settings(json!({"custom_response": false})).await;
    assert_eq!(custom().await, json!(null));
    let path = format!("/api/v1/products/{}", shop.product);
    let refused = shop.user.patch(&path, r#"{"settings":{"custom_response_template":[1]}}"#).await;
    assert_eq!(refused.faults(), [("/settings/custom_response_template".into(), "wrong_type".into())]);
    let refused = shop
        .user
        .patch(&path, r#"{"settings":{"custom_response_template":{"n":9007199254740993},"ip_ttl_hours":0}}"#)
        .await;
    let expected = [
        ("/settings/custom_response_template/n".into(), "inexact_number".into()),
        ("/settings/ip_ttl_hours".into(), "out_of_range".into()),
    ];
    let mut faults = refused.faults();
    faults.sort();
    assert_eq!(faults, expected);
}

#[database_test]
async fn requests_that_are_none(store: Store) {
    let shop = Shop::open(store, PLAIN).await;
    let post = || Ask::new("POST", "/api/v1/validate");
    let good = json!({"license_key": shop.code}).to_string();
    let cases = [
        (post().json(&good), 401, "invalid_api_key"),
        (post().token(&shop.user.token).json(&good), 401, "invalid_api_key"),
        (post().token(&shop.token).json(&good), 401, "invalid_api_key"),
        (post().token("kw_prod_000000000000000000000000000000000000000").json(&good), 401, "invalid_api_key"),
        (post().token(&shop.key).raw(&good), 415, "invalid_request"),
        (post().token(&shop.key).json(" ".repeat(70_000)), 413, "invalid_request"),
        (post().token(&shop.key).json("x".repeat(300_000)), 413, "invalid_request"),
        (post().token(&shop.key).json("{"), 400, "invalid_request"),
        (Ask::new("GET", "/api/v1/license/nonsense").token(&shop.key), 404, "license_not_found"),
        (Ask::new("GET", "/api/v1/license/x"), 401, "invalid_api_key"),
    ];
    for (ask, status, name) in cases {
        let answer = shop.user.api.ask(ask).await;
        assert_eq!((answer.status.as_u16(), answer.json()["status"].clone()), (status, json!(name)));
        assert_eq!(answer.json()["valid"], false);
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    let other = shop.user.post("/api/v1/products", r#"{"name":"Other"}"#).await.json();
    let ask = post().token(&text(&other, "secret")).json(&good);
    assert_eq!(
        shop.user.api.ask(ask).await.json()["status"],
        "license_not_found",
        "another product's license"
    );
    let ask = Ask::new("GET", format!("/api/v1/license/{}", shop.code)).token(&text(&other, "secret"));
    assert_eq!(shop.user.api.ask(ask).await.status, 404);
    let found = Ask::new("GET", format!("/api/v1/license/{}", shop.code.to_lowercase())).token(&shop.key);
    let found = shop.user.api.ask(found).await.json();
    assert_eq!(
        (found["status"].clone(), found["customer_email"].clone(), found["is_lifetime"].clone()),
        (json!("active"), json!("it@example.com"), json!(true))
    );
}

#[database_test]
async fn counting_by_64_can_be_turned_on_and_off(store: Store) {
    let shop =
        Shop::open(store, r#"{"name":"P","settings":{"ip_enforcement":"enforce","default_max_ips":1}}"#)
            .await;
    let status = |address: &'static str| async { shop.status_from(address).await["status"].clone() };
    assert_eq!(status("2001:db8::1").await, "active");
    shop.settings(json!({"ipv6_by_64": true})).await;
    assert_eq!(status("2001:db8::1").await, "active", "a known one always passes");
    assert_eq!(status("2001:db8::2").await, "active", "of the same /64");
    assert_eq!(status("2001:db8:0:1::").await, "ip_limit_reached");
    let addresses = format!("/api/v1/licenses/{}/addresses", shop.license);
    assert_eq!(shop.user.delete(&addresses).await.json()["removed"], 1);
    assert_eq!(status("2001:db8::3").await, "active");
    shop.settings(json!({"ipv6_by_64": false})).await;
    assert_eq!(status("2001:db8::3").await, "active");
    assert_eq!(status("192.0.2.1").await, "ip_limit_reached");
}

#[database_test]
async fn rotation_and_sale_do_not_wait_for_each_other_in_a_circle(store: Store) {
    let shop = Shop::open(store, PLAIN).await;
    let keys = format!("/api/v1/products/{}/keys", shop.product);
    let rotate = format!("/api/v1/products/{}/rotate-key", shop.product);
    let product = format!("/api/v1/products/{}", shop.product);
    let work = (0..30).map(|n| {
        let (keys, rotate, product, user) = (&keys, &rotate, &product, &shop.user);
        async move {
            match n % 3 {
                0 => user.post(keys, r#"{"email":"a@b.example","name":"A"}"#).await,
                1 => user.post(rotate, "{}").await,
                _ => user.patch(product, &json!({ "name": format!("Name {n}") }).to_string()).await,
            }
        }
    });
    for answer in join_all(work).await {
        assert!(answer.status.is_success(), "{} {}", answer.status, answer.text);
    }
}

#[database_test]
async fn withdrawing_the_terms_before_withdraws_all_of_them(store: Store) {
    let shop = Shop::open(store, PLAIN).await;
    let renew = format!("/api/v1/licenses/{}/renew", shop.license);
    let status = |token: String| {
        let api = &shop.user.api;
        async move { api.ask(Ask::new("GET", "/validate").token(&token)).await.json()["status"].clone() }
    };
    assert_eq!(shop.user.post(&renew, r#"{"expires_at":"2030-01-01T00:00:00Z"}"#).await.status, 200);
    assert_eq!(status(shop.token.clone()).await, "active");
    assert_eq!(shop.user.post(&renew, r#"{"revoke_previous":true}"#).await.status, 200);
    assert_eq!(status(shop.token.clone()).await, "revoked", "also the terms before the last");
    let refused = shop.user.post(&renew, r#"{"payload":{"seats":99}}"#).await;
    assert_eq!(refused.faults(), [("/payload".into(), "not_allowed".into())]);
}

#[database_test]
async fn odd_requests_are_told_what_is_wrong(store: Store) {
    let shop = Shop::open(store, PLAIN).await;
    let ask = |body: String| Ask::new("POST", "/api/v1/validate").token(&shop.key).json(body);
    assert_eq!(shop.user.api.ask(ask(format!("[\"{}\",null,null,null]", shop.code))).await.status, 400);
    let lines = json!({ "license_key": format!(" {}\r\n", shop.code) });
    assert_eq!(shop.user.api.ask(ask(lines.to_string())).await.json()["status"], "active");
    let lines = json!({ "license_key": format!("{}\n", shop.token) });
    assert_eq!(shop.user.api.ask(ask(lines.to_string())).await.json()["status"], "active");
    let wide: String = shop.code.chars().map(|c| char::from_u32(u32::from(c) + 0xfee0).unwrap()).collect();
    for code in [
        shop.code.replace('-', "–"),
        shop.code.replace('-', "\u{2011}"),
        format!("\u{feff}“{}”\u{ad}", shop.code),
        wide,
    ] {
        let body = json!({ "license_key": code }).to_string();
        assert_eq!(shop.user.api.ask(ask(body)).await.json()["status"], "active", "{code:?}");
        let path: String = format!(" {code}\n").bytes().map(|byte| format!("%{byte:02X}")).collect();
        let found = Ask::new("GET", format!("/api/v1/license/{path}")).token(&shop.key);
        assert_eq!(shop.user.api.ask(found).await.status, 200, "{code:?}");
    }
    let pasted = format!("\u{feff}{}\u{200b} ", shop.token.replace('.', ". \u{ad}"));
    for path in ["/validate", "/api/v1/validate"] {
        let answer = shop.user.api.ask(Ask::new("GET", path).token(&pasted)).await;
        assert_eq!((answer.status.as_u16(), answer.json()["status"].clone()), (200, json!("active")));
    }
    let list = Ask::new("GET", "/api/v1/products").token(&format!("\u{feff}{}\u{a0}", shop.user.token));
    assert_eq!(shop.user.api.ask(list).await.status, 200);
    let path = format!("/api/v1/licenses/{}", shop.license);
    let refused = shop.user.patch(&path, r#"{"custom_response":{"a":[1e16]}}"#).await;
    assert_eq!(refused.faults(), [("/custom_response/a/0".into(), "inexact_number".into())]);
    assert_eq!(shop.user.get("/api/v1/products?q=%00x").await.problem().0, 400);
    let empty = shop.user.post("/api/v1/products", r#"{"name":""}"#).await;
    assert_eq!(empty.faults(), [("/name".into(), "required".into())]);
}

#[database_test]
async fn an_address_leaves_the_rest_of_the_bucket_to_others(store: Store) {
    let shop = Shop::open(store, PLAIN).await;
    let organization = shop.user.vendor.founded.organization.id;
    let plan = format!("/api/v1/organizations/{organization}/plan");
    shop.user.post(&plan, r#"{"validations_per_day":1500}"#).await;
    let product = format!("/api/v1/products/{}", shop.product);
    let settings = shop.user.get(&product).await.json()["settings"].clone();
    assert_eq!(settings["address_share_percent"], 50);
    assert_eq!(settings["license_share_percent"], 50);
    assert_eq!(settings["unknown_key_share_percent"], 10);
    for bad in ["0", "101", "1.5", "\"all\""] {
        let change = format!(r#"{{"settings":{{"address_share_percent":{bad}}}}}"#);
        let refused = shop.user.patch(&product, &change).await;
        assert_eq!(refused.status, 422, "{bad}");
        assert_eq!(refused.faults()[0].0, "/settings/address_share_percent");
    }
    shop.settings(json!({"license_share_percent": 100})).await;

    let ask = |address: &'static str| shop.validate_from(address, json!({"license_key": shop.code}));
    let answers = join_all((0..1_020).map(|_| ask("192.0.2.1"))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1_000);
    let refused = answers.iter().find(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).unwrap();
    assert_eq!(refused.header("retry-after"), Some("86400"));
    assert_eq!(refused.header("ratelimit-policy"), Some(r#""address";q=1000;w=86400"#));
    assert_eq!(refused.header("ratelimit"), Some(r#""address";r=0;t=86400"#));
    assert_eq!(refused.json()["status"], "rate_limit_exceeded");
    assert_eq!(ask("192.0.2.2").await.status, 200);
    shop.user.vendor.engine.tell_buckets().await.unwrap();

    let bucket = shop.user.get(&format!("{product}/bucket")).await.json();
    assert_eq!((&bucket["used"], &bucket["limit"]), (&json!(1_001), &json!(1_500)));
    assert_eq!(bucket["shares"], json!({"address": 1_000, "license": null, "unknown_key": 150}));
    assert_eq!(bucket["addresses"][0]["address"], "192.0.2.1");
    assert_eq!(bucket["addresses"][0]["used"], 1_000);
    assert!(bucket["addresses"][0]["refused"].as_u64().unwrap() > 0);
    assert_eq!(bucket["licenses"][0]["license_id"], shop.license);
    assert_eq!(bucket["unknown_keys"], json!({"used": 0, "refused": 0}));
    assert_eq!(bucket["alerts"][0]["kind"], "share_used_up");
    let told = shop.user.get(&format!("/api/v1/bucket-alerts?product_id={}", shop.product)).await.json();
    assert_eq!(told["items"], bucket["alerts"]);
    assert_eq!(told["items"][0]["address"], "192.0.2.1");

    shop.user.post(&plan, r#"{"validations_per_day":1001}"#).await;
    let full = ask("192.0.2.3").await;
    assert_eq!(full.header("ratelimit-policy"), Some(r#""bucket";q=1001;w=86400"#));
}
