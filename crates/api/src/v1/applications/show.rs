use actix_web::{get, web};
use keyward_domain::ApplicationId;
use keyward_domain::permission::ReadApplications;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};

use super::ApplicationView;

/// Show an application
#[utoipa::path(
    tag = "applications",
    operation_id = "show_application",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["applications:read"])),
    responses((status = 200, body = ApplicationView), Refused),
)]
#[get("/api/v1/applications/{id}")]
pub(crate) async fn show(
    caller: Caller<ReadApplications>,
    id: Id<ApplicationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<ApplicationView>, Problem> {
    Ok(ApplicationView::answer(engine.application(&caller, id.0).await?))
}
