use actix_web::{HttpResponse, delete, web};
use keyward_domain::LicenseId;
use keyward_domain::permission::WriteLicenses;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Caller, Id, IfMatch, Problem};

/// Delete a license
///
/// Its name is free again; its tokens count as revoked.
#[utoipa::path(
    tag = "licenses",
    operation_id = "delete_license",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    security(("management_token" = ["licenses:write"])),
    responses((status = 204, description = "Deleted"), Refused),
)]
#[delete("/api/v1/licenses/{id}")]
pub(crate) async fn delete(
    caller: Caller<WriteLicenses>,
    id: Id<LicenseId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.delete_license(&caller, id.0, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
