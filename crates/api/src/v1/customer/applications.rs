use actix_web::{get, web};
use keyward_domain::Page;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Problem};

use super::{Bearer, EntitledApplicationView};
use crate::v1::page::PageView;

/// List the applications that you are entitled to
///
/// With the token of one of your licenses, which has to be in force.
#[utoipa::path(
    tag = "customer",
    operation_id = "list_own_applications",
    security(("license_token" = [])),
    responses((status = 200, body = PageView<EntitledApplicationView>), Refused),
)]
#[get("/api/v1/customer/applications")]
pub(crate) async fn list(
    bearer: Bearer,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<EntitledApplicationView>>, Problem> {
    let items = engine.entitled_applications(&bearer.0).await?;
    let page = Page::new(items, None);
    Ok(Answer::ok(PageView::of(page, |own| own.application.into())))
}
