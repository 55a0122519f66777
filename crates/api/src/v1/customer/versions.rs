use actix_web::{HttpRequest, get, web};
use keyward_domain::Page;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Problem, part};

use super::{Bearer, EntitledVersionView};
use crate::v1::page::PageView;

/// List the versions that you may deploy
///
/// The highest first.
#[utoipa::path(
    tag = "customer",
    operation_id = "list_own_versions",
    security(("license_token" = [])),
    params(("application" = String, Path, description = "Its slug")),
    responses((status = 200, body = PageView<EntitledVersionView>), Refused),
)]
#[get("/api/v1/customer/applications/{application}/versions")]
pub(crate) async fn list(
    bearer: Bearer,
    request: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<EntitledVersionView>>, Problem> {
    let own = engine.entitled_application(&bearer.0, &part(&request, "application")?).await?;
    let page = Page::new(own.versions, None);
    Ok(Answer::ok(PageView::of(page, EntitledVersionView::from)))
}
