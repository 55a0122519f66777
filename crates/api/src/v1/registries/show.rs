use actix_web::{get, web};
use keyward_domain::RegistryId;
use keyward_domain::permission::ReadRegistries;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};

use super::RegistryView;

/// Show a registry
#[utoipa::path(
    tag = "registries",
    operation_id = "show_registry",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["registries:read"])),
    responses((status = 200, body = RegistryView), Refused),
)]
#[get("/api/v1/registries/{id}")]
pub(crate) async fn show(
    caller: Caller<ReadRegistries>,
    id: Id<RegistryId>,
    engine: web::Data<Engine>,
) -> Result<Answer<RegistryView>, Problem> {
    Ok(RegistryView::answer(engine.registry(&caller, id.0).await?))
}
