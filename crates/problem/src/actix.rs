//! Problems as answers of actix, and in OpenAPI documents.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema as _};

use crate::Problem;

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        for header in self.headers() {
            response.insert_header(header);
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
