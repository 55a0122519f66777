use actix_web::{get, web};
use keyward_domain::ArtifactId;
use keyward_domain::permission::ReadRegistries;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};

use super::ArtifactView;

/// Show an artifact
#[utoipa::path(
    tag = "artifacts",
    operation_id = "show_artifact",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["registries:read"])),
    responses((status = 200, body = ArtifactView), Refused),
)]
#[get("/api/v1/artifacts/{id}")]
pub(crate) async fn show(
    caller: Caller<ReadRegistries>,
    id: Id<ArtifactId>,
    engine: web::Data<Engine>,
) -> Result<Answer<ArtifactView>, Problem> {
    Ok(Answer::ok(engine.artifact(&caller, id.0).await?.into()))
}
