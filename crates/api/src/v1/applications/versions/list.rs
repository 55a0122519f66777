use actix_web::{get, web};
use keyward_domain::permission::ReadApplications;
use keyward_domain::{ApplicationId, Page};
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};

use super::VersionView;
use crate::v1::page::PageView;

/// List the versions of an application
///
/// All of them on one page: by Semantic Versioning, the highest first, and after these the others, the newest first.
#[utoipa::path(
    tag = "applications",
    operation_id = "list_application_versions",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["applications:read"])),
    responses((status = 200, body = PageView<VersionView>), Refused),
)]
#[get("/api/v1/applications/{id}/versions")]
pub(crate) async fn list(
    caller: Caller<ReadApplications>,
    id: Id<ApplicationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<VersionView>>, Problem> {
    let items = engine.application_versions(&caller, id.0).await?;
    Ok(Answer::ok(PageView::of(Page::new(items, None), VersionView::from)))
}
