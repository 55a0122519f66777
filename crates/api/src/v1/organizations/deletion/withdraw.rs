use crate::v1::organizations::own;
use actix_web::{HttpResponse, delete, web};
use keyward_domain::OrganizationId;
use keyward_domain::permission::WriteOwners;
use keyward_engine::{ConfirmedCaller, Engine};
use keyward_web::problem::Refused;
use keyward_web::{Caller, Id, Problem};

/// Take the deletion of your organization back
#[utoipa::path(
    tag = "organizations",
    operation_id = "withdraw_organization_deletion",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["owners:write"])),
    responses((status = 204, description = "Your organization stays"), Refused),
)]
#[delete("/api/v1/organizations/{id}/deletion")]
pub(crate) async fn withdraw(
    caller: Caller<WriteOwners>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    own(caller.scope(), id.0)?;
    engine.withdraw_deletion(&caller, &ConfirmedCaller::program(&caller)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
