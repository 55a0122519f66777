use actix_web::{get, web};
use keyward_domain::ApplicationEntitlementId;
use keyward_domain::permission::ReadEntitlements;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};

use super::EntitlementView;

/// Show an application entitlement
#[utoipa::path(
    tag = "application-entitlements",
    operation_id = "show_application_entitlement",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["entitlements:read"])),
    responses((status = 200, body = EntitlementView), Refused),
)]
#[get("/api/v1/application-entitlements/{id}")]
pub(crate) async fn show(
    caller: Caller<ReadEntitlements>,
    id: Id<ApplicationEntitlementId>,
    engine: web::Data<Engine>,
) -> Result<Answer<EntitlementView>, Problem> {
    Ok(EntitlementView::answer(engine.application_entitlement(&caller, id.0).await?))
}
