//! For every operation of the OpenAPI document: without a token 401, and with another tenant's id 404. An
//! operation that is not in the table fails the test.

use std::collections::BTreeSet;

use keyward_domain::deployment::Mode;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::deployment;
use keyward_testkit::engine::engine;
use serde_json::Value;

use crate::client::{Ask, User};

/// Operations without a thing's id in their address: they act in the caller's own organization.
const OWN: &[&str] = &[
    "GET /api/v1/organizations",
    "POST /api/v1/organizations",
    "GET /api/v1/members",
    "POST /api/v1/members",
    "GET /api/v1/tokens",
    "POST /api/v1/tokens",
    "GET /api/v1/customers",
    "POST /api/v1/customers",
    "GET /api/v1/products",
    "POST /api/v1/products",
    "GET /api/v1/licenses",
    "POST /api/v1/licenses",
    "GET /api/v1/applications",
    "POST /api/v1/applications",
    "GET /api/v1/application-entitlements",
    "POST /api/v1/application-entitlements",
    "GET /api/v1/onboarding-links",
    "POST /api/v1/onboarding-links",
    "GET /api/v1/signing-keys",
    "POST /api/v1/signing-keys",
    "GET /api/v1/audit-events",
    "GET /api/v1/audit-events/export",
    "GET /api/v1/usage",
    "GET /api/v1/version",
    "GET /api/v1/system",
    "GET /api/v1/registries",
    "POST /api/v1/registries",
    "GET /api/v1/registry-events",
    "GET /api/v1/alerts",
    "GET /api/v1/bucket-alerts",
    "GET /api/v1/registry-keys",
    "POST /api/v1/registry-keys",
    "GET /api/v1/artifacts",
    "POST /api/v1/artifacts",
    "GET /api/v1/artifact-entitlements",
    "POST /api/v1/artifact-entitlements",
    "POST /api/v1/artifact-entitlements/preview",
    "GET /api/v1/artifact-policy",
    "PUT /api/v1/artifact-policy",
    "GET /api/v1/webhooks",
    "POST /api/v1/webhooks",
    "GET /api/v1/audit-sinks",
    "POST /api/v1/audit-sinks",
    "GET /api/v1/deployment-targets",
    "GET /api/v1/deployments",
];

/// Operations on one thing, with a body that is good.
const ONE: &[(&str, &str)] = &[
    ("GET /api/v1/organizations/{id}", ""),
    ("PATCH /api/v1/organizations/{id}", r#"{"name":"Mine"}"#),
    ("POST /api/v1/organizations/{id}/start-trial", ""),
    ("GET /api/v1/organizations/{id}/notices", ""),
    ("PATCH /api/v1/organizations/{id}/notices", r#"{"customers":true}"#),
    ("GET /api/v1/organizations/{id}/sign-in-provider", ""),
    (
        "PUT /api/v1/organizations/{id}/sign-in-provider",
        r#"{"issuer":"https://id.example","client_id":"c","client_secret":"s"}"#,
    ),
    ("DELETE /api/v1/organizations/{id}/sign-in-provider", ""),
    ("GET /api/v1/organizations/{id}/export", ""),
    ("GET /api/v1/organizations/{id}/deletion", ""),
    ("PUT /api/v1/organizations/{id}/deletion", r#"{"slug":"acme"}"#),
    ("DELETE /api/v1/organizations/{id}/deletion", ""),
    ("POST /api/v1/customers/{id}/erase", ""),
    ("GET /api/v1/customers/{id}/users", ""),
    ("POST /api/v1/customers/{id}/users", r#"{"name":"U","email":"u@c.example","role":"viewer"}"#),
    ("GET /api/v1/customers/{id}/users/{user_id}", ""),
    ("PATCH /api/v1/customers/{id}/users/{user_id}", r#"{"role":"viewer"}"#),
    ("DELETE /api/v1/customers/{id}/users/{user_id}", ""),
    ("POST /api/v1/customers/{id}/users/{user_id}/invite", ""),
    ("POST /api/v1/customers/{id}/users/{user_id}/reset-second-factor", ""),
    ("POST /api/v1/customers/{id}/users/{user_id}/erase", ""),
    ("POST /api/v1/members/{id}/erase", ""),
    ("GET /api/v1/members/{id}", ""),
    ("PATCH /api/v1/members/{id}", r#"{"role":"viewer"}"#),
    ("DELETE /api/v1/members/{id}", ""),
    ("POST /api/v1/members/{id}/invite", ""),
    ("DELETE /api/v1/onboarding-links/{id}", ""),
    ("GET /api/v1/tokens/{id}", ""),
    ("DELETE /api/v1/tokens/{id}", ""),
    ("POST /api/v1/tokens/{id}/take-over", ""),
    ("GET /api/v1/customers/{id}", ""),
    ("GET /api/v1/customers/{id}/artifacts", ""),
    ("PATCH /api/v1/customers/{id}", r#"{"name":"Mine"}"#),
    ("DELETE /api/v1/customers/{id}", ""),
    ("GET /api/v1/products/{id}", ""),
    ("PATCH /api/v1/products/{id}", r#"{"name":"Mine"}"#),
    ("GET /api/v1/products/{id}/page", ""),
    ("GET /api/v1/products/{id}/usage", ""),
    ("GET /api/v1/products/{id}/bucket", ""),
    ("GET /api/v1/products/{id}/versions-in-use", ""),
    ("GET /api/v1/products/{id}/versions-in-use/licenses", ""),
    ("GET /api/v1/licenses/{id}/usage", ""),
    ("GET /api/v1/customers/{id}/usage", ""),
    ("POST /api/v1/products/{id}/rotate-key", "{}"),
    ("POST /api/v1/products/{id}/archive", ""),
    ("POST /api/v1/products/{id}/unarchive", ""),
    ("POST /api/v1/products/{id}/disable", ""),
    ("POST /api/v1/products/{id}/enable", ""),
    ("POST /api/v1/products/{id}/keys", r#"{"email":"a@b.example","name":"B"}"#),
    ("GET /api/v1/licenses/{id}", ""),
    ("PATCH /api/v1/licenses/{id}", r#"{"name":"Mine"}"#),
    ("DELETE /api/v1/licenses/{id}", ""),
    ("POST /api/v1/licenses/{id}/renew", "{}"),
    ("POST /api/v1/licenses/{id}/suspend", ""),
    ("POST /api/v1/licenses/{id}/resume", ""),
    ("POST /api/v1/licenses/{id}/revoke", ""),
    ("GET /api/v1/licenses/{id}/token", ""),
    ("GET /api/v1/licenses/{id}/revisions", ""),
    ("GET /api/v1/licenses/{id}/revisions/{number}/token", ""),
    ("POST /api/v1/licenses/{id}/mail-onboarding-link", ""),
    ("GET /api/v1/licenses/{id}/addresses", ""),
    ("POST /api/v1/licenses/{id}/addresses", r#"{"address":"192.0.2.1"}"#),
    ("DELETE /api/v1/licenses/{id}/addresses", ""),
    ("DELETE /api/v1/licenses/{id}/addresses/{address}", ""),
    ("GET /api/v1/applications/{id}", ""),
    ("PATCH /api/v1/applications/{id}", r#"{"name":"Mine"}"#),
    ("DELETE /api/v1/applications/{id}", ""),
    ("GET /api/v1/applications/{id}/versions", ""),
    ("POST /api/v1/applications/{id}/versions", r#"{"name":"1","compose":"a: 1"}"#),
    ("GET /api/v1/applications/{id}/versions/{version}", ""),
    ("PATCH /api/v1/applications/{id}/versions/{version}", r#"{"notes":"Mine"}"#),
    ("POST /api/v1/applications/{id}/versions/{version}/archive", ""),
    ("POST /api/v1/applications/{id}/versions/{version}/unarchive", ""),
    ("GET /api/v1/application-entitlements/{id}", ""),
    ("GET /api/v1/application-entitlements/{id}/missing-images", ""),
    ("PATCH /api/v1/application-entitlements/{id}", r#"{"note":"Mine"}"#),
    ("DELETE /api/v1/application-entitlements/{id}", ""),
    ("GET /api/v1/signing-keys/{id}", ""),
    ("GET /api/v1/signing-keys/{id}/public-key.pem", ""),
    ("POST /api/v1/signing-keys/{id}/activate", ""),
    ("POST /api/v1/signing-keys/{id}/revoke", ""),
    ("GET /api/v1/registries/{id}", ""),
    ("PATCH /api/v1/registries/{id}", r#"{"name":"Mine"}"#),
    ("DELETE /api/v1/registries/{id}", ""),
    ("GET /api/v1/registries/{id}/certificate", ""),
    ("POST /api/v1/registries/{id}/sweep", ""),
    ("GET /api/v1/registries/{id}/notifications", ""),
    ("POST /api/v1/registries/{id}/notifications", ""),
    ("DELETE /api/v1/registries/{id}/notifications", ""),
    ("GET /api/v1/registry-keys/{id}", ""),
    ("DELETE /api/v1/registry-keys/{id}", ""),
    ("PATCH /api/v1/registry-keys/{id}", r#"{"rotation":{"every_days":90,"overlap_days":7}}"#),
    ("POST /api/v1/registry-keys/{id}/rotate", "{}"),
    ("POST /api/v1/registry-keys/{id}/reveal", ""),
    ("GET /api/v1/alerts/{id}", ""),
    ("POST /api/v1/alerts/{id}/acknowledge", ""),
    ("GET /api/v1/artifacts/{id}", ""),
    ("GET /api/v1/artifacts/{id}/tags", ""),
    ("GET /api/v1/artifacts/{id}/tags/{tag}/history", ""),
    ("GET /api/v1/artifact-entitlements/{id}", ""),
    ("PATCH /api/v1/artifact-entitlements/{id}", r#"{"description":"Mine"}"#),
    ("DELETE /api/v1/artifact-entitlements/{id}", ""),
    ("GET /api/v1/audit-sinks/{id}", ""),
    ("PATCH /api/v1/audit-sinks/{id}", r#"{"name":"Mine"}"#),
    ("POST /api/v1/audit-sinks/{id}/pause", ""),
    ("POST /api/v1/audit-sinks/{id}/resume", ""),
    ("DELETE /api/v1/audit-sinks/{id}", ""),
    ("GET /api/v1/deployment-targets/{id}", ""),
    ("GET /api/v1/deployments/{id}", ""),
    ("GET /api/v1/deployments/{id}/revisions", ""),
    ("GET /api/v1/deployments/{id}/transitions", ""),
    ("GET /api/v1/webhooks/{id}", ""),
    ("PATCH /api/v1/webhooks/{id}", r#"{"description":"Mine"}"#),
    ("POST /api/v1/webhooks/{id}/pause", ""),
    ("POST /api/v1/webhooks/{id}/resume", ""),
    ("POST /api/v1/webhooks/{id}/rotate-secret", "{}"),
    ("POST /api/v1/webhooks/{id}/test", ""),
    ("POST /api/v1/webhooks/{id}/replay", "{}"),
    ("GET /api/v1/webhooks/{id}/deliveries", ""),
    ("GET /api/v1/webhooks/{id}/deliveries/{delivery_id}", ""),
    ("POST /api/v1/webhooks/{id}/deliveries/{delivery_id}/retry", ""),
    ("DELETE /api/v1/webhooks/{id}", ""),
];

/// Operations of the server's operator, on any organization.
const OPERATOR: [(&str, &str); 3] = [
    ("POST /api/v1/organizations/{id}/plan", r#"{"plan":"free"}"#),
    ("POST /api/v1/organizations/{id}/suspend", ""),
    ("POST /api/v1/organizations/{id}/resume", ""),
];

/// What needs no management token: published documents, the API of the customer's application, and that of the customer's people, which
/// `own_deployments.rs` is about.
const OTHERS: [&str; 6] = [
    " /o/",
    "POST /api/v1/validate",
    "GET /api/v1/validate",
    "GET /validate",
    "GET /api/v1/license/",
    " /api/v1/customer/",
];

fn operations() -> BTreeSet<String> {
    let document = keyward_api::openapi();
    let paths = document["paths"].as_object().unwrap().clone();
    let verbs = |(path, verbs): (String, Value)| {
        let verbs: Vec<String> = verbs.as_object().unwrap().keys().map(|verb| verb.to_uppercase()).collect();
        verbs.into_iter().map(move |verb| format!("{verb} {path}"))
    };
    paths
        .into_iter()
        .flat_map(verbs)
        .filter(|operation| !OTHERS.iter().any(|other| operation.contains(other)))
        .collect()
}

#[test]
fn every_operation_is_in_the_table() {
    let one = ONE.iter().chain(&OPERATOR).map(|(operation, _)| *operation);
    let table: BTreeSet<_> = OWN.iter().copied().chain(one).map(str::to_owned).collect();
    assert_eq!(operations(), table);
}

#[database_test]
async fn nobody_without_a_token(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    for operation in operations() {
        let (verb, path) = operation.split_once(' ').unwrap();
        let path = path
            .replace("{number}", "1")
            .replace("{address}", "192.0.2.1")
            .replace("{tag}", "v1")
            .replace("{version}", "1")
            .replace("{delivery_id}", "018f0000-0000-7000-8000-000000000001")
            .replace("{user_id}", "018f0000-0000-7000-8000-000000000002")
            .replace("{id}", "018f0000-0000-7000-8000-000000000000");
        let path = path.replace(
            "signing-keys/018f0000-0000-7000-8000-000000000000",
            &format!("signing-keys/{}", "A".repeat(43)),
        );
        let refused = user.api.ask(Ask::new(verb, path).json("{}")).await;
        assert_eq!(refused.problem(), (401, "unauthorized".into()), "{operation}");
    }
}

#[database_test]
async fn another_tenants_things_are_not_there(store: Store) {
    let (engine, clock) = engine(store);
    let owner = User::new(&engine, "Acme").await;
    let stranger = User::new(&engine, "Other").await;
    let license = owner.create("/api/v1/licenses", r#"{"name":"L"}"#).await;
    let customer = owner.create("/api/v1/customers", r#"{"name":"C","email":"c@c.example"}"#).await;
    let person = r#"{"name":"U","email":"p@c.example","role":"viewer"}"#;
    let person = owner.create(&format!("/api/v1/customers/{customer}/users"), person).await;
    let product = owner.create("/api/v1/products", r#"{"name":"P"}"#).await;
    let application = owner.create("/api/v1/applications", r#"{"name":"A","kind":"compose"}"#).await;
    owner
        .create(&format!("/api/v1/applications/{application}/versions"), r#"{"name":"1","compose":"a: 1"}"#)
        .await;
    let granted =
        format!(r#"{{"customer_id":"{customer}","application_id":"{application}","versions":["1"]}}"#);
    let granted = owner.create("/api/v1/application-entitlements", &granted).await;
    let member =
        owner.create("/api/v1/members", r#"{"name":"M","email":"m@c.example","role":"viewer"}"#).await;
    let link = owner.create("/api/v1/onboarding-links", &format!(r#"{{"license_id":"{license}"}}"#)).await;
    let token = owner.create("/api/v1/tokens", r#"{"name":"T"}"#).await;
    let registry =
        owner.create("/api/v1/registries", r#"{"name":"R","upstream":"http://127.0.0.1:5000"}"#).await;
    let registry_key = format!(r#"{{"name":"K","registry_id":"{registry}"}}"#);
    let registry_key = owner.create("/api/v1/registry-keys", &registry_key).await;
    let alert = crate::alerts::raise(&engine, &owner.vendor, &registry, &registry_key).await;
    let artifact = format!(r#"{{"registry_id":"{registry}","repository":"acme/app"}}"#);
    let artifact = owner.create("/api/v1/artifacts", &artifact).await;
    let entitlement = format!(
        r#"{{"customer_id":"{customer}","close":true,"grants":[{{"artifact_id":"{artifact}","mode":"all"}}]}}"#
    );
    let entitlement = owner.create("/api/v1/artifact-entitlements", &entitlement).await;
    let webhook = r#"{"url":"https://hooks.example/","events":["webhook.test"]}"#;
    let webhook = owner.create("/api/v1/webhooks", webhook).await;
    let test = Ask::new("POST", format!("/api/v1/webhooks/{webhook}/test")).token(&owner.token).json("{}");
    let delivery = owner.api.ask(test).await.json()["id"].as_str().unwrap().to_owned();
    let sink = r#"{"name":"SIEM","address":"https://siem.example/v1/logs"}"#;
    let sink = owner.create("/api/v1/audit-sinks", sink).await;
    let deploying = owner.vendor.customer("Deployer").await;
    let admin = owner.vendor.admin_of(&deploying).await;
    let deployable = owner.vendor.application(&deploying, "Server", "services: {}").await;
    let (target, _) = deployment::target(&engine, &admin, "db1", Mode::Manage).await;
    let deployment = deployment::deploy(&engine, &admin, target, &deployable).await.id.to_string();
    let target = target.to_string();
    let key = owner.get("/api/v1/signing-keys").await.json()["items"][0]["kid"].as_str().unwrap().to_owned();
    let organization = owner.vendor.founded.organization.id.to_string();
    clock.advance(1);
    let log = owner.get("/api/v1/audit-events").await.text;

    for (operation, body) in ONE {
        let (verb, path) = operation.split_once(' ').unwrap();
        let id = match path.split('/').nth(3).unwrap() {
            "organizations" => &organization,
            "members" => &member,
            "tokens" => &token,
            "customers" => &customer,
            "products" => &product,
            "onboarding-links" => &link,
            "licenses" => &license,
            "applications" => &application,
            "application-entitlements" => &granted,
            "signing-keys" => &key,
            "registries" => &registry,
            "registry-keys" => &registry_key,
            "alerts" => &alert,
            "artifacts" => &artifact,
            "artifact-entitlements" => &entitlement,
            "webhooks" => &webhook,
            "audit-sinks" => &sink,
            "deployment-targets" => &target,
            "deployments" => &deployment,
            noun => panic!("{noun}"),
        };
        let path = path
            .replace("{id}", id)
            .replace("{delivery_id}", &delivery)
            .replace("{user_id}", &person)
            .replace("{number}", "1")
            .replace("{address}", "192.0.2.1")
            .replace("{tag}", "v1")
            .replace("{version}", "1");
        let ask = |user: &User| Ask::new(verb, &path).token(&user.token).json(body);
        let foreign = stranger.api.ask(ask(&stranger)).await;
        assert_eq!(foreign.problem(), (404, "not_found".into()), "{operation}");
    }
    let foreign = format!(r#"{{"name":"L","customer_id":"{customer}"}}"#);
    let refused = stranger.post("/api/v1/licenses", &foreign).await;
    assert_eq!(refused.faults(), [("/customer_id".into(), "not_found".into())]);
    let foreign = format!(r#"{{"name":"L","product_id":"{product}"}}"#);
    let refused = stranger.post("/api/v1/licenses", &foreign).await;
    assert_eq!(refused.faults(), [("/product_id".into(), "not_found".into())]);
    let filtered = stranger.get(&format!("/api/v1/licenses?customer_id={customer}")).await;
    assert!(filtered.json()["items"].as_array().unwrap().is_empty());
    let foreign = format!(r#"{{"name":"K","registry_id":"{registry}"}}"#);
    let refused = stranger.post("/api/v1/registry-keys", &foreign).await;
    assert_eq!(refused.problem(), (404, "not_found".into()));
    let own = stranger.create("/api/v1/customers", r#"{"name":"C","email":"c@c.example"}"#).await;
    let foreign =
        format!(r#"{{"customer_id":"{own}","grants":[{{"artifact_id":"{artifact}","mode":"all"}}]}}"#);
    let refused = stranger.post("/api/v1/artifact-entitlements", &foreign).await;
    assert_eq!(refused.faults(), [("/grants/0/artifact_id".into(), "not_found".into())]);
    assert_eq!(owner.get("/api/v1/audit-events").await.text, log, "nothing happened to the owner's things");
}
