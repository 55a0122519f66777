//! Makes the document say what the code reads: types, bounds and patterns come from the code that reads requests, the
//! words from the comments beside it.

use std::collections::BTreeMap;

use keyward_domain::files::FileName;
use keyward_domain::registry::Tag;
use keyward_domain::{AddressRange, IdempotencyKey, Slug, VersionName};
use keyward_web::fields::{FromField, allows_null, integer};
use keyward_web::problem::Refused;
use serde_json::{Map, Value, json};

use crate::routes::{Described, Place};

/// The methods of HTTP that operations have.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// What is said of a schema in words.
const WORDS: [&str; 7] = ["title", "description", "example", "examples", "default", "maxItems", "minItems"];

/// Puts the described requests into the document, and what follows for its operations.
pub(crate) fn complete(document: &mut Value, described: &[Described]) {
    let mut needed = BTreeMap::new();
    for Described { place, schema, needed: is_needed } in described {
        match place {
            Place::Body(name) => {
                describe_component(document, name, &schema());
                needed.insert(reference(name), is_needed());
            }
            Place::Query(operation) => describe_parameters(document, operation, &schema()),
        }
    }
    open(document);
    for operation in operations(document) {
        parameters(operation).for_each(describe_parameter);
        if let Some(body) = operation.get_mut("requestBody") {
            let name = body["content"]["application/json"]["schema"]["$ref"].as_str().unwrap_or_default();
            if let Some(needed) = needed.get(name) {
                body["required"] = json!(needed);
            }
        }
        describe_refusals(operation);
    }
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

/// All operations.
fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten();
    let methods = paths.filter_map(|(_, path)| path.as_object_mut()).flatten();
    methods.filter(|(method, _)| METHODS.contains(&method.as_str())).map(|(_, operation)| operation)
}

fn parameters(operation: &mut Value) -> impl Iterator<Item = &mut Value> {
    operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten()
}

fn reference(name: &str) -> String {
    format!("#/components/schemas/{name}")
}

/// Gives the schema of this name the types and bounds of `described`; its words stay.
fn describe_component(document: &mut Value, name: &str, described: &Value) {
    let schemas = &mut document["components"]["schemas"];
    let Some(words) = schemas.get_mut(name).map(Value::take) else { return };
    let properties = documented(document, &words);
    let mut schema = described.clone();
    keep_words(&mut schema, &words);
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (member, read) in members.into_iter().flatten() {
        if let Some(words) = properties.get(member) {
            *read = with_words(document, words, read);
        }
    }
    document["components"]["schemas"][name] = schema;
}

/// The members that a schema documents, its parts taken together.
fn documented(document: &Value, schema: &Value) -> Map<String, Value> {
    let mut found = Map::new();
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
        found.extend(documented(document, &document["components"]["schemas"][name]));
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        found.extend(documented(document, part));
    }
    let own = schema["properties"].as_object();
    found.extend(own.into_iter().flatten().map(|(name, schema)| (name.clone(), schema.clone())));
    found
}

/// What is read, with the words of what is documented. A schema that has a name is described under it.
fn with_words(document: &mut Value, words: &Value, read: &Value) -> Value {
    let named =
        ["oneOf", "anyOf", "allOf"].iter().filter_map(|of| words[of].as_array()).flatten().chain([words]);
    let mut schema = match named.filter_map(|part| part["$ref"].as_str()).next() {
        Some(target) => {
            let name = target.rsplit('/').next().unwrap_or_default().to_owned();
            describe_component(document, &name, &without_null(read));
            let found = json!({"$ref": target});
            if allows_null(read) { json!({"oneOf": [{"type": "null"}, found]}) } else { found }
        }
        None => match (words.get("items"), read.get("items")) {
            (Some(words), Some(items)) => {
                let items = with_words(document, words, items);
                let mut read = read.clone();
                read["items"] = items;
                read
            }
            _ => read.clone(),
        },
    };
    keep_words(&mut schema, words);
    schema
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

/// Gives the query parameters of an operation the types and bounds of `described`.
fn describe_parameters(document: &mut Value, id: &str, described: &Value) {
    let mut scratch = document["components"].clone();
    let found = operations(document).find(|operation| operation["operationId"] == id);
    for parameter in found.into_iter().flat_map(parameters).filter(|parameter| parameter["in"] == "query") {
        let name = parameter["name"].as_str().unwrap_or_default();
        if let Some(read) = described["properties"].get(name) {
            let mut words = parameter["schema"].clone();
            words["description"].take();
            let mut whole = json!({"components": scratch.take()});
            let mut schema = with_words(&mut whole, &words, &without_null(read));
            scratch = whole["components"].take();
            if let Some(schema) = schema.as_object_mut() {
                schema.retain(|_, value| !value.is_null());
            }
            parameter["schema"] = schema;
        }
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
        (Some("path"), Some("org_slug" | "application")) => Some(Slug::schema()),
        // The id of a signing key: an RFC 7638 thumbprint, 32 bytes in base64url.
        (Some("path"), Some("id")) if parameter["schema"].get("format").is_none() => {
            Some(json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"}))
        }
        (Some("path"), Some("version")) => Some(VersionName::schema()),
        (Some("path"), Some("tag")) => Some(Tag::schema()),
        (Some("path"), Some("address")) => Some(AddressRange::schema()),
        (Some("path"), Some("file")) => Some(FileName::schema()),
        (Some("path"), Some("number")) => Some(integer(1, u32::MAX)),
        _ => None,
    };
    let schema = schema.unwrap_or_else(|| without_null(&parameter["schema"]));
    parameter["schema"] = schema;
}

/// Names the refusals that follow from what an operation takes, besides those of its own.
fn describe_refusals(operation: &mut Value) {
    let refused = json!({"$ref": format!("#/components/responses/{}", Refused::NAME)});
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
            responses.entry("5XX").or_insert_with(|| refused.clone());
        }
        for status in statuses {
            responses.entry(status).or_insert_with(|| refused.clone());
        }
    }
}
