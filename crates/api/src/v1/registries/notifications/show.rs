use actix_web::{get, web};
use keyward_domain::RegistryId;
use keyward_domain::permission::ReadRegistries;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};

use super::NotificationsView;

/// Show whether the upstream of a registry sends notifications
#[utoipa::path(
    tag = "registries",
    operation_id = "show_registry_notifications",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["registries:read"])),
    responses((status = 200, body = NotificationsView), Refused),
)]
#[get("/api/v1/registries/{id}/notifications")]
pub(crate) async fn show(
    caller: Caller<ReadRegistries>,
    id: Id<RegistryId>,
    engine: web::Data<Engine>,
) -> Result<Answer<NotificationsView>, Problem> {
    Ok(Answer::ok(engine.notifications(&caller, id.0).await?.into()))
}
