//! Requests that no route takes: another method is told from another address.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use actix_web::dev::ResourceDef;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, guard, web};
use keyward_web::{Code, Problem};

/// Which methods each address takes, from the OpenAPI document.
static METHODS: LazyLock<Vec<(ResourceDef, String)>> = LazyLock::new(|| {
    let document = crate::openapi();
    let paths: BTreeMap<String, BTreeMap<String, serde_json::Value>> =
        serde_json::from_value(document["paths"].clone()).unwrap_or_default();
    let methods =
        |verbs: BTreeMap<String, _>| verbs.into_keys().map(|verb| verb.to_uppercase()).collect::<Vec<_>>();
    paths.into_iter().map(|(path, verbs)| (ResourceDef::new(path), methods(verbs).join(", "))).collect()
});

/// Answers for addresses of their own that also look like one of many, such as `…/preview` beside `…/{id}`: what they do
/// not take must not be taken for a thing with that id.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    let named = METHODS.iter().filter(|(address, _)| {
        let path = address.pattern().unwrap_or_default();
        let many =
            |(other, _): &&(ResourceDef, String)| other.pattern() != Some(path) && other.is_match(path);
        !path.contains('{') && METHODS.iter().any(|other| many(&other))
    });
    for (address, methods) in named {
        let others = guard::fn_guard(move |context| {
            let method = context.head().method.as_str();
            !methods.split(", ").any(|known| known == method)
        });
        let path = address.pattern().unwrap_or_default();
        config.service(web::resource(path).guard(others).to(unmatched));
    }
}

/// Answers what no route takes: 405 with `Allow` for a method that an address of the API does not take, and 404 else.
pub async fn unmatched(request: HttpRequest) -> HttpResponse {
    let known = METHODS.iter().find(|(address, _)| address.is_match(request.path()));
    match known {
        Some((_, methods)) => {
            let mut response = Problem::new(Code::MethodNotAllowed).error_response();
            if let Ok(methods) = header::HeaderValue::from_str(methods) {
                response.headers_mut().insert(header::ALLOW, methods);
            }
            response
        }
        None => Problem::new(Code::NotFound).error_response(),
    }
}
