use actix_web::http::header;
use actix_web::{HttpResponse, get, web};
use keyward_domain::Kid;
use keyward_domain::permission::ReadSigningKeys;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Caller, Id, Problem};

/// Show the public half of a signing key as PEM
///
/// SPKI (RFC 8410), to be compiled into your application.
#[utoipa::path(
    tag = "signing-keys",
    operation_id = "show_signing_key_pem",
    params(("id" = String, Path, description = "The key's `kid`")),
    security(("management_token" = ["signing-keys:read"])),
    responses((status = 200, content_type = "application/x-pem-file", body = String), Refused),
)]
#[get("/api/v1/signing-keys/{id}/public-key.pem")]
pub(crate) async fn public_key(
    caller: Caller<ReadSigningKeys>,
    kid: Id<Kid>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    let key = engine.signing_key(&caller, kid.0).await?;
    let pem = (header::CONTENT_TYPE, "application/x-pem-file");
    Ok(HttpResponse::Ok().insert_header(pem).body(engine.public_pem(&key)?))
}
