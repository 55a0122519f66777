use crate::v1::organizations::own;
use actix_web::{HttpResponse, delete, web};
use keyward_domain::OrganizationId;
use keyward_domain::permission::WriteOwners;
use keyward_engine::{ConfirmedCaller, Engine};
use keyward_web::problem::Refused;
use keyward_web::{Caller, Id, IfMatch, Problem};

/// Remove your sign-in provider
///
/// Passwords count again.
#[utoipa::path(
    tag = "organizations",
    operation_id = "delete_sign_in_provider",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    security(("management_token" = ["owners:write"])),
    responses((status = 204, description = "Removed"), Refused),
)]
#[delete("/api/v1/organizations/{id}/sign-in-provider")]
pub(crate) async fn delete(
    caller: Caller<WriteOwners>,
    id: Id<OrganizationId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    own(caller.scope(), id.0)?;
    engine.remove_sign_in_provider(&caller, ConfirmedCaller::program(&caller)?, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
