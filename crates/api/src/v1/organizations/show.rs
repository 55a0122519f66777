use actix_web::{get, web};
use keyward_domain::OrganizationId;
use keyward_domain::permission::ReadOrganization;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};

use super::OrganizationView;
use crate::v1::organizations::own;

/// Show your organization
#[utoipa::path(
    tag = "organizations",
    operation_id = "show_organization",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["organizations:read"])),
    responses((status = 200, body = OrganizationView), Refused),
)]
#[get("/api/v1/organizations/{id}")]
pub(crate) async fn show(
    caller: Caller<ReadOrganization>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<OrganizationView>, Problem> {
    own(caller.scope(), id.0)?;
    Ok(OrganizationView::answer(engine.organization(&caller).await?, engine.now()))
}
