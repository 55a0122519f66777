use actix_web::{get, web};
use keyward_domain::ArtifactEntitlementId;
use keyward_domain::permission::ReadEntitlements;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};

use super::EntitlementView;

/// Show an artifact entitlement
#[utoipa::path(
    tag = "artifact-entitlements",
    operation_id = "show_artifact_entitlement",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["entitlements:read"])),
    responses((status = 200, body = EntitlementView), Refused),
)]
#[get("/api/v1/artifact-entitlements/{id}")]
pub(crate) async fn show(
    caller: Caller<ReadEntitlements>,
    id: Id<ArtifactEntitlementId>,
    engine: web::Data<Engine>,
) -> Result<Answer<EntitlementView>, Problem> {
    Ok(EntitlementView::answer(engine.artifact_entitlement(&caller, id.0).await?))
}
