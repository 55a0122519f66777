use actix_web::{get, web};
use keyward_domain::MemberId;
use keyward_domain::permission::ReadMembers;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};

use super::MemberView;

/// Show a member
#[utoipa::path(
    tag = "members",
    operation_id = "show_member",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["members:read"])),
    responses((status = 200, body = MemberView), Refused),
)]
#[get("/api/v1/members/{id}")]
pub(crate) async fn show(
    caller: Caller<ReadMembers>,
    id: Id<MemberId>,
    engine: web::Data<Engine>,
) -> Result<Answer<MemberView>, Problem> {
    Ok(MemberView::answer(engine.member(&caller, id.0).await?))
}
