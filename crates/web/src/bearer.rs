//! `Authorization: Bearer`.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::http::header;

/// The credential that a request shows as `Bearer`, without what copying has added to it.
pub fn bearer(request: &HttpRequest) -> Option<Cow<'_, str>> {
    keyward_problem::bearer(request.headers().get(header::AUTHORIZATION)?.as_bytes())
}
