use actix_web::{post, web};
use keyward_domain::RegistryId;
use keyward_domain::permission::WriteRegistries;
use keyward_engine::Engine;
use keyward_web::fields::Nothing;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Id, Problem};

use super::RegistryView;

/// Look at all of a registry soon
///
/// For what was pushed or deleted past the gateway; done every hour by itself. `swept_at` is `null` until it is done.
#[utoipa::path(
    tag = "registries",
    operation_id = "sweep_registry",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["registries:write"])),
    responses((status = 200, body = RegistryView), Refused),
)]
#[post("/api/v1/registries/{id}/sweep")]
pub(crate) async fn sweep(
    command: Command<WriteRegistries, Nothing>,
    id: Id<RegistryId>,
    engine: web::Data<Engine>,
) -> Result<Answer<RegistryView>, Problem> {
    Ok(RegistryView::answer(engine.sweep_registry(&command.access, id.0).await?))
}
