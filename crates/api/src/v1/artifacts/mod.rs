//! Artifacts: what is in the registries.

mod create;
mod history;
mod list;
mod show;
mod tags;

use crate::routes::Routes;
use keyward_domain::registry::{Artifact, RepositoryName};
use keyward_domain::{ArtifactId, RegistryId, Timestamp};
use serde::Serialize;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create::create)
        .body::<create::CreateArtifact>()
        .service(list::list)
        .query::<list::ArtifactQuery>("list_artifacts")
        .service(show::show)
        .service(tags::tags)
        .service(history::history);
}

/// A repository in a registry.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Artifact)]
pub(crate) struct ArtifactView {
    #[schema(value_type = String, format = Uuid)]
    id: ArtifactId,
    #[schema(value_type = String, format = Uuid)]
    registry_id: RegistryId,
    #[schema(value_type = String, example = "acme/app")]
    repository: RepositoryName,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Artifact> for ArtifactView {
    fn from(artifact: Artifact) -> Self {
        Self {
            id: artifact.id,
            registry_id: artifact.registry,
            repository: artifact.repository,
            created_at: artifact.created_at,
        }
    }
}
