//! Every operation of the OpenAPI document that changes something leaves an event, and a repeated update none.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use keyward_domain::{CustomerUserRef, OrganizationId, PageRequest, Role};
use keyward_engine::NewToken;
use keyward_engine::jobs::ItemRun;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{engine, give_second_factor, give_up};
use serde_json::json;

use crate::client::{Ask, User};

/// Operations that change nothing of the business, each with the reason.
const WITHOUT: [(&str, &str); 4] = [
    (
        "POST /api/v1/validate",
        "is counted, and the addresses it is asked from are an effect of the license's rules",
    ),
    ("POST /api/v1/artifact-entitlements/preview", "tells what would be"),
    ("POST /api/v1/registries/{id}/sweep", "has the server look at an upstream sooner"),
    ("POST /api/v1/webhooks/{id}/test", "sends a message that tells of nothing"),
];

/// Operations that may be repeated besides updates: what is so already stays so.
const REPEATABLE: &[&str] = &[
    "POST /api/v1/alerts/{id}/acknowledge",
    "POST /api/v1/audit-sinks/{id}/pause",
    "POST /api/v1/audit-sinks/{id}/resume",
    "POST /api/v1/artifacts",
    "POST /api/v1/licenses/{id}/addresses",
    "POST /api/v1/tokens/{id}/take-over",
    "POST /api/v1/webhooks/{id}/pause",
    "POST /api/v1/webhooks/{id}/resume",
    "DELETE /api/v1/registries/{id}/notifications",
    "DELETE /api/v1/registry-keys/{id}",
    "DELETE /api/v1/tokens/{id}",
];

/// Operations in an order in which each goes well: of which thing, with which body, and what that which is made is called
/// from then on. `$name` is the id of a thing.
const STEPS: &[(&str, &str, &str, &str)] = &[
    ("PATCH /api/v1/organizations/{id}", "organization", r#"{"name":"Acme & Sons"}"#, ""),
    ("PATCH /api/v1/organizations/{id}/notices", "organization", r#"{"customers":true,"days":[9]}"#, ""),
    (
        "PUT /api/v1/organizations/{id}/sign-in-provider",
        "organization",
        r#"{"issuer":"$provider","client_id":"c","client_secret":"s"}"#,
        "",
    ),
    ("DELETE /api/v1/organizations/{id}/sign-in-provider", "organization", "", ""),
    ("PUT /api/v1/organizations/{id}/deletion", "organization", r#"{"slug":"acme"}"#, ""),
    ("DELETE /api/v1/organizations/{id}/deletion", "organization", "", ""),
    ("POST /api/v1/organizations", "", r#"{"name":"New","owner_email":"o@new.example"}"#, "new organization"),
    ("POST /api/v1/members", "", r#"{"name":"M","email":"m@a.example","role":"viewer"}"#, "member"),
    ("PATCH /api/v1/members/{id}", "member", r#"{"role":"member"}"#, ""),
    ("POST /api/v1/members/{id}/invite", "member", "", ""),
    ("DELETE /api/v1/members/{id}", "member", "", ""),
    ("POST /api/v1/tokens/{id}/take-over", "token of a member", "", ""),
    ("POST /api/v1/members/{id}/erase", "other member", "", ""),
    ("POST /api/v1/tokens", "", r#"{"name":"T"}"#, "token"),
    ("DELETE /api/v1/tokens/{id}", "token", "", ""),
    ("POST /api/v1/customers", "", r#"{"name":"C","email":"c@a.example"}"#, "customer"),
    ("PATCH /api/v1/customers/{id}", "customer", r#"{"name":"Carla","notes":"n"}"#, ""),
    ("POST /api/v1/products", "", r#"{"name":"P"}"#, "product"),
    ("PATCH /api/v1/products/{id}", "product", r#"{"description":"d"}"#, ""),
    ("POST /api/v1/products/{id}/rotate-key", "product", "{}", ""),
    ("POST /api/v1/products/{id}/disable", "product", "", ""),
    ("POST /api/v1/products/{id}/enable", "product", "", ""),
    ("POST /api/v1/products/{id}/keys", "product", r#"{"customer_id":"$customer"}"#, ""),
    ("POST /api/v1/products/{id}/archive", "product", "", ""),
    ("POST /api/v1/products/{id}/unarchive", "product", "", ""),
    ("POST /api/v1/licenses", "", r#"{"name":"L","customer_id":"$customer"}"#, "license"),
    ("PATCH /api/v1/licenses/{id}", "license", r#"{"description":"d"}"#, ""),
    ("POST /api/v1/licenses/{id}/renew", "license", "{}", ""),
    ("POST /api/v1/licenses/{id}/suspend", "license", "", ""),
    ("POST /api/v1/licenses/{id}/resume", "license", "", ""),
    ("POST /api/v1/licenses/{id}/addresses", "license", r#"{"address":"192.0.2.1"}"#, ""),
    ("DELETE /api/v1/licenses/{id}/addresses/{address}", "license", "", ""),
    ("DELETE /api/v1/licenses/{id}/addresses", "license", "", ""),
    ("POST /api/v1/onboarding-links", "", r#"{"license_id":"$license"}"#, "link"),
    ("DELETE /api/v1/onboarding-links/{id}", "link", "", ""),
    ("POST /api/v1/licenses/{id}/mail-onboarding-link", "license", "", ""),
    ("POST /api/v1/licenses/{id}/revoke", "license", "", ""),
    ("DELETE /api/v1/licenses/{id}", "license", "", ""),
    ("POST /api/v1/applications", "", r#"{"name":"A","kind":"compose"}"#, "application"),
    ("PATCH /api/v1/applications/{id}", "application", r#"{"description":"d"}"#, ""),
    (
        "POST /api/v1/application-entitlements",
        "",
        r#"{"customer_id":"$customer","application_id":"$application","all_versions":true}"#,
        "entitlement",
    ),
    ("PATCH /api/v1/application-entitlements/{id}", "entitlement", r#"{"note":"n"}"#, ""),
    ("DELETE /api/v1/application-entitlements/{id}", "entitlement", "", ""),
    ("POST /api/v1/applications/{id}/versions", "application", r#"{"name":"1","compose":"a: 1"}"#, ""),
    ("PATCH /api/v1/applications/{id}/versions/{version}", "application", r#"{"notes":"n"}"#, ""),
    ("POST /api/v1/applications/{id}/versions/{version}/archive", "application", "", ""),
    ("POST /api/v1/applications/{id}/versions/{version}/unarchive", "application", "", ""),
    ("DELETE /api/v1/applications/{id}", "application", "", ""),
    ("POST /api/v1/signing-keys", "", r#"{}"#, "signing key"),
    ("POST /api/v1/signing-keys/{id}/activate", "signing key", "", ""),
    ("POST /api/v1/signing-keys", "", r#"{"activate":true}"#, ""),
    ("POST /api/v1/signing-keys/{id}/revoke", "signing key", "", ""),
    ("POST /api/v1/webhooks", "", r#"{"url":"http://127.0.0.1:9/","events":["*"]}"#, "webhook"),
    ("PATCH /api/v1/webhooks/{id}", "webhook", r#"{"description":"d"}"#, ""),
    ("POST /api/v1/webhooks/{id}/pause", "webhook", "", ""),
    ("POST /api/v1/webhooks/{id}/resume", "webhook", "", ""),
    ("POST /api/v1/webhooks/{id}/rotate-secret", "webhook", "{}", ""),
    ("POST /api/v1/webhooks/{id}/test", "webhook", "", ""),
    ("POST /api/v1/webhooks/{id}/replay", "webhook", "{}", ""),
    ("POST /api/v1/webhooks/{id}/deliveries/{delivery_id}/retry", "webhook", "", ""),
    ("DELETE /api/v1/webhooks/{id}", "webhook", "", ""),
    (
        "POST /api/v1/audit-sinks",
        "",
        r#"{"name":"SIEM","address":"https://siem.example/v1/logs","headers":["A: b"]}"#,
        "audit sink",
    ),
    ("PATCH /api/v1/audit-sinks/{id}", "audit sink", r#"{"name":"Other"}"#, ""),
    ("POST /api/v1/audit-sinks/{id}/pause", "audit sink", "", ""),
    ("POST /api/v1/audit-sinks/{id}/resume", "audit sink", "", ""),
    ("DELETE /api/v1/audit-sinks/{id}", "audit sink", "", ""),
    ("POST /api/v1/registries", "", r#"{"name":"R","upstream":"http://127.0.0.1:5000"}"#, "registry"),
    ("PATCH /api/v1/registries/{id}", "registry", r#"{"name":"Main"}"#, ""),
    ("POST /api/v1/registries/{id}/notifications", "registry", "", ""),
    ("DELETE /api/v1/registries/{id}/notifications", "registry", "", ""),
    ("POST /api/v1/registries/{id}/sweep", "registry", "", ""),
    ("POST /api/v1/registry-keys", "", r#"{"name":"K","registry_id":"$registry"}"#, "registry key"),
    (
        "PATCH /api/v1/registry-keys/{id}",
        "registry key",
        r#"{"rotation":{"every_days":30,"overlap_days":7}}"#,
        "",
    ),
    ("POST /api/v1/registry-keys/{id}/rotate", "registry key", "{}", ""),
    ("POST /api/v1/registry-keys/{id}/reveal", "due registry key", "", ""),
    ("DELETE /api/v1/registry-keys/{id}", "registry key", "", ""),
    ("POST /api/v1/alerts/{id}/acknowledge", "alert", "", ""),
    ("POST /api/v1/artifacts", "", r#"{"registry_id":"$registry","repository":"acme/one"}"#, "artifact"),
    (
        "POST /api/v1/artifact-entitlements/preview",
        "",
        r#"{"customer_id":"$customer","grants":[{"artifact_id":"$artifact","mode":"all"}]}"#,
        "",
    ),
    (
        "POST /api/v1/artifact-entitlements",
        "",
        r#"{"customer_id":"$customer","close":true,"grants":[{"artifact_id":"$artifact","mode":"all"}]}"#,
        "artifact entitlement",
    ),
    ("PATCH /api/v1/artifact-entitlements/{id}", "artifact entitlement", r#"{"description":"d"}"#, ""),
    ("DELETE /api/v1/artifact-entitlements/{id}", "artifact entitlement", "", ""),
    ("PUT /api/v1/artifact-policy", "", r#"{"policy":"open_until_first"}"#, ""),
    ("DELETE /api/v1/registries/{id}", "registry", "", ""),
    (
        "POST /api/v1/customers/{id}/users",
        "customer",
        r#"{"name":"U","email":"u@a.example","role":"viewer"}"#,
        "user",
    ),
    ("PATCH /api/v1/customers/{id}/users/{user_id}", "customer", r#"{"role":"admin"}"#, ""),
    ("POST /api/v1/customers/{id}/users/{user_id}/invite", "customer", "", ""),
    ("POST /api/v1/customers/{id}/users/{user_id}/reset-second-factor", "customer", "", ""),
    ("DELETE /api/v1/customers/{id}/users/{user_id}", "customer", "", ""),
    ("POST /api/v1/customers/{id}/users/{user_id}/erase", "customer", "", ""),
    ("DELETE /api/v1/customers/{id}", "customer", "", ""),
    ("POST /api/v1/customers", "", r#"{"name":"E","email":"e@a.example"}"#, "erased customer"),
    ("POST /api/v1/customers/{id}/erase", "erased customer", "", ""),
    ("POST /api/v1/organizations/{id}/plan", "organization", r#"{"plan":"free"}"#, ""),
    ("POST /api/v1/organizations/{id}/start-trial", "organization", "", ""),
    ("POST /api/v1/organizations/{id}/suspend", "organization", "", ""),
    ("POST /api/v1/organizations/{id}/resume", "organization", "", ""),
];

/// All operations of the document that could change something.
fn mutating() -> BTreeSet<String> {
    let document = keyward_api::openapi();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, verbs)| {
        verbs.as_object().unwrap().keys().map(move |verb| format!("{} {path}", verb.to_uppercase()))
    });
    // What the customer's people order is looked for in `own_deployments.rs`.
    let others =
        |operation: &String| operation.starts_with("GET ") || operation.contains(" /api/v1/customer/");
    operations.filter(|operation| !others(operation)).collect()
}

#[test]
fn every_operation_that_could_change_something_is_driven() {
    let driven = STEPS.iter().map(|(operation, ..)| *operation);
    let driven: BTreeSet<_> =
        driven.chain(WITHOUT.map(|(operation, _)| operation)).map(str::to_owned).collect();
    assert_eq!(mutating(), driven);
}

/// The ids of the latest events of an organization, the latest first.
async fn events(store: &Store, organization: OrganizationId) -> Vec<String> {
    let tx = store.read().await.unwrap();
    let scope = tx.organization_of(organization).await.unwrap().unwrap().scope();
    let page = tx.audit(scope).list(&Default::default(), PageRequest::default()).await.unwrap();
    page.newest().iter().map(|event| event.id.to_string()).collect()
}

/// How many of these events are new since then.
fn new(before: &[String], now: &[String]) -> usize {
    now.iter().take_while(|id| before.first() != Some(id)).count()
}

/// A provider that describes itself, and does nothing else.
fn provider() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let described = json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/a"), "token_endpoint": format!("{issuer}/t"),
        "jwks_uri": format!("{issuer}/k"), "response_types_supported": ["code"],
    });
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let head = BufReader::new(&stream).lines().map_while(Result::ok);
            head.take_while(|line| !line.is_empty()).for_each(drop);
            let (length, body) = (described.to_string().len(), &described);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
    });
    issuer
}

#[database_test]
async fn what_changes_something_is_recorded_and_what_changes_nothing_is_not(store: Store) {
    let (engine, clock) = engine(store.clone());
    let user = User::new(&engine, "Acme").await;
    let organization = user.vendor.founded.organization.id;
    let mut ids = BTreeMap::from([
        ("organization", organization.to_string()),
        ("provider", provider()),
        (
            "other member",
            user.create("/api/v1/members", r#"{"name":"O","email":"o@a.example","role":"admin"}"#).await,
        ),
    ]);
    let member = engine.member(&user.vendor.access(), ids["other member"].parse().unwrap()).await.unwrap();
    assert_eq!(member.role, Role::Admin);
    let token = NewToken { name: "T".parse().unwrap(), scopes: None, expires_at: None };
    let token = engine.create_token(&member.identity().access().unwrap(), token, None).await.unwrap();
    ids.insert("token of a member", token.token.id.to_string());

    for &(operation, of, body, made) in STEPS {
        match of {
            "due registry key" => {
                let body = format!(
                    r#"{{"name":"due","registry_id":"{}","rotation":{{"every_days":30,"overlap_days":7}}}}"#,
                    ids["registry"]
                );
                ids.insert(of, user.create("/api/v1/registry-keys", &body).await);
                clock.advance(30 * 24 * 60 * 60);
                while !matches!(engine.run_due_rotations().await.unwrap(), ItemRun::Nothing) {}
            }
            "alert" => {
                let body = format!(r#"{{"name":"odd","registry_id":"{}"}}"#, ids["registry"]);
                let key = user.create("/api/v1/registry-keys", &body).await;
                let alert = crate::alerts::raise(&engine, &user.vendor, &ids["registry"], &key).await;
                ids.insert(of, alert);
            }
            "webhook" if operation.ends_with("/replay") || operation.ends_with("/retry") => {
                ids.insert(
                    "delivery",
                    give_up(&store, organization, ids["webhook"].parse().unwrap()).await.to_string(),
                );
            }
            "customer" if operation.ends_with("/reset-second-factor") => {
                let of = CustomerUserRef {
                    customer: ids["customer"].parse().unwrap(),
                    user: ids["user"].parse().unwrap(),
                };
                give_second_factor(&store, organization, of).await;
            }
            "customer" if operation.ends_with("/users/{user_id}/erase") => {
                let again = r#"{"name":"U","email":"u@a.example","role":"viewer"}"#;
                let path = format!("/api/v1/customers/{}/users", ids["customer"]);
                ids.insert("user", user.create(&path, again).await);
            }
            _ => {}
        }
        let (verb, path) = operation.split_once(' ').unwrap();
        let id = ids.get(of).map(String::as_str).unwrap_or_default();
        let path = path.replace("{id}", id).replace("{address}", "192.0.2.1").replace("{version}", "1");
        let path = path.replace("{user_id}", ids.get("user").map(String::as_str).unwrap_or_default());
        let path = path.replace("{delivery_id}", ids.get("delivery").map(String::as_str).unwrap_or_default());
        let body = ids.iter().fold(body.to_owned(), |body, (name, id)| body.replace(&format!("${name}"), id));
        let ask = |body: &str| user.api.ask(Ask::new(verb, &path).token(&user.token).json(body));

        let before = events(&store, organization).await;
        let done = ask(&body).await;
        assert!(done.status.is_success(), "{operation}: {} {}", done.status, done.text);
        let mut recorded = new(&before, &events(&store, organization).await);
        if !made.is_empty() {
            let json = done.json();
            let id = [&json["id"], &json["kid"], &json["organization"]["id"]]
                .into_iter()
                .find(|id| id.is_string());
            let id = id.and_then(|id| id.as_str()).unwrap_or_else(|| panic!("{operation}: {}", done.text));
            ids.insert(made, id.to_owned());
        }
        if made == "new organization" {
            // Its first event stands in its own log.
            recorded += events(&store, ids[made].parse().unwrap()).await.len();
        }
        let without = WITHOUT.iter().any(|(other, _)| *other == operation);
        assert_eq!(recorded == 0, without, "{operation} has left {recorded} events");

        if matches!(verb, "PATCH" | "PUT") || REPEATABLE.contains(&operation) {
            let before = events(&store, organization).await;
            // A secret given again is another one, for all we know.
            let again = ask(&body.replace(r#","client_secret":"s""#, "")).await;
            assert!(again.status.is_success(), "{operation}: {} {}", again.status, again.text);
            let recorded = new(&before, &events(&store, organization).await);
            assert_eq!(recorded, 0, "{operation}, done again, has left events");
        }
    }
}
