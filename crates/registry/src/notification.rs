//! The upstream's notifications: taken down, answered at once, and followed by the [sweep](crate::sweep()).

use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};
use keyward_domain::registry::{Host, Notifications, Registry};
use keyward_engine::Engine;
use keyward_web::{Body, ClientAddress};

use crate::credentials;
use crate::gateway::WrongKeys;
use crate::refusal::Refusal;

pub(crate) async fn post(
    request: HttpRequest,
    body: Body<{ Notifications::MOST_BYTES }>,
    engine: web::Data<Engine>,
    wrong_keys: web::Data<WrongKeys>,
    address: ClientAddress,
) -> Result<HttpResponse, Refusal> {
    let registry = notifier(&request, &engine, &wrong_keys, address).await?;
    let body = body
        .read()
        .await
        .map_err(|fault| Refusal::unread(fault, "UNSUPPORTED", "the events are too many"))?;
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
