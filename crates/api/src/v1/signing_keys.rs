//! Signing keys.

use actix_web::http::header;
use actix_web::{HttpResponse, get, post, web};
use keyward_domain::permission::{ReadSigningKeys, WriteSigningKeys};
use keyward_domain::{Kid, Page, SigningKey, SigningKeyState, Timestamp};
use keyward_engine::{Engine, NewSigningKey};
use keyward_web::fields::Nothing;
use keyward_web::{Answer, Caller, Command, Id, Once, Problem};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create_signing_key)
        .body::<NewSigningKey>()
        .service(list_signing_keys)
        .service(show_signing_key)
        .service(show_signing_key_pem)
        .service(activate_signing_key)
        .service(revoke_signing_key);
}

/// An Ed25519 key of your organization; its secret half never leaves the server.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SigningKey)]
pub(crate) struct SigningKeyView {
    /// RFC 7638 thumbprint: the `kid` of tokens.
    /// Example: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    kid: Kid,
    /// `pending` (published, does not sign yet), `active`, `retired` (still verifies) or `revoked`.
    #[schema(example = "active")]
    state: &'static str,
    /// Since when it is active, retired or revoked.
    since: Option<Timestamp>,
    created_at: Timestamp,
}

impl From<SigningKey> for SigningKeyView {
    fn from(key: SigningKey) -> Self {
        let state: SigningKeyState = key.state;
        Self { kid: key.kid, state: state.as_str(), since: state.since(), created_at: key.created_at }
    }
}

/// Make or import a signing key
#[utoipa::path(params(Once), responses((status = 201, body = SigningKeyView)))]
#[post("/api/v1/signing-keys")]
pub(crate) async fn create_signing_key(
    command: Command<WriteSigningKeys, NewSigningKey>,
    engine: web::Data<Engine>,
) -> Result<Answer<SigningKeyView>, Problem> {
    let Command { access, body, once } = command;
    let done = engine.create_signing_key(&access, body, once.as_ref()).await?;
    let location = format!("/api/v1/signing-keys/{}", done.value.kid);
    Ok(Answer::created(location, done.value.into()).replayed(done.replayed))
}

/// List signing keys, oldest first
#[utoipa::path(responses((status = 200, body = PageView<SigningKeyView>)))]
#[get("/api/v1/signing-keys")]
pub(crate) async fn list_signing_keys(
    caller: Caller<ReadSigningKeys>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<SigningKeyView>>, Problem> {
    let page = Page::new(engine.signing_keys(&caller).await?, None);
    Ok(Answer::ok(PageView::of(page, SigningKeyView::from)))
}

/// Show a signing key
#[utoipa::path(responses((status = 200, body = SigningKeyView)))]
#[get("/api/v1/signing-keys/{id}")]
pub(crate) async fn show_signing_key(
    caller: Caller<ReadSigningKeys>,
    kid: Id<Kid>,
    engine: web::Data<Engine>,
) -> Result<Answer<SigningKeyView>, Problem> {
    Ok(Answer::ok(engine.signing_key(&caller, kid.0).await?.into()))
}

/// Let a signing key sign from now on
///
/// The one before it is retired: it signs nothing new, and its tokens still verify.
#[utoipa::path(params(Once), responses((status = 200, body = SigningKeyView)))]
#[post("/api/v1/signing-keys/{id}/activate")]
pub(crate) async fn activate_signing_key(
    command: Command<WriteSigningKeys, Nothing>,
    kid: Id<Kid>,
    engine: web::Data<Engine>,
) -> Result<Answer<SigningKeyView>, Problem> {
    let done = engine.activate_signing_key(&command.access, kid.0, command.once.as_ref()).await?;
    Ok(Answer::ok(done.value.into()).replayed(done.replayed))
}

/// Show the public half of a signing key as PEM
///
/// SPKI (RFC 8410), to be compiled into your application.
#[utoipa::path(responses((status = 200, content_type = "application/x-pem-file", body = String)))]
#[get("/api/v1/signing-keys/{id}/public-key.pem")]
pub(crate) async fn show_signing_key_pem(
    caller: Caller<ReadSigningKeys>,
    kid: Id<Kid>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    let key = engine.signing_key(&caller, kid.0).await?;
    let pem = (header::CONTENT_TYPE, "application/x-pem-file");
    Ok(HttpResponse::Ok().insert_header(pem).body(engine.public_pem(&key)?))
}

/// Withdraw a signing key for ever
///
/// It leaves the JWK Set, and its tokens can be fetched no more. An active key must be replaced first.
#[utoipa::path(params(Once), responses((status = 200, body = SigningKeyView)))]
#[post("/api/v1/signing-keys/{id}/revoke")]
pub(crate) async fn revoke_signing_key(
    command: Command<WriteSigningKeys, Nothing>,
    kid: Id<Kid>,
    engine: web::Data<Engine>,
) -> Result<Answer<SigningKeyView>, Problem> {
    let done = engine.revoke_signing_key(&command.access, kid.0, command.once.as_ref()).await?;
    Ok(Answer::ok(done.value.into()).replayed(done.replayed))
}
