use actix_web::{get, web};
use keyward_domain::OrganizationId;
use keyward_domain::permission::ReadOrganization;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Code, Id, Problem};

use super::DeletionView;
use crate::v1::organizations::own;

/// Show whether your organization is to be deleted
///
/// 404 if it is not.
#[utoipa::path(
    tag = "organizations",
    operation_id = "show_organization_deletion",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["organizations:read"])),
    responses((status = 200, body = DeletionView), Refused),
)]
#[get("/api/v1/organizations/{id}/deletion")]
pub(crate) async fn show(
    caller: Caller<ReadOrganization>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<DeletionView>, Problem> {
    own(caller.scope(), id.0)?;
    let deletion = engine.deletion(&caller).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Answer::ok(deletion.into()))
}
