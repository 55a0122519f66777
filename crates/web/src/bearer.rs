//! `Authorization: Bearer`.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::http::header;
use keyward_engine::pasted;

/// The credential that a request shows as `Bearer`, without what copying has added to it.
pub fn bearer(request: &HttpRequest) -> Option<Cow<'_, str>> {
    // Not as ASCII: a byte order mark from a file is to be ignored and not to hide the rest.
    let value = std::str::from_utf8(request.headers().get(header::AUTHORIZATION)?.as_bytes()).ok()?;
    let (scheme, text) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| pasted(text))
}
