use actix_web::{HttpRequest, HttpResponse, get, web};
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Problem, part};

use super::Bearer;

/// Fetch a file, with your license keys in it
///
/// Where it asks for a license key that is not available, it is refused (`license_key_unavailable`).
#[utoipa::path(
    tag = "customer",
    operation_id = "fetch_own_file",
    security(("license_token" = [])),
    params(
        ("application" = String, Path, description = "Its slug"),
        ("version" = String, Path, description = "Its name"),
        ("file" = String, Path, description = "Its name"),
    ),
    responses((status = 200, body = String, content_type = "text/plain"), Refused),
)]
#[get("/api/v1/customer/applications/{application}/versions/{version}/files/{file}")]
pub(crate) async fn fetch(
    bearer: Bearer,
    request: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    let (slug, name) = (part(&request, "application")?, part(&request, "version")?);
    let file: String = part(&request, "file")?;
    let text = engine.entitled_file(&bearer.0, &slug, &name, &file).await?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(text))
}
