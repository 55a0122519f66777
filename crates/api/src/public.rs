//! What an organization publishes, for everyone.

use actix_web::http::header;
use actix_web::{HttpResponse, get, web};
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Code, Problem, Slug};
use utoipa_actix_web::service_config::ServiceConfig;

/// For how long a copy is fresh. A pending key is published long before it signs.
const CACHE: &str = "public, max-age=300";

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(jwks).service(public_key).service(status_list);
}

/// Verification keys as a JWK Set
///
/// RFC 7517. Pending keys are in it before they sign, retired ones as long as their tokens verify.
#[utoipa::path(
    tag = "published", operation_id = "jwks", security(()),
    params(("org_slug" = String, Path, description = "The organization's slug")),
    responses(
        (status = 200, content_type = "application/jwk-set+json", body = Object),
        Refused,
    ),
)]
#[get("/o/{org_slug}/jwks.json")]
async fn jwks(slug: Slug, engine: web::Data<Engine>) -> Result<HttpResponse, Problem> {
    published("application/jwk-set+json", engine.jwks(&slug.0).await?)
}

/// The key that signs now, as PEM
///
/// SPKI (RFC 8410), as `importSPKI` of jose and most libraries read it.
#[utoipa::path(
    tag = "published", operation_id = "public_key", security(()),
    params(("org_slug" = String, Path, description = "The organization's slug")),
    responses(
        (status = 200, content_type = "application/x-pem-file", body = String),
        Refused,
    ),
)]
#[get("/o/{org_slug}/public-key.pem")]
async fn public_key(slug: Slug, engine: web::Data<Engine>) -> Result<HttpResponse, Problem> {
    published("application/x-pem-file", engine.public_key_pem(&slug.0).await?)
}

/// Which licenses are withdrawn
///
/// A signed Token Status List with two bits an entry: 0 valid, 1 revoked, 2 suspended. The claim `status` of a
/// license names its place.
#[utoipa::path(
    tag = "published", operation_id = "status_list", security(()),
    params(("org_slug" = String, Path, description = "The organization's slug")),
    responses(
        (status = 200, content_type = "application/statuslist+jwt", body = String),
        Refused,
    ),
)]
#[get("/o/{org_slug}/status-list")]
async fn status_list(slug: Slug, engine: web::Data<Engine>) -> Result<HttpResponse, Problem> {
    published("application/statuslist+jwt", engine.status_list(&slug.0).await?)
}

fn published(media_type: &str, document: Option<String>) -> Result<HttpResponse, Problem> {
    let document = document.ok_or_else(|| Problem::new(Code::NotFound))?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, media_type)).insert_header((header::CACHE_CONTROL, CACHE));
    // Public by nature: verifiers in browsers may read it from other origins.
    response.insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"));
    response.insert_header(("cross-origin-resource-policy", "cross-origin"));
    Ok(response.body(document))
}
