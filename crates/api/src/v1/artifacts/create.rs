use actix_web::{post, web};
use keyward_domain::RegistryId;
use keyward_domain::permission::WriteRegistries;
use keyward_domain::registry::RepositoryName;
use keyward_engine::{Engine, NewArtifact};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Problem, Request};

use super::ArtifactView;

/// A repository to be known before anything was pushed to it.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct CreateArtifact {
    #[schema(value_type = String, format = Uuid)]
    registry_id: RegistryId,
    #[schema(value_type = String, example = "acme/app")]
    repository: RepositoryName,
}

impl Request for CreateArtifact {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (registry_id, repository) = (fields.required("registry_id"), fields.required("repository"));
        Some(Self { registry_id: registry_id?, repository: repository? })
    }
}

/// Name a repository before its first push
///
/// So that customers can be entitled to it. One that is known already is given as it is.
#[utoipa::path(
    tag = "artifacts",
    operation_id = "create_artifact",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = CreateArtifact,
    security(("management_token" = ["registries:write"])),
    responses((status = 201, body = ArtifactView), Refused),
)]
#[post("/api/v1/artifacts")]
pub(crate) async fn create(
    command: Command<WriteRegistries, CreateArtifact>,
    engine: web::Data<Engine>,
) -> Result<Answer<ArtifactView>, Problem> {
    let Command { access, body, once } = command;
    let new = NewArtifact { registry: body.registry_id, repository: body.repository };
    let done = engine.create_artifact(&access, new, once.as_ref()).await?;
    let location = format!("/api/v1/artifacts/{}", done.value.id);
    Ok(Answer::created(location, done.value.into()).replayed(done.replayed))
}
