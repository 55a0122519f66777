//! Refusals in the form of the OCI distribution specification: `{"errors":[{"code","message","detail"}]}`.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use keyward_domain::Invalid;
use keyward_domain::registry::Host;
use keyward_engine::outbound::bounds;
use keyward_web::BodyFault;
use serde_json::json;

/// Sent with every answer; some clients look for it.
pub(crate) const API_VERSION: (&str, &str) = ("Docker-Distribution-Api-Version", "registry/2.0");

/// Why a request goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    /// Where a credential would help: the realm.
    challenge: Option<Host>,
    retry_after: Option<i64>,
    /// What was the matter inside, for the log and the registry's owners; clients are not told.
    pub cause: Option<String>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), challenge: None, retry_after: None, cause: None }
    }

    /// No key, or none that is known.
    pub(crate) fn unauthorized(host: &Host) -> Self {
        let message = "log in with a registry key of this host, or as customer with the token of a license";
        Self { challenge: Some(host.clone()), ..Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message) }
    }

    /// The key is good and does not open this. Clients print the sentence.
    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "DENIED", message)
    }

    pub(crate) fn too_many(retry_after: i64) -> Self {
        let message = "too many wrong keys from this address; wait a while";
        let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", message);
        Self { retry_after: Some(retry_after), ..refusal }
    }

    /// As much is under way as there may be.
    pub(crate) fn busy() -> Self {
        let message =
            "too many requests to the registry behind this host are under way; try again in a few seconds";
        let refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, "TOOMANYREQUESTS", message);
        Self { retry_after: Some(bounds::RETRY_AFTER), ..refusal }
    }

    /// The request was here before.
    pub(crate) fn looped() -> Self {
        let message = "the registry behind this host leads back to this server";
        Self::new(StatusCode::LOOP_DETECTED, "UNAVAILABLE", message).because(message)
    }

    /// Who was refused too often; the last sentence they were told says why.
    pub(crate) fn refused_too_often(last: &str, retry_after: i64) -> Self {
        let message = format!("too many refused requests with this credential; wait a minute ({last})");
        let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", message);
        Self { retry_after: Some(retry_after), ..refusal }
    }

    pub(crate) fn not_found(code: &'static str, message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    pub(crate) fn bad(code: &'static str, message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// A name that is none in this registry.
    pub(crate) fn name(invalid: Invalid) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "NAME_INVALID",
            format!("the name of the repository {}", invalid.message),
        )
    }

    pub(crate) fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "this address does not take this method")
    }

    /// A body that could not be read; `too_large` says how long it may be.
    pub(crate) fn unread(fault: BodyFault, code: &'static str, too_large: &str) -> Self {
        match fault {
            BodyFault::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, code, too_large),
            BodyFault::TimedOut => {
                Self::new(StatusCode::REQUEST_TIMEOUT, code, "the request took too long to arrive")
            }
            BodyFault::Broken => Self::bad(code, "the request broke off on its way"),
        }
    }

    /// The registry behind gave no answer that could be passed on. What it said is in the log alone.
    pub(crate) fn unavailable() -> Self {
        let message = "the registry behind this host is not available; try again later";
        Self::new(StatusCode::BAD_GATEWAY, "UNAVAILABLE", message)
    }

    /// The same, with what was the matter.
    pub(crate) fn because(self, cause: impl std::fmt::Display) -> Self {
        Self { cause: Some(cause.to_string()), ..self }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status);
        response.insert_header(API_VERSION);
        if let Some(host) = &self.challenge
            && let Ok(value) = HeaderValue::from_str(&format!("Basic realm=\"{host}\", charset=\"UTF-8\""))
        {
            response.insert_header((header::WWW_AUTHENTICATE, value));
        }
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        response.json(json!({"errors": [{"code": self.code, "message": self.message, "detail": null}]}))
    }
}

/// Something of our own went wrong: logged here, once, with its causes.
impl From<keyward_engine::Error> for Refusal {
    fn from(error: keyward_engine::Error) -> Self {
        if error.is_passing() {
            tracing::debug!(%error, "request to a registry refused for now");
            let message = "the server's database is not available; try again in a moment";
            let refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message);
            return Self { retry_after: Some(keyward_web::RETRY_SECONDS), ..refusal };
        }
        tracing::error!(error = %error, cause = ?std::error::Error::source(&error), "request to a registry failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "UNKNOWN",
            "something went wrong; the log of the server says what",
        )
    }
}
