//! The OpenAPI document says what is read, and what is wrong with a body is named all at once.

use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;
use serde_json::{Map, Value, json};

use crate::client::{Ask, User};

/// The operations with a body: method, path, schema of the body.
fn bodies(document: &Value) -> Vec<(String, String, &Value)> {
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            if !schema.is_null() {
                found.push((method.to_uppercase(), path.clone(), resolve(document, schema)));
            }
        }
    }
    found
}

/// The schema behind references and choices with `null`.
fn resolve<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    if let Some(target) = schema["$ref"].as_str() {
        return resolve(document, document.pointer(target.trim_start_matches('#')).unwrap());
    }
    let choice = schema["oneOf"].as_array().into_iter().flatten().find(|choice| choice["type"] != "null");
    choice.map_or(schema, |choice| resolve(document, choice))
}

fn is_a(schema: &Value, name: &str) -> bool {
    let given = &schema["type"];
    *given == json!(name) || given.as_array().is_some_and(|all| all.contains(&json!(name)))
}

/// How a value is made wrong.
#[derive(Clone, Copy)]
enum Wrong {
    /// By its type.
    Type,
    /// By what it is.
    Value,
}

/// A value that a schema refuses, with the places of all that is wrong in it. `None` where anything goes.
fn refused(
    document: &Value,
    schema: &Value,
    wrong: Wrong,
    place: &str,
    places: &mut Vec<String>,
) -> Option<Value> {
    let schema = resolve(document, schema);
    schema.get("type")?;
    let members = schema["properties"].as_object().filter(|_| is_a(schema, "object"));
    let value = match (wrong, members) {
        (Wrong::Value, Some(members)) => return Some(object(document, members, wrong, place, places)),
        (Wrong::Value, None) if is_a(schema, "array") => {
            let item = refused(document, &schema["items"], wrong, &format!("{place}/0"), places)?;
            return Some(json!([item]));
        }
        (Wrong::Value, None) if is_a(schema, "integer") => json!(-1),
        // A NUL is no part of any text.
        (Wrong::Value, None) if is_a(schema, "string") => json!("\u{0}"),
        (_, _) if is_a(schema, "object") => json!(7),
        (_, _) => json!({"no": "such thing"}),
    };
    places.push(place.to_owned());
    Some(value)
}

fn object(
    document: &Value,
    members: &Map<String, Value>,
    wrong: Wrong,
    place: &str,
    places: &mut Vec<String>,
) -> Value {
    let mut made = Map::new();
    for (name, schema) in members {
        if let Some(value) = refused(document, schema, wrong, &format!("{place}/{name}"), places) {
            made.insert(name.clone(), value);
        }
    }
    made.insert("no such member".into(), json!(1));
    places.push(format!("{place}/no such member"));
    Value::Object(made)
}

/// What the document says of a body is all that is read of it, and it names no member of its own.
#[test]
fn bodies_are_described_by_what_reads_them() {
    let document = keyward_api::openapi();
    let all = bodies(&document);
    assert!(all.len() > 30, "{}", all.len());
    for (method, path, schema) in all {
        // Members that nobody knows are passed over there, as by the services it replaces.
        if path != "/api/v1/validate" {
            assert_eq!(schema["additionalProperties"], false, "{method} {path}");
        }
    }
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let schema = parameter["schema"].to_string();
                assert!(!schema.contains("null"), "{method} {path}: {parameter}");
                let described =
                    ["pattern", "format", "enum"].iter().any(|word| parameter["schema"].get(word).is_some());
                let free = parameter["schema"]["type"] != "string" || parameter["name"] == "license_key";
                assert!(described || free || parameter["name"] == "uri", "{method} {path}: {parameter}");
            }
        }
    }
}

#[database_test]
async fn whatever_is_wrong_with_a_body_is_named_at_once(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let application = user.create("/api/v1/applications", r#"{"name":"App","kind":"compose"}"#).await;
    let customer = user.vendor.customer("Example").await;
    let secret = user.vendor.admin_secret_of(&customer).await;
    let cookie = format!("__Host-keyward-customer={}", secret.expose());
    let document = keyward_api::openapi();
    for (method, path, schema) in bodies(&document) {
        if path == "/api/v1/validate" {
            continue;
        }
        let address = path.replace("{id}", &application).replace("{version}", "1.0");
        for wrong in [Wrong::Type, Wrong::Value] {
            let mut places = Vec::new();
            let body = object(&document, schema["properties"].as_object().unwrap(), wrong, "", &mut places);
            let ask = Ask::new(&method, &address).token(&user.token).header("Cookie", &cookie);
            let answer = user.api.ask(ask.json(body.to_string())).await;
            if answer.status == 403 {
                // The operator's alone, whose token is read the same way.
                assert_eq!(answer.json()["scope"], "operator", "{path} {}", answer.text);
                continue;
            }
            assert_eq!(answer.status, 422, "{method} {path} {body} {}", answer.text);
            let named: Vec<_> = answer.faults().into_iter().map(|(place, _)| place).collect();
            for place in places {
                assert!(named.contains(&place), "{method} {path} {place}: {body} {}", answer.text);
            }
        }
    }
}

#[database_test]
async fn what_is_wrong_by_what_there_is_is_named_with_the_rest(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let product = r#"{"name":"P","fields":[{"name":"seats","type":"number","required":true}]}"#;
    let product = user.create("/api/v1/products", product).await;
    let nobody = "01900000-0000-7000-8000-000000000000";
    let body = json!({
        "name": "", "customer_id": nobody, "product_id": product, "fields": {"seats": "x", "more": 1},
        "not_before": "2027-02-01", "expires_at": "2027-01-01",
    });
    let refused = user.post("/api/v1/licenses", &body.to_string()).await;
    let named: Vec<_> = refused.faults().into_iter().map(|(place, _)| place).collect();
    assert_eq!(
        named,
        ["/name", "/customer_id", "/fields/more", "/fields/seats", "/expires_at"],
        "{}",
        refused.text
    );
    let body = json!({"email": "nobody", "name": "\u{0}", "fields": {"seats": "x"}});
    let refused = user.post(&format!("/api/v1/products/{product}/keys"), &body.to_string()).await;
    let named: Vec<_> = refused.faults().into_iter().map(|(place, _)| place).collect();
    assert_eq!(named, ["/email", "/name", "/fields/seats"], "{}", refused.text);
    // Without anything unreadable it is the same list.
    let body = json!({"customer_id": nobody, "fields": {"seats": "x"}});
    let refused = user.post(&format!("/api/v1/products/{product}/keys"), &body.to_string()).await;
    let named: Vec<_> = refused.faults().into_iter().map(|(place, _)| place).collect();
    assert_eq!(named, ["/customer_id", "/fields/seats"], "{}", refused.text);
    let application = user.create("/api/v1/applications", r#"{"name":"A","kind":"compose"}"#).await;
    let body = json!({"name": "/", "values": "a: 1"});
    let refused = user.post(&format!("/api/v1/applications/{application}/versions"), &body.to_string()).await;
    let mut named: Vec<_> = refused.faults().into_iter().map(|(place, _)| place).collect();
    named.sort();
    assert_eq!(named, ["/compose", "/name", "/values"], "{}", refused.text);
}

#[database_test]
async fn an_address_of_its_own_is_no_id(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    for method in ["GET", "PATCH", "DELETE", "PUT"] {
        let address = "/api/v1/artifact-entitlements/preview";
        let refused = user.api.ask(Ask::new(method, address).token(&user.token)).await;
        assert_eq!(refused.problem(), (405, "method_not_allowed".to_owned()), "{method}");
        assert_eq!(refused.header("allow"), Some("POST"));
    }
}

#[database_test]
async fn a_whole_number_is_one_however_it_is_written(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let own = user.get("/api/v1/organizations").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let notices = format!("/api/v1/organizations/{own}/notices");
    assert_eq!(user.patch(&notices, r#"{"days":[3e1,7.0]}"#).await.json()["days"], json!([30, 7]));
    for wrong in ["7.5", "-1", "1e99", "\"7\""] {
        let refused = user.patch(&notices, &format!(r#"{{"days":[{wrong}]}}"#)).await;
        assert_eq!(refused.status, 422, "{wrong}");
    }
}
