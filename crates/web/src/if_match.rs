//! `If-Match` (RFC 9110): change it only if it is still as the client saw it.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};

use keyward_problem::{Code, Problem};

/// The version that the client saw; `None` where it does not mind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(pub Option<i64>);

impl IfMatch {
    /// How the header is written, as a regular expression.
    pub const PATTERN: &str = "^(\\*|\"[0-9]{1,18}\")$";
}

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let header = request.headers().get(header::IF_MATCH);
        ready(header.map_or(Ok(Self(None)), |value| parse(value.to_str().unwrap_or_default())))
    }
}

fn parse(text: &str) -> Result<IfMatch, Problem> {
    if text.trim() == "*" {
        return Ok(IfMatch(None));
    }
    let quoted = text.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let version = quoted.and_then(|version| version.parse().ok());
    let wrong =
        || Problem::new(Code::InvalidRequest).detail("If-Match must be the ETag of an earlier answer or *.");
    version.map(|version| IfMatch(Some(version))).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_strong_tags() {
        assert_eq!(parse("\"7\"").unwrap(), IfMatch(Some(7)));
        assert_eq!(parse("*").unwrap(), IfMatch(None));
        for text in ["", "7", "W/\"7\"", "\"7\", \"8\"", "\"x\"", "\""] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
