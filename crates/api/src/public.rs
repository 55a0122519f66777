//! What an organization publishes, for everyone.

use crate::routes::Routes;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, EntityTag, IfNoneMatch};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, get, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_engine::{AskedList, Engine};
use keyward_web::problem::Refused;
use keyward_web::{Code, Problem, Slug, asked_host, utf8};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

/// For how long a copy is fresh. A pending key is published long before it signs.
const CACHE: &str = "public, max-age=300";

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes.service(jwks).service(public_key).service(public_keys).service(status_list).service(status_lists);
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
async fn jwks(request: HttpRequest, slug: Slug, engine: web::Data<Engine>) -> Result<HttpResponse, Problem> {
    published(&request, "application/jwk-set+json", engine.jwks(&slug.0).await?.as_deref())
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
async fn public_key(
    request: HttpRequest,
    slug: Slug,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    published(&request, "application/x-pem-file", engine.public_key_pem(&slug.0).await?.as_deref())
}

/// Verification keys as PEM
///
/// Those of the JWK Set, one SPKI block after the other, for programs that read no JWK.
#[utoipa::path(
    tag = "published", operation_id = "public_keys", security(()),
    params(("org_slug" = String, Path, description = "The organization's slug")),
    responses(
        (status = 200, content_type = "application/x-pem-file", body = String),
        Refused,
    ),
)]
#[get("/o/{org_slug}/public-keys.pem")]
async fn public_keys(
    request: HttpRequest,
    slug: Slug,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    published(&request, "application/x-pem-file", engine.public_keys_pem(&slug.0).await?.as_deref())
}

/// Of which address the status list is wanted.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by hand: what other verifiers put into a query is no error")]
struct ListQuery {
    /// The address that tokens name in `status.status_list.uri`. Without, the one at the host that was asked.
    #[param(inline, required = false)]
    uri: Option<String>,
}

/// Which licenses are withdrawn
///
/// A signed Token Status List with two bits an entry: 0 valid, 1 revoked, 2 suspended. The claim `status` of a
/// license names its place, and the address (`uri`) of which the list must be: after the server has moved, the list is
/// also published for each earlier address that a living token names. The answer is for the host that was asked, or for
/// the `uri` that is given; an address that no living token names is not found.
#[utoipa::path(
    tag = "published", operation_id = "status_list", security(()),
    params(("org_slug" = String, Path, description = "The organization's slug"), ListQuery),
    responses(
        (status = 200, content_type = "application/statuslist+jwt", body = String,
            headers(("ETag", description = "Changes with the list"), ("Link", description = "All its addresses"))),
        (status = 304, description = "The list is as `If-None-Match` says"),
        Refused,
    ),
)]
#[get("/o/{org_slug}/status-list")]
async fn status_list(
    request: HttpRequest,
    slug: Slug,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    let query = utf8::pairs(request.query_string());
    let uri = query.and_then(|query| query.into_iter().find(|(name, _)| name == "uri"));
    // By what the client wrote itself: whoever asks the same URL gets the same list.
    let asked = match (&uri, asked_host(&request)) {
        (Some((_, uri)), _) => AskedList::Uri(uri),
        (None, Some(host)) => AskedList::At(host),
        (None, None) => AskedList::Present,
    };
    let list = engine.status_list(&slug.0, asked).await?;
    let mut response = published(&request, "application/statuslist+jwt", list.as_deref())?;
    let all = format!("</o/{}/status-lists>; rel=\"collection\"", slug.0);
    if let Ok(all) = header::HeaderValue::from_str(&all) {
        response.headers_mut().insert(header::LINK, all);
    }
    Ok(response)
}

/// All addresses of the status list
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatusLists)]
struct StatusListsView {
    /// Where each can be fetched, that of tokens issued now first.
    status_lists: Vec<String>,
}

/// Where the status list is published
///
/// The Status List Aggregation of the Token Status List draft: one URL for each address that living tokens name, the
/// present one first. An application that takes lists along with its updates takes all of them.
#[utoipa::path(
    tag = "published", operation_id = "status_lists", security(()),
    params(("org_slug" = String, Path, description = "The organization's slug")),
    responses((status = 200, body = StatusListsView), Refused),
)]
#[get("/o/{org_slug}/status-lists")]
async fn status_lists(
    request: HttpRequest,
    slug: Slug,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    let lists = engine.status_lists(&slug.0).await?;
    let json = lists.map(|status_lists| serde_json::json!(StatusListsView { status_lists }).to_string());
    published(&request, "application/json", json.as_deref())
}

fn published(
    request: &HttpRequest,
    media_type: &str,
    document: Option<&str>,
) -> Result<HttpResponse, Problem> {
    let document = document.ok_or_else(|| Problem::new(Code::NotFound))?;
    let tag = EntityTag::new_strong(URL_SAFE_NO_PAD.encode(Sha256::digest(document)));
    let known = match request.get_header::<IfNoneMatch>() {
        Some(IfNoneMatch::Any) => true,
        Some(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(&tag)),
        None => false,
    };
    let status = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut response = HttpResponse::build(status);
    response.insert_header((header::CACHE_CONTROL, CACHE)).insert_header(header::ETag(tag));
    // Public by nature: verifiers in browsers may read it from other origins.
    response.insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"));
    response.insert_header(("cross-origin-resource-policy", "cross-origin"));
    if known {
        return Ok(response.finish());
    }
    Ok(response.insert_header((header::CONTENT_TYPE, media_type)).body(document.to_owned()))
}
