use actix_web::{HttpRequest, get, web};
use keyward_domain::ApplicationId;
use keyward_domain::permission::ReadApplications;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem, part};

use super::VersionSheetView;

/// Show a version with its files
///
/// As they were given, with license keys by their names.
#[utoipa::path(
    tag = "applications",
    operation_id = "show_application_version",
    params(("id" = String, Path, format = Uuid), ("version" = String, Path, description = "Its name")),
    security(("management_token" = ["applications:read"])),
    responses((status = 200, body = VersionSheetView), Refused),
)]
#[get("/api/v1/applications/{id}/versions/{version}")]
pub(crate) async fn show(
    caller: Caller<ReadApplications>,
    id: Id<ApplicationId>,
    request: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<Answer<VersionSheetView>, Problem> {
    let name = part(&request, "version")?;
    Ok(VersionSheetView::answer(engine.application_version(&caller, id.0, &name).await?))
}
