use actix_web::{HttpResponse, delete, web};
use keyward_domain::LinkId;
use keyward_domain::permission::WriteLicenses;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Caller, Id, Problem};

/// Withdraw an onboarding link
///
/// One that was opened before is not there.
#[utoipa::path(
    tag = "onboarding-links",
    operation_id = "delete_onboarding_link",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["licenses:write"])),
    responses((status = 204, description = "Withdrawn"), Refused),
)]
#[delete("/api/v1/onboarding-links/{id}")]
pub(crate) async fn delete(
    caller: Caller<WriteLicenses>,
    id: Id<LinkId>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.revoke_onboarding_link(&caller, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
