use actix_web::{get, web};
use keyward_domain::permission::ReadMembers;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Problem, Query};

use super::MemberView;
use crate::v1::page::{PageQuery, PageView};

/// List members
#[utoipa::path(
    tag = "members",
    operation_id = "list_members",
    params(PageQuery),
    security(("management_token" = ["members:read"])),
    responses((status = 200, body = PageView<MemberView>), Refused),
)]
#[get("/api/v1/members")]
pub(crate) async fn list(
    caller: Caller<ReadMembers>,
    page: Query<PageQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<MemberView>>, Problem> {
    let members = engine.members(&caller, page.0.request()).await?;
    Ok(Answer::ok(PageView::of(members, MemberView::from)))
}
