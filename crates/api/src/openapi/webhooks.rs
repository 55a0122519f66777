//! What endpoints are sent: the section `webhooks` of the document, made from the table of kinds.

use keyward_domain::EventKind;
use serde_json::{Map, Value, json};

/// For each kind of event the request that an endpoint gets.
pub(super) fn webhooks() -> Value {
    let each = EventKind::all().map(|kind| (kind.as_str().to_owned(), webhook(kind)));
    Value::Object(each.collect::<Map<_, _>>())
}

fn webhook(kind: EventKind) -> Value {
    let header = |name: &str, about: &str, schema: Value| json!({"name": name, "in": "header", "required": true, "description": about, "schema": schema});
    let text = json!({"type": "string"});
    json!({"post": {
        "operationId": format!("on_{}", kind.as_str().replace('.', "_")),
        "summary": kind.description().trim_end_matches('.'),
        "tags": [kind.group()],
        "security": [],
        "parameters": [
            header("webhook-id", "The same at each attempt and replay", json!({"type": "string", "pattern": "^msg_[0-9a-f]{32}$"})),
            header("webhook-timestamp", "When this attempt was signed, in Unix seconds", json!({"type": "integer"})),
            header("webhook-signature", "`v1,` and `v1a,` signatures, parted by spaces (Standard Webhooks)", text),
        ],
        "requestBody": {"required": true, "content": {"application/json": {"schema": {
            "type": "object",
            "required": ["type", "timestamp", "sequence", "license_id", "license_sequence", "product_id", "actor", "detail", "data"],
            "properties": {
                "type": {"const": kind.as_str()},
                "timestamp": {"type": "string", "format": "date-time", "description": "When it happened"},
                "sequence": {"type": "integer", "description": "Its place among all messages of the organization, from 1"},
                "license_id": {"type": ["string", "null"], "format": "uuid"},
                "license_sequence": {"type": ["integer", "null"], "description": "Its place among the messages about the license, from 1"},
                "product_id": {"type": ["string", "null"], "format": "uuid"},
                "actor": {"$ref": "#/components/schemas/Actor"},
                "detail": {"type": "object", "additionalProperties": true, "description": "What the audit log says of it"},
                "data": {"type": "object", "additionalProperties": true, "description": data(kind)},
            },
        }}}},
        "responses": {
            "2XX": {"description": "Taken"},
            "410": {"description": "The endpoint wants no more messages and is disabled"},
            "default": {"description": "Not taken: it is sent again later"},
        },
    }})
}

/// What `data` holds.
fn data(kind: EventKind) -> &'static str {
    match kind.group() {
        "license" => "The license as the API shows it at that moment, without its license key",
        "customer" => "The customer as the API shows it at that moment, without the notes",
        "validation" => "The product as the API shows it at that moment",
        _ => "The thing as the API shows it at that moment; of what is deleted, only its `id`",
    }
}
