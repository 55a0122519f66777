//! Errors on the wire: RFC 9457 problem documents with a stable code.

mod code;
mod engine;

use std::collections::BTreeMap;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use keyward_domain::Invalid;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema as _};

pub use code::Code;

/// How long to wait before asking a server again that was not ready: it finds out about its database each second.
pub const RETRY_SECONDS: i64 = 2;

/// A refusal, as the client sees it.
#[derive(Debug)]
pub struct Problem {
    code: Code,
    detail: Option<String>,
    errors: Vec<Fault>,
    more: Map<String, Value>,
    retry_after: Option<i64>,
}

/// One refused field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// JSON Pointer (RFC 6901) into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Name of the query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// Stable, `snake_case`.
    pub code: &'static str,
    /// A sentence for people.
    pub detail: String,
}

impl From<Fault> for Invalid {
    fn from(fault: Fault) -> Self {
        Self { code: fault.code, message: fault.detail, pointer: fault.pointer.unwrap_or_default() }
    }
}

impl Problem {
    /// A problem of this kind.
    pub fn new(code: Code) -> Self {
        let retry_after = (code == Code::ServiceUnavailable).then_some(RETRY_SECONDS);
        Self { code, detail: None, errors: Vec::new(), more: Map::new(), retry_after }
    }

    /// With what is special about this case.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With the fields at fault.
    #[must_use]
    pub fn errors(mut self, errors: Vec<Fault>) -> Self {
        self.errors = errors;
        self
    }

    /// With more fields at fault, where they are not named yet.
    #[must_use]
    pub fn also(mut self, faults: impl IntoIterator<Item = Fault>) -> Self {
        for fault in faults {
            if self.errors.iter().all(|known| known.pointer != fault.pointer) {
                self.errors.push(fault);
            }
        }
        self
    }

    /// With a member that programs can use.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// With the seconds after which it is worth another try (`Retry-After`).
    #[must_use]
    pub fn retry_after(mut self, seconds: i64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }

    /// The seconds after which it is worth another try.
    pub fn retry_seconds(&self) -> Option<i64> {
        self.retry_after
    }

    /// The kind.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The fields at fault.
    pub fn faults(&self) -> &[Fault] {
        &self.errors
    }

    fn document(&self) -> Value {
        let mut document = self.more.clone();
        document.insert("type".into(), format!("/problems/{}", self.code.slug()).into());
        document.insert("title".into(), self.code.title().into());
        document.insert("status".into(), self.code.status().as_u16().into());
        document.insert("code".into(), self.code.slug().into());
        if let Some(detail) = &self.detail {
            document.insert("detail".into(), detail.clone().into());
        }
        if !self.errors.is_empty() {
            document.insert("errors".into(), serde_json::json!(self.errors));
        }
        Value::Object(document)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail.as_deref().unwrap_or(self.code.title()))
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.code.status());
        response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json")));
        if self.code.status() == StatusCode::UNAUTHORIZED {
            response.insert_header((
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"keyward\""),
            ));
        }
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        response.body(self.document().to_string())
    }
}

/// Every refusal, in the OpenAPI document: one response that all operations refer to.
pub struct Refused;

impl Refused {
    /// Its name among the document's components.
    pub const NAME: &str = "Refused";

    /// The response itself.
    pub fn response() -> Response {
        let schema = Ref::from_schema_name(ProblemSchema::name());
        ResponseBuilder::new()
            .description("Refused; `code` says why")
            .content("application/problem+json", ContentBuilder::new().schema(Some(schema)).build())
            .build()
    }
}

impl IntoResponses for Refused {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        [("4XX".to_owned(), Ref::from_response_name(Self::NAME).into())].into()
    }
}

/// How the OpenAPI document shows problems.
#[derive(utoipa::ToSchema)]
#[schema(as = Problem, description = "RFC 9457 problem document. `code` is stable; `errors` names every failing field.")]
#[allow(dead_code, reason = "read by the derive alone")]
pub struct ProblemSchema {
    /// Where the kind of problem is described.
    #[schema(example = "/problems/validation_failed")]
    r#type: String,
    title: String,
    #[schema(example = 422)]
    status: u16,
    #[schema(example = "validation_failed")]
    code: String,
    detail: Option<String>,
    errors: Option<Vec<FaultSchema>>,
}

/// One refused field.
#[derive(utoipa::ToSchema)]
#[schema(as = Fault)]
#[allow(dead_code, reason = "read by the derive alone")]
pub struct FaultSchema {
    /// JSON Pointer into the body.
    #[schema(example = "/payload/exp")]
    pointer: Option<String>,
    /// Name of the query parameter.
    parameter: Option<String>,
    #[schema(example = "reserved_name")]
    code: String,
    detail: String,
}
