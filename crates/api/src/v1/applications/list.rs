use actix_web::{get, web};
use keyward_domain::permission::ReadApplications;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Fields, Problem, Query, Request};

use super::ApplicationView;
use crate::v1::page::{PageQuery, PageView};

/// Which applications are wanted.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ApplicationQuery {
    /// Only those whose name contains this text.
    q: Option<String>,
    #[param(ignore)]
    page: PageQuery,
}

impl Request for ApplicationQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { q: fields.optional("q"), page: PageQuery::read(fields)? })
    }
}

/// List applications
#[utoipa::path(
    tag = "applications",
    operation_id = "list_applications",
    params(ApplicationQuery, PageQuery),
    security(("management_token" = ["applications:read"])),
    responses((status = 200, body = PageView<ApplicationView>), Refused),
)]
#[get("/api/v1/applications")]
pub(crate) async fn list(
    caller: Caller<ReadApplications>,
    query: Query<ApplicationQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<ApplicationView>>, Problem> {
    let Query(ApplicationQuery { q, page }) = query;
    let applications = engine.applications(&caller, q.as_deref(), page.request()).await?;
    Ok(Answer::ok(PageView::of(applications, ApplicationView::from)))
}
