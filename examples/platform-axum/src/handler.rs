//! What handlers of axum take and give: callers with a right, and problems.

use std::sync::Arc;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use keyward_domain::{Access, Grant};
use keyward_problem::{Problem, authorize};

use crate::Shop;

/// A caller who may do `P`.
pub struct Caller<P>(pub Access<P>);

impl<P: Grant + Send> FromRequestParts<Arc<Shop>> for Caller<P> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shop: &Arc<Shop>) -> Result<Self, Refusal> {
        let authorization = parts.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        Ok(Self(authorize(&shop.engine, authorization).await?))
    }
}

/// A problem as an answer of axum.
pub struct Refusal(pub Problem);

impl<E: Into<Problem>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = Json(self.0.document()).into_response();
        *response.status_mut() = StatusCode::from_u16(self.0.status()).unwrap_or_default();
        for (name, value) in self.0.headers() {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}
