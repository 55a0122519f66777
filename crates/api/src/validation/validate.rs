use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, post, web};
use keyward_engine::metrics::RefusedValidation;
use keyward_engine::validation::{Inquiry, Reply};
use keyward_engine::{Engine, pasted};
use keyward_web::{Body, BodyFault, ClientAddress};
use serde::Deserialize;

use super::{NotValidated, answered, api_key, failed, full, refuse, unknown_key};

/// The longest body.
const MOST_BYTES: usize = 64 * 1024;

/// The longest nonce and device id.
const MOST_TEXT: usize = 256;

/// The longest version.
const MOST_VERSION: usize = 100;

/// What the application asks. Members that are not known are passed over.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(crate) struct Validate {
    /// The license key, however it was typed or pasted, or the license's token.
    #[schema(example = "7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC", min_length = 1, pattern = "[^\\s]")]
    license_key: String,
    /// The version that wants to run; absent for the product's latest. Read only where the product's versions count.
    #[schema(example = "2.1.0", max_length = 100)]
    version: Option<String>,
    /// For your own reference; not kept.
    #[schema(max_length = 256)]
    device_id: Option<String>,
    /// Repeated in a signed answer, which so can't be an old one.
    #[schema(max_length = 256)]
    nonce: Option<String>,
}

/// May this run?
#[derive(Debug, utoipa::ToSchema)]
#[allow(dead_code, reason = "read by the derive alone")]
pub(crate) struct Validation {
    valid: bool,
    /// `active`, `expired`, `revoked`, `suspended`, `not_yet_valid`, `license_not_found`, `ip_blocked`,
    /// `ip_not_registered`, `ip_limit_reached`, `version_not_allowed`, `product_archived`, `product_disabled` or
    /// `org_suspended`.
    #[schema(example = "active")]
    status: String,
    /// When the license ends; `null` without end.
    #[schema(format = DateTime)]
    expires: Option<String>,
    /// Whether the client's address is registered; `null` where addresses don't count.
    ip_registered: Option<bool>,
    ip_count: Option<u32>,
    /// `null` for no limit.
    max_ips: Option<u32>,
    /// The version that was judged.
    version: Option<String>,
    version_valid: Option<bool>,
    /// What you have added to good answers.
    #[schema(value_type = Option<Object>)]
    custom: Option<serde_json::Value>,
    /// Ed25519 over the RFC 8785 form of this object without this member, in base64url; `null` if unsigned.
    signature: Option<String>,
    /// The signing key, if signed.
    kid: Option<String>,
    /// As it was sent, if signed.
    license_key: Option<String>,
    /// As it was sent, if signed.
    nonce: Option<String>,
    #[schema(format = Uuid)]
    product_id: Option<String>,
    #[schema(format = DateTime)]
    signed_at: Option<String>,
}

/// Ask whether a license may run
///
/// For the customer's application, with the product API key. A refusal is 200 with `"valid": false` too; other
/// statuses say that nothing was decided.
#[utoipa::path(
    tag = "validation",
    operation_id = "validate",
    security(("product_api_key" = [])),
    request_body = Validate,
    responses(
        (status = 200, body = Validation),
        (status = 400, description = "Not such a request (counted)", body = NotValidated),
        (status = 401, description = "No product has this API key", body = NotValidated),
        (status = 408, description = "The body took too long to arrive", body = NotValidated),
        (status = 413, description = "Longer than 64 KiB", body = NotValidated),
        (status = 415, description = "Not JSON", body = NotValidated),
        (status = 429, description = "The day's validations are used up, or a share of them", body = NotValidated,
            headers(
                ("Retry-After" = i64, description = "Seconds until 00:00 UTC"),
                ("RateLimit-Policy" = String, description = "What was met, and how many it holds: `\"bucket\"`, `\"address\"`, `\"license\"` or `\"unknown_key\"`, such as `\"address\";q=5000;w=86400`"),
                ("RateLimit" = String, description = "That nothing is left of it, and for how long: `\"address\";r=0;t=3600`"),
            )),
        (status = "5XX", description = "Nothing could be decided: try again", body = NotValidated),
    ),
)]
#[post("/api/v1/validate")]
pub(crate) async fn validate(
    request: HttpRequest,
    client: ClientAddress,
    body: Body<MOST_BYTES>,
    engine: web::Data<Engine>,
) -> HttpResponse {
    let Some(key) = api_key(&request) else {
        engine.metrics().refused_validations.of(RefusedValidation::UnknownKey).add_one();
        return unknown_key();
    };
    let body = match body.read().await {
        Ok(body) => body,
        Err(BodyFault::TimedOut) => {
            return refuse(
                StatusCode::REQUEST_TIMEOUT,
                "invalid_request",
                "The body took too long to arrive.",
            );
        }
        Err(BodyFault::Broken) => {
            return refuse(StatusCode::BAD_REQUEST, "invalid_request", "The body did not arrive whole.");
        }
        Err(BodyFault::TooLarge) => {
            return refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                "invalid_request",
                "The body is longer than 64 KiB.",
            );
        }
    };
    if !is_json(&request) {
        return refuse(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "invalid_request",
            "Send JSON, with Content-Type: application/json.",
        );
    }
    match read(&body, client) {
        Ok(inquiry) => match engine.validate(&key, &inquiry).await {
            Ok(Reply::Answer(json)) => answered(json),
            Ok(Reply::UnknownKey) => unknown_key(),
            Ok(Reply::Full { retry_after, quota, size }) => full(retry_after, quota, size),
            Err(error) => failed(error),
        },
        Err(message) => match engine.count_malformed(&key, client.0).await {
            Ok(Reply::Answer(())) => refuse(StatusCode::BAD_REQUEST, "invalid_request", message),
            Ok(Reply::UnknownKey) => unknown_key(),
            Ok(Reply::Full { retry_after, quota, size }) => full(retry_after, quota, size),
            Err(error) => failed(error),
        },
    }
}

fn is_json(request: &HttpRequest) -> bool {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

fn read(body: &[u8], client: ClientAddress) -> Result<Inquiry, String> {
    // Serde would take an array of the members' values, too.
    if body.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        return Err("The body must be a JSON object.".to_owned());
    }
    let wanted: Validate =
        serde_json::from_slice(body).map_err(|error| format!("The body is not as documented: {error}."))?;
    if pasted(&wanted.license_key).is_empty() {
        return Err("license_key is empty.".to_owned());
    }
    for (name, text) in [("nonce", &wanted.nonce), ("device_id", &wanted.device_id)] {
        if text.as_ref().is_some_and(|text| text.len() > MOST_TEXT) {
            return Err(format!("{name} is longer than {MOST_TEXT} bytes."));
        }
    }
    // Whether it is a version is looked at where versions count: what is not judged is not refused.
    let version = wanted.version.map(|version| version.trim().to_owned());
    if version.as_ref().is_some_and(|version| version.len() > MOST_VERSION) {
        return Err(format!("version is longer than {MOST_VERSION} bytes."));
    }
    Ok(Inquiry { license: wanted.license_key, version, nonce: wanted.nonce, address: client.0 })
}

#[cfg(test)]
mod tests {
    use keyward_domain::Address;

    use super::*;

    #[test]
    fn hostile_bodies_are_told_apart_from_questions() {
        let client = ClientAddress(Address::new("192.0.2.1".parse().unwrap()));
        for body in [
            "",
            "[]",
            r#"["a",null,null,null]"#,
            "{}",
            "null",
            r#"{"license_key":null}"#,
            r#"{"license_key":1}"#,
            r#"{"license_key":" "}"#,
            r#"{"license_key":"a","license_key":"b"}"#,
            r#"{"license_key":"a","version":1}"#,
            "{\"license_key\":\"\u{feff}\u{200b} \"}",
            r#"{"license_key":"\ud800"}"#,
            "{\"license_key\":\"a\u{0}\"}",
            r#"{"license_key":"a"} x"#,
        ] {
            assert!(read(body.as_bytes(), client).is_err(), "{body}");
        }
        let long = format!(r#"{{"license_key":"a","nonce":"{}"}}"#, "n".repeat(257));
        assert!(read(long.as_bytes(), client).is_err());
        assert!(read(b"{\"license_key\":\"\xff\"}", client).is_err());
        let version = format!(r#"{{"license_key":"a","version":"{}"}}"#, "1".repeat(101));
        assert!(read(version.as_bytes(), client).is_err());
        assert!(read(br#"{"license_key":"a","version":"2.1.0.4567"}"#, client).is_ok());
        let deep = format!(r#"{{"license_key":"a","x":{}}}"#, "[".repeat(10_000));
        assert!(read(deep.as_bytes(), client).is_err());
        assert!(read(br#"{"license_key":"a","version":null,"more":[1]}"#, client).is_ok());
    }
}
