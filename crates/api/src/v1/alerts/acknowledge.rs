use actix_web::{post, web};
use keyward_domain::AlertId;
use keyward_domain::permission::WriteRegistries;
use keyward_engine::Engine;
use keyward_web::fields::Nothing;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Id, Problem};

use super::AlertView;

/// Acknowledge an alert
///
/// Says that you have seen to it. Saying so twice changes nothing.
#[utoipa::path(
    tag = "alerts",
    operation_id = "acknowledge_alert",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["registries:write"])),
    responses((status = 200, body = AlertView), Refused),
)]
#[post("/api/v1/alerts/{id}/acknowledge")]
pub(crate) async fn acknowledge(
    command: Command<WriteRegistries, Nothing>,
    id: Id<AlertId>,
    engine: web::Data<Engine>,
) -> Result<Answer<AlertView>, Problem> {
    Ok(Answer::ok(engine.acknowledge_alert(&command.access, id.0).await?.into()))
}
