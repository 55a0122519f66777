use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, web};
use keyward_engine::Engine;
use keyward_web::{ClientAddress, bearer};

use super::validate::Validation;
use super::{NotValidated, answered, failed, refuse};

/// Ask whether your own license may run
///
/// For the customer, with the license's token as bearer token. Nothing is counted or registered.
#[utoipa::path(
    tag = "validation",
    operation_id = "validate_own_license",
    security(("license_token" = [])),
    responses(
        (status = 200, body = Validation),
        (status = 401, description = "No token of this server", body = NotValidated),
        (status = "5XX", description = "Nothing could be decided: try again", body = NotValidated),
    ),
)]
#[get("/api/v1/validate")]
pub(crate) async fn bearer_license(
    request: HttpRequest,
    client: ClientAddress,
    engine: web::Data<Engine>,
) -> HttpResponse {
    answer(&request, client, &engine).await
}

/// Ask whether your own license may run (short address)
#[utoipa::path(
    tag = "validation",
    operation_id = "validate_own_license_at_root",
    security(("license_token" = [])),
    responses(
        (status = 200, body = Validation),
        (status = 401, description = "No token of this server", body = NotValidated),
        (status = "5XX", description = "Nothing could be decided: try again", body = NotValidated),
    ),
)]
#[get("/validate")]
pub(crate) async fn bearer_license_at_root(
    request: HttpRequest,
    client: ClientAddress,
    engine: web::Data<Engine>,
) -> HttpResponse {
    answer(&request, client, &engine).await
}

async fn answer(request: &HttpRequest, client: ClientAddress, engine: &Engine) -> HttpResponse {
    let refused = || refuse(StatusCode::UNAUTHORIZED, "invalid_token", "This is no token of this server.");
    let Some(token) = bearer(request) else { return refused() };
    match engine.validate_token(&token, client.0).await {
        Ok(Some(json)) => answered(json),
        Ok(None) => refused(),
        Err(error) => failed(error),
    }
}
