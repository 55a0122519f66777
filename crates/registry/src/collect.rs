//! Where a machine fetches the new secret of its key, after the key was rotated by schedule. It shows the old secret:
//! several that share a key can each come, and come again, until that is dead. Who shows the new one has it.
//!
//! Asked at any host: the key says of which registry it is.

use actix_web::http::header;
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};
use keyward_domain::registry::Host;
use keyward_engine::Engine;
use keyward_web::ClientAddress;
use serde_json::json;

use crate::credentials;
use crate::gateway::{WrongKeys, user_agent};
use crate::refusal::Refusal;

pub(crate) async fn post(
    request: HttpRequest,
    engine: web::Data<Engine>,
    wrong_keys: web::Data<WrongKeys>,
    address: ClientAddress,
) -> Result<HttpResponse, Refusal> {
    let unauthorized = || Refusal::unauthorized(&host(&request));
    let password = credentials::password(request.headers()).ok_or_else(unauthorized)?;
    let found = engine.collect_registry_key(&password, address.0, user_agent(&request)).await?;
    let found = found.ok_or_else(|| wrong_keys.refusal(&engine, address, unauthorized()))?;
    let answer = json!({
        "name": found.name,
        "secret": found.secret.as_ref().map(|secret| secret.expose()),
        "previous_expires_at": found.previous_until,
        "expires_at": found.expires_at,
    });
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

/// As the client calls this server, for the challenge alone.
fn host(request: &HttpRequest) -> Host {
    let written = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    written.and_then(|text| Host::of_authority(text).ok()).unwrap_or_else(Host::localhost)
}
