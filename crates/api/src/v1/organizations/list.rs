use actix_web::{get, web};
use keyward_domain::Page;
use keyward_domain::permission::ReadOrganization;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Problem};

use super::OrganizationView;
use crate::v1::page::PageView;

/// List the organizations that the token acts in
///
/// There is one: a token belongs to one organization.
#[utoipa::path(
    tag = "organizations",
    operation_id = "list_organizations",
    responses((status = 200, body = PageView<OrganizationView>), Refused),
)]
#[get("/api/v1/organizations")]
pub(crate) async fn list(
    caller: Caller<ReadOrganization>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<OrganizationView>>, Problem> {
    let page = Page { items: vec![engine.organization(&caller).await?], next: None };
    Ok(Answer::ok(PageView::of(page, OrganizationView::from)))
}
