use actix_web::{get, web};
use keyward_domain::permission::{Operate, ReadOrganization};
use keyward_domain::{Page, Permission};
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Problem, Query};

use super::OrganizationView;
use crate::v1::page::{PageQuery, PageView};

/// List the organizations that the token acts in
///
/// There is one: a token belongs to one organization. The operator sees all.
#[utoipa::path(
    tag = "organizations",
    operation_id = "list_organizations",
    params(PageQuery),
    security(("management_token" = ["organizations:read"])),
    responses((status = 200, body = PageView<OrganizationView>), Refused),
)]
#[get("/api/v1/organizations")]
pub(crate) async fn list(
    caller: Caller<ReadOrganization>,
    query: Query<PageQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<OrganizationView>>, Problem> {
    let page = if caller.scopes().contains(Permission::Operate) {
        engine.all_organizations(&caller.also::<Operate>()?, query.0.request()).await?
    } else {
        Page::new(vec![engine.organization(&caller).await?], None)
    };
    let now = engine.now();
    Ok(Answer::ok(PageView::of(page, |organization| OrganizationView::at(organization, now))))
}
