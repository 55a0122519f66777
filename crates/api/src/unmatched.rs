//! Requests that no route takes: another method is told from another address.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use actix_web::dev::ResourceDef;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use keyward_web::{Code, Problem};

/// Which methods each address takes, from the OpenAPI document.
static METHODS: LazyLock<Vec<(ResourceDef, String)>> = LazyLock::new(|| {
    let document = serde_json::to_value(crate::openapi()).unwrap_or_default();
    let paths: BTreeMap<String, BTreeMap<String, serde_json::Value>> =
        serde_json::from_value(document["paths"].clone()).unwrap_or_default();
    let methods =
        |verbs: BTreeMap<String, _>| verbs.into_keys().map(|verb| verb.to_uppercase()).collect::<Vec<_>>();
    paths.into_iter().map(|(path, verbs)| (ResourceDef::new(path), methods(verbs).join(", "))).collect()
});

pub(crate) async fn unmatched(request: HttpRequest) -> HttpResponse {
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
