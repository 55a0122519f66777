//! Makes the document say what the code reads: types, bounds and patterns come from the code that reads requests, the
//! words from the comments beside it.

use std::collections::BTreeMap;

use keyward_domain::files::FileName;
use keyward_domain::openapi::{Described as _, integer, is_value};
use keyward_domain::registry::Tag;
use keyward_domain::{AddressRange, IdempotencyKey, Slug, VersionName};
use keyward_web::fields::{NAME, NAMED, OR_NULL, Words, nullable, words};
use keyward_web::problem::Refused;
use serde_json::{Map, Value, json};

use crate::routes::{Described, Place};

/// The methods of HTTP that operations have.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// What is said of a schema in words.
const WORDS: [&str; 7] = ["title", "description", "example", "examples", "default", "maxItems", "minItems"];

/// Puts the described requests into the document, and what follows for its operations.
pub(crate) fn complete(document: &mut Value, described: &[Described]) {
    inline(document);
    for Described { place, operation, schema, words, needed } in described {
        let schema = hoist(document, schema());
        let found = operations(document).find(|(_, _, known)| known["operationId"] == *operation);
        let Some((_, _, operation)) = found else { continue };
        match place {
            Place::Body => {
                let content = json!({"application/json": {"schema": schema}});
                operation["requestBody"] = json!({"content": content, "required": needed()});
            }
            Place::Query => describe_query(operation, words, &schema),
        }
    }
    open(document);
    for (path, method, operation) in operations(document) {
        describe_path(path, operation);
        parameters(operation).for_each(describe_parameter);
        describe_access(path, method, operation);
        describe_refusals(operation);
    }
}

/// Writes the schemas of values where they are used: they need no names of their own.
fn inline(document: &mut Value) {
    let mut values = BTreeMap::new();
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        let (found, others): (Map<_, _>, _) =
            std::mem::take(schemas).into_iter().partition(|(name, _)| is_value(name));
        *schemas = others;
        values.extend(found.into_iter().map(|(name, schema)| (reference(&name), schema)));
    }
    write_out(document, &values);
}

fn write_out(schema: &mut Value, values: &BTreeMap<String, Value>) {
    match schema {
        Value::Object(members) => members.values_mut().for_each(|member| write_out(member, values)),
        Value::Array(items) => items.iter_mut().for_each(|item| write_out(item, values)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    let Some(members) = schema.as_object_mut() else { return };
    if let Some(value) = members.get("$ref").and_then(Value::as_str).and_then(|name| values.get(name)) {
        let said = value.as_object().cloned().unwrap_or_default();
        members.remove("$ref");
        members.extend(said);
    }
    if let Some(schema) = optional_value(members) {
        members.remove("oneOf");
        members.extend(schema);
    }
    if let Some(comment) = members.get("description").and_then(Value::as_str).map(str::to_owned) {
        let mut said = words(&comment);
        if said.len() > 1 || !said.contains_key("description") {
            members.remove("description");
            members.append(&mut said);
        }
    }
}

/// A value that may be `null`, out of utoipa's way to say it: one of `null` and something else.
fn optional_value(members: &Map<String, Value>) -> Option<Map<String, Value>> {
    let [one, other] = members.get("oneOf")?.as_array()?.as_slice() else { return None };
    let is_null = |schema: &Value| *schema == json!({"type": "null"});
    let value = if is_null(one) { other } else { one };
    let is_value =
        (is_null(one) || is_null(other)) && value["type"].is_string() && value.get("$ref").is_none();
    is_value.then(|| nullable(value.clone()).as_object().cloned()).flatten()
}

/// Says of objects of no shape that they may have any members: without that, generators of clients take them for empty.
fn open(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let shaped =
                ["properties", "additionalProperties", "$ref"].iter().any(|word| members.contains_key(*word));
            let object = |name: &Value| *name == json!("object");
            let is_object = members.get("type").is_some_and(|name| {
                object(name) || name.as_array().is_some_and(|all| all.iter().any(object))
            });
            if is_object && !shaped {
                members.insert("additionalProperties".to_owned(), json!(true));
            }
            members.values_mut().for_each(open);
        }
        Value::Array(items) => items.iter_mut().for_each(open),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// All operations with their paths and methods.
fn operations(document: &mut Value) -> impl Iterator<Item = (&str, &str, &mut Value)> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten();
    let methods = paths.filter_map(|(path, all)| Some((path.as_str(), all.as_object_mut()?)));
    let each =
        methods.flat_map(|(path, all)| all.iter_mut().map(move |(method, found)| (path, method, found)));
    each.filter(|(_, method, _)| METHODS.contains(&method.as_str()))
        .map(|(path, method, found)| (path, method.as_str(), found))
}

fn parameters(operation: &mut Value) -> impl Iterator<Item = &mut Value> {
    operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten()
}

fn reference(name: &str) -> String {
    format!("#/components/schemas/{name}")
}

/// Puts the schemas that have a name of their own among the others. Words that such a schema already has there stay, if it
/// is also one of an answer.
fn hoist(document: &mut Value, schema: Value) -> Value {
    match schema {
        Value::Object(mut members) => match (members.remove(NAME), members.remove(NAMED)) {
            (Some(Value::String(name)), Some(named)) => {
                let mut named = hoist(document, named);
                let schemas = &mut document["components"]["schemas"];
                if let Some(known) = schemas.get(&name) {
                    keep_all_words(&mut named, known);
                }
                schemas[&name] = named;
                let target = json!({"$ref": reference(&name)});
                let is_optional = members.remove(OR_NULL).is_some();
                let found = if is_optional { json!({"oneOf": [{"type": "null"}, target]}) } else { target };
                members.extend(found.as_object().cloned().unwrap_or_default());
                Value::Object(members)
            }
            _ => members.into_iter().map(|(name, member)| (name, hoist(document, member))).collect(),
        },
        Value::Array(items) => items.into_iter().map(|item| hoist(document, item)).collect(),
        other => other,
    }
}

/// Keeps the words of a schema and of its members.
fn keep_all_words(schema: &mut Value, words: &Value) {
    keep_words(schema, words);
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (member, schema) in members.into_iter().flatten() {
        keep_words(schema, &words["properties"][member]);
    }
}

fn keep_words(schema: &mut Value, words: &Value) {
    for word in WORDS {
        if let Some(said) = words.get(word)
            && schema.get(word).is_none()
        {
            schema[word] = said.clone();
        }
    }
}

fn without_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    let is_null =
        |value: &Value| *value == json!("null") || *value == json!({"type": "null"}) || value.is_null();
    for list in ["enum", "anyOf", "oneOf", "type"] {
        if let Some(Value::Array(items)) = schema.get_mut(list) {
            items.retain(|item| !is_null(item));
        }
    }
    if let Some([only]) = schema["type"].as_array().map(Vec::as_slice) {
        schema["type"] = only.clone();
    }
    schema
}

/// Gives an operation its query parameters.
fn describe_query(operation: &mut Value, words: &Words, schema: &Value) {
    let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.contains(&json!(name)));
    for (name, _) in words.all_members() {
        let mut schema = without_null(&schema["properties"][name]);
        let mut parameter = json!({"name": name, "in": "query", "required": required(name)});
        if let Some(description) = schema.as_object_mut().and_then(|schema| schema.remove("description")) {
            parameter["description"] = description;
        }
        parameter["schema"] = schema;
        add_parameter(operation, parameter);
    }
}

fn add_parameter(operation: &mut Value, parameter: Value) {
    match operation.get_mut("parameters").and_then(Value::as_array_mut) {
        Some(known) => known.push(parameter),
        None => operation["parameters"] = json!([parameter]),
    }
}

/// Gives an operation the parameters of its path, in their order and before the others.
fn describe_path(path: &str, operation: &mut Value) {
    let names = path.split(['{', '}']).skip(1).step_by(2);
    let about = |name: &str| match name {
        "org_slug" => Some("The organization's slug"),
        "application" => Some("Its slug"),
        "version" | "file" => Some("Its name"),
        "id" if path.starts_with("/api/v1/signing-keys/") => Some("The key's `kid`"),
        _ => None,
    };
    let is_known = |name: &str, operation: &mut Value| {
        parameters(operation).any(|known| known["in"] == "path" && known["name"] == *name)
    };
    let unknown: Vec<_> = names.filter(|name| !is_known(name, operation)).collect();
    let described = unknown.iter().map(|name| {
        let schema = match *name {
            "id" | "delivery_id" | "user_id" if about(name).is_none() => {
                json!({"type": "string", "format": "uuid"})
            }
            _ => json!({"type": "string"}),
        };
        let mut parameter = json!({"name": name, "in": "path", "required": true, "schema": schema});
        if let Some(about) = about(name) {
            parameter["description"] = about.into();
        }
        parameter
    });
    let mut all: Vec<_> = described.collect();
    if let Some(Value::Array(others)) = operation.get_mut("parameters").map(Value::take) {
        all.extend(others);
    }
    if !all.is_empty() {
        operation["parameters"] = json!(all);
    }
}

/// Gives a parameter that is the same everywhere its pattern. None can be `null`: it is there or not.
fn describe_parameter(parameter: &mut Value) {
    let schema = match (parameter["in"].as_str(), parameter["name"].as_str()) {
        (Some("header"), Some("If-Match")) => {
            parameter["description"] = "The `ETag` of what you saw, or `*`".into();
            Some(json!({"type": "string", "pattern": keyward_web::IfMatch::PATTERN, "example": "\"7\""}))
        }
        (Some("header"), Some("Idempotency-Key")) => {
            parameter["description"] =
                "A name of your choice for this request: sent again within 24 hours, it is not carried out again".into();
            let (most, pattern) = (IdempotencyKey::MOST, IdempotencyKey::PATTERN);
            Some(json!({"type": "string", "minLength": 1, "maxLength": most, "pattern": pattern}))
        }
        (Some("path"), Some("org_slug" | "application")) => Some(Slug::described()),
        // The id of a signing key: an RFC 7638 thumbprint, 32 bytes in base64url.
        (Some("path"), Some("id")) if parameter["schema"].get("format").is_none() => {
            Some(json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"}))
        }
        (Some("path"), Some("version")) => Some(VersionName::described()),
        (Some("path"), Some("tag")) => Some(Tag::described()),
        (Some("path"), Some("address")) => Some(AddressRange::described()),
        (Some("path"), Some("file")) => Some(FileName::described()),
        (Some("path"), Some("number")) => Some(integer(1, u32::MAX)),
        _ => None,
    };
    let schema = schema.unwrap_or_else(|| without_null(&parameter["schema"]));
    parameter["schema"] = schema;
}

/// Says what follows from the path of an operation, where the operation says nothing else: the noun that it belongs to, the
/// scope to read or write that, and that it may be refused.
fn describe_access(path: &str, method: &str, operation: &mut Value) {
    let Some(noun) = path.strip_prefix("/api/v1/").and_then(|path| path.split('/').next()) else { return };
    let Some(operation) = operation.as_object_mut() else { return };
    operation.entry("tags").or_insert_with(|| json!([noun]));
    let verb = if method == "get" { "read" } else { "write" };
    let scope = format!("{}:{verb}", scope_of(noun));
    operation.entry("security").or_insert_with(|| json!([{"management_token": [scope]}]));
    // Applications that ask whether they may run are answered in their own way.
    if operation["tags"] != json!(["validation"])
        && let Some(responses) = operation["responses"].as_object_mut()
    {
        responses.entry("4XX").or_insert_with(refused);
    }
}

/// The noun by which scopes call a noun of a path.
fn scope_of(noun: &str) -> &str {
    match noun {
        "application-entitlements" | "artifact-entitlements" | "artifact-policy" => "entitlements",
        "alerts" | "artifacts" | "registry-events" | "registry-keys" => "registries",
        "bucket-alerts" => "products",
        "deployment-targets" => "deployments",
        "onboarding-links" => "licenses",
        noun => noun,
    }
}

fn refused() -> Value {
    json!({"$ref": format!("#/components/responses/{}", Refused::NAME)})
}

/// Names the refusals that follow from what an operation takes, besides those of its own.
fn describe_refusals(operation: &mut Value) {
    let takes = |place: &str| {
        let mut all = operation["parameters"].as_array().into_iter().flatten();
        all.any(|parameter| parameter["in"] == place)
    };
    let mut statuses = Vec::new();
    if operation["responses"].get("4XX").is_some() {
        // Whether the operation asks for a credential of its own kind, or of the whole document's.
        let open =
            operation["security"].as_array().is_some_and(|all| all.iter().any(|one| *one == json!({})));
        statuses.extend((!open).then_some(["401", "403"]).into_iter().flatten());
        statuses.extend(takes("path").then_some("404"));
        statuses.extend((takes("query") || takes("header")).then_some("400"));
        if operation.get("requestBody").is_some() {
            statuses.extend(["400", "408", "413", "415", "422"]);
        }
    }
    if let Some(responses) = operation["responses"].as_object_mut() {
        if responses.contains_key("4XX") {
            responses.entry("5XX").or_insert_with(refused);
        }
        for status in statuses {
            responses.entry(status).or_insert_with(refused);
        }
    }
}
