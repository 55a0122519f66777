use actix_web::{get, web};
use keyward_domain::OrganizationId;
use keyward_domain::permission::ReadOrganization;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};

use super::NoticesView;
use crate::v1::organizations::own;

/// Show what is told by mail
#[utoipa::path(
    tag = "organizations",
    operation_id = "show_notices",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["organizations:read"])),
    responses((status = 200, body = NoticesView), Refused),
)]
#[get("/api/v1/organizations/{id}/notices")]
pub(crate) async fn show(
    caller: Caller<ReadOrganization>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<NoticesView>, Problem> {
    own(caller.scope(), id.0)?;
    Ok(NoticesView::answer(engine.notices(&caller).await?))
}
