use actix_web::{get, web};
use keyward_domain::permission::ReadRegistries;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Problem, Query};

use super::RegistryView;
use crate::v1::page::{PageQuery, PageView};

/// List registries
#[utoipa::path(
    tag = "registries",
    operation_id = "list_registries",
    params(PageQuery),
    security(("management_token" = ["registries:read"])),
    responses((status = 200, body = PageView<RegistryView>), Refused),
)]
#[get("/api/v1/registries")]
pub(crate) async fn list(
    caller: Caller<ReadRegistries>,
    page: Query<PageQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<RegistryView>>, Problem> {
    let registries = engine.registries(&caller, page.0.request()).await?;
    Ok(Answer::ok(PageView::of(registries, RegistryView::from)))
}
