//! The upstream's notifications: taken down, answered at once, and followed by the [sweep](crate::sweep()).

use actix_web::http::StatusCode;
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};
use keyward_domain::registry::{Host, Notifications, Registry};
use keyward_engine::Engine;
use keyward_web::ClientAddress;

use crate::credentials;
use crate::gateway::WrongKeys;
use crate::refusal::Refusal;

pub(crate) async fn post(
    request: HttpRequest,
    body: web::Payload,
    engine: web::Data<Engine>,
    wrong_keys: web::Data<WrongKeys>,
    address: ClientAddress,
) -> Result<HttpResponse, Refusal> {
    let registry = notifier(&request, &engine, &wrong_keys, address).await?;
    let Ok(body) = body.to_bytes_limited(Notifications::MOST_BYTES).await else {
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "UNSUPPORTED", "the events are too many"));
    };
    let body = body.map_err(|_| Refusal::bad("UNSUPPORTED", "the request broke off"))?;
    match Notifications::parse(&body) {
        Ok(hints) => engine.note_hints(&registry, hints).await?,
        // An upstream would send what is refused again for ever, and hold back all that came after.
        Err(fault) => tracing::warn!(registry = %registry.host, %fault, "a notification can't be read"),
    }
    Ok(HttpResponse::Accepted().finish())
}

async fn notifier(
    request: &HttpRequest,
    engine: &Engine,
    wrong_keys: &WrongKeys,
    address: ClientAddress,
) -> Result<Registry, Refusal> {
    let wrong = || Refusal::unauthorized(&Host::localhost());
    let secret = credentials::password(request.headers()).ok_or_else(wrong)?;
    match engine.notifier(&secret).await? {
        Some(registry) => Ok(registry),
        None => Err(wrong_keys.refusal(engine, address, wrong())),
    }
}
