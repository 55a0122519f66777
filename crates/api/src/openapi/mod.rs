//! The OpenAPI 3.1 document.

mod contract;
mod webhooks;

use std::sync::LazyLock;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{App, HttpResponse};
use keyward_web::problem::{FaultSchema, ProblemSchema, Refused};
use serde_json::Value;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, LicenseBuilder, OpenApiBuilder, RefOr, SecurityRequirement};
use utoipa::{PartialSchema as _, ToSchema as _};
use utoipa_actix_web::AppExt as _;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::routes::Routes;

/// The OpenAPI document of all routes.
pub fn openapi() -> Value {
    let mut described = Vec::new();
    let list = |config: &mut ServiceConfig<'_>| {
        let mut routes = Routes::new(config);
        crate::list(&mut routes);
        described = routes.described;
    };
    let (_, found) = App::new().into_utoipa_app().configure(list).split_for_parts();
    let bearer = |about: &str| {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(about));
        SecurityScheme::Http(scheme.build())
    };
    let mut components = found.components.unwrap_or_else(Components::new);
    components.add_security_scheme("management_token", bearer(MANAGEMENT_TOKEN));
    components.add_security_scheme("product_api_key", bearer("A product API key: `kw_prod_…`"));
    components.add_security_scheme("license_token", bearer("A license's own token"));
    let cookie = ApiKeyValue::with_description("keyward-customer", CUSTOMER_SESSION);
    components.add_security_scheme("customer_session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    components.schemas.insert(ProblemSchema::name().into(), ProblemSchema::schema());
    components.schemas.insert(FaultSchema::name().into(), FaultSchema::schema());
    components.responses.insert(Refused::NAME.into(), Refused::response().into());
    let mut paths = found.paths;
    paths.paths.values_mut().flat_map(operations).for_each(describe_responses);
    let info = InfoBuilder::new().title("Keyward").version("v1").description(Some(DESCRIPTION)).license(
        Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()),
    );
    let document = OpenApiBuilder::new()
        .info(info)
        .paths(paths)
        .components(Some(components))
        .security(Some([SecurityRequirement::new("management_token", [] as [&str; 0])]))
        .build();
    let mut document = serde_json::to_value(document).unwrap_or_default();
    contract::complete(&mut document, &described);
    document["webhooks"] = webhooks::webhooks();
    document
}

/// The operations of a path.
pub(crate) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

/// A response must have a description; what its status says is enough where there is nothing to add.
fn describe_responses(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            response.description = if status == "201" { "Created" } else { "As asked" }.to_owned();
        }
    }
}

pub(crate) async fn document() -> HttpResponse {
    static JSON: LazyLock<String> = LazyLock::new(|| openapi().to_string());
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    HttpResponse::Ok().insert_header(json).body(JSON.as_str())
}

/// What the document says of the session of a customer's pages.
const CUSTOMER_SESSION: &str = "The session of a user of a customer, as signing in at `/portal/sign-in` sets it; over TLS the cookie is \
     `__Host-keyward-customer`. What changes something is taken from pages of this server, and from programs that are no browser.";

const MANAGEMENT_TOKEN: &str = "\
A management token: `kw_mgmt_…`. Operations name the scope that it must have. It acts for the member who made it: the \
member's role must include that scope too, at the time of the request. Where an operation has `x-scopes-for-owners`, it \
takes those as well if an owner is concerned.";

const DESCRIPTION: &str = "\
Issue licenses as signed tokens that your application verifies offline.

- **Errors** are RFC 9457 problem documents with a stable `code`; `errors` names every field at fault. Members that an
  operation does not know are refused.
- **Lists** are pages, newest first or as `sort` says: follow `next_cursor` with `?cursor=` until it is `null`.
- **Repeat safely**: a `POST` with the header `Idempotency-Key` is carried out once within 24 hours.
- **Change safely**: send the `ETag` of what you saw as `If-Match`.
- A `PATCH` that changes nothing answers as if it did, with the same `ETag`, and leaves no trace.
- Times are RFC 3339 in UTC, whole seconds. Where a start or an end is asked for, a day such as `2027-06-30` will do: a
  start begins with it, and an end includes it, so that it comes back as `2027-07-01T00:00:00Z`, the first second after.
- Names are one line of visible characters, and come back in Unicode's Normalization Form C. Texts of several lines come
  back as they were sent, with `\n` at the end of each line.
- Payloads come back exactly as they were sent, digit for digit.";

#[cfg(test)]
mod tests {
    use keyward_web::fields::NAMED;

    use super::*;
    use crate::routes::Described;

    #[test]
    fn words_are_about_what_is_read() {
        let mut described = Vec::new();
        let list = |config: &mut ServiceConfig<'_>| {
            let mut routes = Routes::new(config);
            crate::list(&mut routes);
            described = routes.described;
        };
        let _ = App::new().into_utoipa_app().configure(list);
        for Described { operation, schema, words, .. } in described {
            let schema = schema();
            let schema = schema.get(NAMED).unwrap_or(&schema);
            for (member, comment) in words.all_members() {
                let is_read = schema["properties"].get(member).is_some();
                assert!(is_read || comment.is_empty(), "{operation} says something of {member}");
            }
        }
    }
}
