use actix_web::{get, web};
use keyward_domain::LicenseId;
use keyward_domain::permission::ReadLicenses;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};

use super::LicenseView;

/// Show a license
#[utoipa::path(
    tag = "licenses",
    operation_id = "show_license",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["licenses:read"])),
    responses((status = 200, body = LicenseView), Refused),
)]
#[get("/api/v1/licenses/{id}")]
pub(crate) async fn show(
    caller: Caller<ReadLicenses>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Result<Answer<LicenseView>, Problem> {
    Ok(LicenseView::answer(engine.license(&caller, id.0).await?, engine.now()))
}
