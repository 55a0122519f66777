//! The variable parts of an address. What can't be one is as absent as what isn't there.

use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use keyward_problem::{Code, Problem};

/// The part `{id}`.
#[derive(Debug, Clone, Copy)]
pub struct Id<T>(pub T);

/// The part `{org_slug}`.
#[derive(Debug, Clone)]
pub struct Slug(pub keyward_domain::Slug);

impl<T: FromStr> FromRequest for Id<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(part(request, "id").map(Self))
    }
}

impl FromRequest for Slug {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(part(request, "org_slug").map(Self))
    }
}

/// The part of the address with this name. A slash within it comes as `%2F`, which the router leaves.
pub fn part<T: FromStr>(request: &HttpRequest, name: &str) -> Result<T, Problem> {
    let text = request.match_info().get(name);
    let text = text.map(|text| text.replace("%2F", "/").replace("%2f", "/"));
    text.and_then(|text| text.parse().ok()).ok_or_else(|| Problem::new(Code::NotFound))
}
