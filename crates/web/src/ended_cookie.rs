//! Cookies that stand for nothing any more, taken back with the answer.

use actix_web::HttpMessage as _;
use actix_web::HttpRequest;
use actix_web::cookie::Cookie;
use actix_web::dev::ServiceResponse;

struct Ended(Vec<Cookie<'static>>);

/// Has the answer to this request take a cookie back, unless it sets it anew.
pub fn take_back_cookie(request: &HttpRequest, mut cookie: Cookie<'static>) {
    cookie.make_removal();
    let mut extensions = request.extensions_mut();
    match extensions.get_mut::<Ended>() {
        Some(Ended(cookies)) => cookies.push(cookie),
        None => drop(extensions.insert(Ended(vec![cookie]))),
    }
}

pub(crate) fn take_back<B>(response: &mut ServiceResponse<B>) {
    let ended = response.request().extensions_mut().remove::<Ended>();
    for cookie in ended.into_iter().flat_map(|Ended(cookies)| cookies) {
        if response.response().cookies().any(|set| set.name() == cookie.name()) {
            continue;
        }
        // A cookie that can't be written as a header would be a fault of ours, and the answer stands without it.
        let _ = response.response_mut().add_cookie(&cookie);
    }
}
