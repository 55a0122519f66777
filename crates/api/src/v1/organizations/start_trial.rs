use actix_web::{post, web};
use keyward_domain::OrganizationId;
use keyward_domain::permission::WriteOrganization;
use keyward_engine::Engine;
use keyward_web::fields::Nothing;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Id, Problem};

use super::OrganizationView;
use crate::v1::organizations::own;

/// Begin your trial
///
/// From the plan `free`, once: 30 days of Pro.
#[utoipa::path(
    tag = "organizations",
    operation_id = "start_trial",
    params(("id" = String, Path, format = Uuid), ("Idempotency-Key" = Option<String>, Header)),
    security(("management_token" = ["organizations:write"])),
    responses((status = 200, body = OrganizationView), Refused),
)]
#[post("/api/v1/organizations/{id}/start-trial")]
pub(crate) async fn start_trial(
    command: Command<WriteOrganization, Nothing>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<OrganizationView>, Problem> {
    own(command.access.scope(), id.0)?;
    let done = engine.start_trial(&command.access, command.once.as_ref()).await?;
    Ok(OrganizationView::answer(done.value, engine.now()).replayed(done.replayed))
}
