//! The API of a customer's people: with their session alone, for their own hosts alone, and each order with its event.

use std::collections::BTreeSet;

use keyward_domain::{AuditFilter, PageRequest};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;
use serde_json::Value;

use crate::client::{Answer, Ask, User};

/// Every operation, with a body that is good.
const OPERATIONS: &[(&str, &str)] = &[
    ("GET /api/v1/customer/deployment-targets", ""),
    ("POST /api/v1/customer/deployment-targets", r#"{"name":"mine","mode":"manage"}"#),
    ("GET /api/v1/customer/deployment-targets/{id}", ""),
    ("PATCH /api/v1/customer/deployment-targets/{id}", r#"{"name":"other"}"#),
    ("POST /api/v1/customer/deployment-targets/{id}/join-code", ""),
    ("POST /api/v1/customer/deployment-targets/{id}/release", ""),
    ("GET /api/v1/customer/deployments", ""),
    ("POST /api/v1/customer/deployments", DEPLOY),
    ("GET /api/v1/customer/deployments/{id}", ""),
    ("PATCH /api/v1/customer/deployments/{id}", r#"{"values":{"URL":"x"}}"#),
    ("GET /api/v1/customer/deployments/{id}/revisions", ""),
    ("GET /api/v1/customer/deployments/{id}/transitions", ""),
    ("POST /api/v1/customer/deployments/{id}/roll-back", r#"{"revision":1}"#),
    ("POST /api/v1/customer/deployments/{id}/run", ""),
    ("POST /api/v1/customer/deployments/{id}/stop", ""),
    ("POST /api/v1/customer/deployments/{id}/remove", "{}"),
];

const DEPLOY: &str =
    r#"{"target_id":"$target","name":"Production","application":"server","application_version":"1.0"}"#;

const COMPOSE: &str = "services:\n  app:\n    image: nginx:1\n    environment: [\"URL=${URL}\"]\n";

/// A person of a customer, by their cookie.
struct Person<'a> {
    user: &'a User,
    cookie: String,
}

impl Person<'_> {
    async fn ask(&self, operation: &str, body: &str) -> Answer {
        self.user.api.ask(self.request(operation, body)).await
    }

    fn request(&self, operation: &str, body: &str) -> Ask {
        let (verb, path) = operation.split_once(' ').unwrap();
        Ask::new(verb, path).header("Cookie", &self.cookie).json(body)
    }

    async fn done(&self, operation: &str, body: &str) -> Value {
        let answer = self.ask(operation, body).await;
        assert!(answer.status.is_success(), "{operation}: {} {}", answer.status, answer.text);
        answer.json()
    }
}

async fn person<'a>(user: &'a User, name: &str) -> Person<'a> {
    let customer = user.vendor.customer(name).await;
    user.vendor.application(&customer, if name == "Example" { "Server" } else { "Another" }, COMPOSE).await;
    let secret = user.vendor.admin_secret_of(&customer).await;
    Person { user, cookie: format!("__Host-keyward-customer={}", secret.expose()) }
}

#[test]
fn every_operation_of_theirs_is_in_the_table() {
    let document = keyward_api::openapi();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().filter(|(path, _)| path.starts_with("/api/v1/customer/deployment"));
    let operations = operations.flat_map(|(path, verbs)| {
        verbs.as_object().unwrap().keys().map(move |verb| format!("{} {path}", verb.to_uppercase()))
    });
    let known: BTreeSet<_> = OPERATIONS.iter().map(|(operation, _)| (*operation).to_owned()).collect();
    assert_eq!(operations.collect::<BTreeSet<_>>(), known);
}

#[database_test]
async fn a_person_orders_and_others_do_not(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let (own, other) = (person(&user, "Example").await, person(&user, "Other").await);
    let made =
        own.done("POST /api/v1/customer/deployment-targets", r#"{"name":"db1","mode":"manage"}"#).await;
    assert!(made["join_code"].as_str().unwrap().starts_with("kw_join_"));
    let target = made["target"]["id"].as_str().unwrap();
    let deployment = own.done("POST /api/v1/customer/deployments", &DEPLOY.replace("$target", target)).await;
    let deployment = deployment["id"].as_str().unwrap();
    let filled = |operation: &str| {
        operation.replace("{id}", if operation.contains("targets") { target } else { deployment })
    };

    for (operation, body) in OPERATIONS {
        let body = body.replace("$target", target);
        let (verb, path) = (operation.split_once(' ').unwrap().0, filled(operation));
        let path = path.split_once(' ').unwrap().1;
        let nobody = user.api.ask(Ask::new(verb, path).json(&body)).await;
        assert_eq!(nobody.problem(), (401, "unauthorized".into()), "{operation}");
        let member = user.api.ask(Ask::new(verb, path).token(&user.token).json(&body)).await;
        assert_eq!(member.problem(), (401, "unauthorized".into()), "{operation}");
        if operation.contains("{id}") || body.contains(target) {
            let foreign = other.ask(&filled(operation), &body).await;
            assert_eq!(foreign.status, 404, "{operation}: {}", foreign.text);
        }
        if verb != "GET" {
            // A page of another site can have the browser send the cookie, and say where it comes from.
            let request = own.request(&filled(operation), &body).header("Sec-Fetch-Site", "cross-site");
            assert_eq!(user.api.ask(request).await.problem(), (403, "forbidden".into()), "{operation}");
        }
    }
}

#[database_test]
async fn each_order_has_its_event(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let own = person(&user, "Example").await;
    let (mut target, mut deployment) = (String::new(), String::new());
    let events = async || {
        let (first, all) = (PageRequest { limit: PageRequest::MOST, after: None }, AuditFilter::default());
        let found = engine.audit_events(&user.vendor.access(), &all, first).await.unwrap().newest();
        found.iter().filter(|event| event.action.noun().starts_with("deployment")).count()
    };
    // In an order in which each goes well: what ends things comes last.
    let late = ["/roll-back", "/remove", "/release"];
    let place = |operation: &str| late.iter().position(|end| operation.ends_with(end));
    let mut operations: Vec<_> = OPERATIONS.iter().collect();
    operations.sort_by_key(|(operation, _)| place(operation));
    for (operation, body) in operations {
        let before = events().await;
        let id = if operation.contains("targets") { &target } else { &deployment };
        let answer = own.done(&operation.replace("{id}", id), &body.replace("$target", &target)).await;
        match *operation {
            "POST /api/v1/customer/deployment-targets" => {
                target = answer["target"]["id"].as_str().unwrap().to_owned();
            }
            "POST /api/v1/customer/deployments" => deployment = answer["id"].as_str().unwrap().to_owned(),
            _ => {}
        }
        let recorded = events().await - before;
        assert_eq!(recorded, usize::from(!operation.starts_with("GET ")), "{operation}");
    }
    let shown = own.done(&format!("GET /api/v1/customer/deployments/{deployment}"), "").await;
    assert_eq!((&shown["status"], &shown["version"]), (&"ended".into(), &shown["version"]));
    let seen = user.get(&format!("/api/v1/deployments/{deployment}/revisions")).await;
    assert_eq!(seen.json()["items"].as_array().unwrap().len(), 3);
    assert_eq!(seen.json()["items"][1]["value_names"], serde_json::json!(["URL"]));
    assert!(!seen.text.contains(r#""URL":"#), "a vendor sees no values: {}", seen.text);
}
