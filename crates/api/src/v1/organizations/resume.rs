use actix_web::{post, web};
use keyward_domain::OrganizationId;
use keyward_domain::permission::Operate;
use keyward_engine::Engine;
use keyward_web::fields::Nothing;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Id, Problem};

use super::OrganizationView;

/// Resume an organization
///
/// For the server's operator: needs the scope `operator`. Its licenses are served again.
#[utoipa::path(
    tag = "organizations",
    operation_id = "resume_organization",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["operator"])),
    responses((status = 200, body = OrganizationView), Refused),
)]
#[post("/api/v1/organizations/{id}/resume")]
pub(crate) async fn resume(
    command: Command<Operate, Nothing>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<OrganizationView>, Problem> {
    let organization = engine.resume_organization(&command.access, id.0).await?;
    Ok(OrganizationView::answer(organization, engine.now()))
}
