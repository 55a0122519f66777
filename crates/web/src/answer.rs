//! Answers with what belongs beside their body.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder};
use keyward_domain::Versioned;
use keyward_engine::Done;
use serde::Serialize;

use keyward_problem::{Code, Problem};

/// A thing as JSON.
#[derive(Debug)]
pub struct Answer<T> {
    body: T,
    status: StatusCode,
    version: Option<i64>,
    location: Option<String>,
    replayed: bool,
}

impl<T> Answer<T> {
    /// Here it is.
    pub fn ok(body: T) -> Self {
        Self { body, status: StatusCode::OK, version: None, location: None, replayed: false }
    }

    /// A thing as it is now, with its version.
    pub fn of<D: Versioned>(thing: D) -> Self
    where
        T: From<D>,
    {
        let version = thing.version();
        Self::ok(thing.into()).version(version)
    }

    /// A thing that was made, now or by an earlier request, and is at `location` from now on.
    pub fn made<D: Versioned>(location: String, done: Done<D>) -> Self
    where
        T: From<D>,
    {
        let version = done.value.version();
        Self::created(location, done.value.into()).version(version).replayed(done.replayed)
    }

    /// It was made, and is at `location` from now on.
    pub fn created(location: String, body: T) -> Self {
        Self { status: StatusCode::CREATED, location: Some(location), ..Self::ok(body) }
    }

    /// It is under way.
    pub fn accepted(body: T) -> Self {
        Self { status: StatusCode::ACCEPTED, ..Self::ok(body) }
    }

    /// With its version as `ETag`, for `If-Match`.
    #[must_use]
    pub fn version(self, version: i64) -> Self {
        Self { version: Some(version), ..self }
    }

    /// Done by an earlier request with the same `Idempotency-Key`.
    #[must_use]
    pub fn replayed(self, replayed: bool) -> Self {
        Self { replayed, ..self }
    }
}

impl<T: Serialize> Responder for Answer<T> {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let Ok(body) = serde_json::to_string(&self.body) else {
            return HttpResponse::from_error(Problem::new(Code::InternalError));
        };
        let mut response = HttpResponse::build(self.status);
        response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static("application/json")));
        if let Some(version) = self.version {
            let tag = format!("\"{version}\"");
            let seen = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
            if request.method() == actix_web::http::Method::GET && seen == Some(tag.as_str()) {
                return HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish();
            }
            response.insert_header((header::ETAG, tag));
        }
        if let Some(location) = self.location {
            response.insert_header((header::LOCATION, location));
        }
        if self.replayed {
            response.insert_header((HeaderName::from_static("idempotency-replayed"), "true"));
        }
        response.body(body)
    }
}
