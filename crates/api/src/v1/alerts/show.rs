use actix_web::{get, web};
use keyward_domain::AlertId;
use keyward_domain::permission::ReadRegistries;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};

use super::AlertView;

/// Show an alert
#[utoipa::path(
    tag = "alerts",
    operation_id = "show_alert",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["registries:read"])),
    responses((status = 200, body = AlertView), Refused),
)]
#[get("/api/v1/alerts/{id}")]
pub(crate) async fn show(
    caller: Caller<ReadRegistries>,
    id: Id<AlertId>,
    engine: web::Data<Engine>,
) -> Result<Answer<AlertView>, Problem> {
    Ok(Answer::ok(engine.alert(&caller, id.0).await?.into()))
}
