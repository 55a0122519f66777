//! “May this run?”: the API of the customer's application. Its shapes are those of the services it replaces,
//! so errors are not problem documents here but answers that say `"valid": false`.

mod lookup;
mod token;
mod validate;

use crate::routes::Routes;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use keyward_domain::share::PartitionKind;
use keyward_domain::{Secret, SecretKind};
use keyward_engine::Error;
use keyward_engine::validation::Quota;
use keyward_web::{Problem, bearer};
use serde::Serialize;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(validate::validate)
        .service(lookup::look_up)
        .service(token::bearer_license)
        .service(token::bearer_license_at_root);
}

/// An answer that decided nothing.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct NotValidated {
    /// Always `false`.
    valid: bool,
    /// `invalid_request`, `invalid_api_key`, `rate_limit_exceeded`, `license_not_found` …
    #[schema(example = "invalid_api_key")]
    status: &'static str,
    /// A sentence for people.
    message: String,
    /// Seconds until the next try makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<i64>,
}

fn refuse(code: StatusCode, status: &'static str, message: impl Into<String>) -> HttpResponse {
    let body = NotValidated { valid: false, status, message: message.into(), retry_after: None };
    HttpResponse::build(code).json(body)
}

fn unknown_key() -> HttpResponse {
    let mut response = refuse(
        StatusCode::UNAUTHORIZED,
        "invalid_api_key",
        "The API key is missing, unknown or was rotated.",
    );
    let challenge = HeaderValue::from_static("Bearer realm=\"keyward\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// What was refused for want of room, in the words of draft-ietf-httpapi-ratelimit-headers-10: the policy that was met, how much it holds
/// within a day, and that nothing is left until the next.
fn full(retry_after: i64, quota: Quota, size: u64) -> HttpResponse {
    let message = match quota {
        Quota::Bucket => "The product's validations of this day are used up.",
        Quota::Share(PartitionKind::Address) => {
            "This address has used up its share of the product's validations of this day."
        }
        Quota::Share(PartitionKind::License) => {
            "This license has used up its share of the product's validations of this day."
        }
        Quota::Share(PartitionKind::UnknownKey) => {
            "Requests with unknown license keys have used up their share of the product's validations of this day."
        }
    };
    let body = NotValidated {
        valid: false,
        status: "rate_limit_exceeded",
        message: message.to_owned(),
        retry_after: Some(retry_after),
    };
    let name = quota.as_str();
    HttpResponse::TooManyRequests()
        .insert_header((header::RETRY_AFTER, retry_after))
        .insert_header(("RateLimit-Policy", format!("\"{name}\";q={size};w=86400")))
        .insert_header(("RateLimit", format!("\"{name}\";r=0;t={retry_after}")))
        .json(body)
}

/// The reason goes into the log; the client gets what it can do with.
fn failed(error: Error) -> HttpResponse {
    let status = actix_web::ResponseError::status_code(&Problem::from(error));
    refuse(status, "internal_error", "The server could not decide; try again.")
}

fn answered(json: String) -> HttpResponse {
    let json_type = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    HttpResponse::Ok().insert_header(json_type).body(json)
}

/// The product API key. What has no valid checksum is refused without a look at the database.
fn api_key(request: &HttpRequest) -> Option<Secret> {
    Secret::parse(SecretKind::Product, &bearer(request)?)
}
