//! Artifacts: what is in the registries.

use actix_web::{HttpRequest, get, post, web};
use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::registry::{Artifact, RepositoryName, Tag};
use keyward_domain::{ArtifactId, PageRequest, RegistryId, Timestamp};
use keyward_engine::{Engine, NewArtifact, Pointing, TagDetail};
use keyward_web::{Answer, Caller, Command, Id, Once, Problem, Query, part, request};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create_artifact)
        .body::<NewArtifact>()
        .service(list_artifacts)
        .query::<ArtifactQuery>()
        .service(show_artifact)
        .service(list_artifact_tags)
        .service(show_tag_history);
}

/// A repository in a registry.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Artifact)]
pub(crate) struct ArtifactView {
    id: ArtifactId,
    registry_id: RegistryId,
    /// Example: "acme/app"
    repository: RepositoryName,
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

/// Name a repository before its first push
///
/// So that customers can be entitled to it. One that is known already is given as it is.
#[utoipa::path(params(Once), responses((status = 201, body = ArtifactView)))]
#[post("/api/v1/artifacts")]
pub(crate) async fn create_artifact(
    command: Command<WriteRegistries, NewArtifact>,
    engine: web::Data<Engine>,
) -> Result<Answer<ArtifactView>, Problem> {
    let Command { access, body, once } = command;
    let done = engine.create_artifact(&access, body, once.as_ref()).await?;
    let location = format!("/api/v1/artifacts/{}", done.value.id);
    Ok(Answer::created(location, done.value.into()).replayed(done.replayed))
}

/// Which artifacts are wanted.
#[derive(Debug)]
pub(crate) struct ArtifactQuery {
    registry_id: Option<RegistryId>,
    q: Option<String>,
    page: PageRequest,
}

request! {
    for ArtifactQuery {
        /// Of this registry only.
        registry_id: optional,
        /// Only those whose name contains this text.
        q: optional,
        ..page: PageRequest,
    }
}

/// List artifacts
#[utoipa::path(responses((status = 200, body = PageView<ArtifactView>)))]
#[get("/api/v1/artifacts")]
pub(crate) async fn list_artifacts(
    caller: Caller<ReadRegistries>,
    query: Query<ArtifactQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<ArtifactView>>, Problem> {
    let ArtifactQuery { registry_id, q, page } = query.0;
    let artifacts = engine.artifacts(&caller, registry_id, q.as_deref(), page).await?;
    Ok(Answer::ok(PageView::of(artifacts, ArtifactView::from)))
}

/// Show an artifact
#[utoipa::path(responses((status = 200, body = ArtifactView)))]
#[get("/api/v1/artifacts/{id}")]
pub(crate) async fn show_artifact(
    caller: Caller<ReadRegistries>,
    id: Id<ArtifactId>,
    engine: web::Data<Engine>,
) -> Result<Answer<ArtifactView>, Problem> {
    Ok(Answer::ok(engine.artifact(&caller, id.0).await?.into()))
}

/// What a tag pointed to for a while.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = TagPointing)]
pub(crate) struct PointingView {
    digest: String,
    since: Timestamp,
    /// `null` for now.
    until: Option<Timestamp>,
}

impl From<Pointing> for PointingView {
    fn from(pointing: Pointing) -> Self {
        Self { digest: pointing.digest.to_string(), since: pointing.since, until: pointing.until }
    }
}

/// All that a tag pointed to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TagHistory {
    items: Vec<PointingView>,
}

/// List what a tag pointed to, the latest first
#[utoipa::path(responses((status = 200, body = TagHistory)))]
#[get("/api/v1/artifacts/{id}/tags/{tag}/history")]
pub(crate) async fn show_tag_history(
    caller: Caller<ReadRegistries>,
    id: Id<ArtifactId>,
    request: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<Answer<TagHistory>, Problem> {
    let tag: Tag = part(&request, "tag")?;
    let history = engine.tag_history(&caller, id.0, &tag).await?;
    Ok(Answer::ok(TagHistory { items: history.into_iter().map(PointingView::from).collect() }))
}

/// A tag and what it points to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Tag)]
pub(crate) struct TagView {
    #[schema(example = "1.4.2")]
    tag: String,
    digest: String,
    /// Since when it is known to point there.
    since: Timestamp,
    media_type: Option<String>,
    /// All of it, in bytes.
    size: Option<u64>,
    /// For which systems.
    #[schema(example = json!(["linux/amd64", "linux/arm64"]))]
    platforms: Vec<String>,
}

impl From<TagDetail> for TagView {
    fn from(detail: TagDetail) -> Self {
        let (media_type, size, platforms) = match detail.manifest {
            Some(shown) => (Some(shown.media_type), Some(shown.total), shown.platforms),
            None => (None, None, Vec::new()),
        };
        let pointing = detail.pointing;
        let (tag, digest) = (pointing.tag.to_string(), pointing.digest.to_string());
        Self { tag, digest, since: pointing.since, media_type, size, platforms }
    }
}

/// All tags of an artifact.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Tags {
    items: Vec<TagView>,
}

/// List the tags of an artifact, by name
#[utoipa::path(responses((status = 200, body = Tags)))]
#[get("/api/v1/artifacts/{id}/tags")]
pub(crate) async fn list_artifact_tags(
    caller: Caller<ReadRegistries>,
    id: Id<ArtifactId>,
    engine: web::Data<Engine>,
) -> Result<Answer<Tags>, Problem> {
    let tags = engine.artifact_tags(&caller, id.0).await?;
    Ok(Answer::ok(Tags { items: tags.into_iter().map(TagView::from).collect() }))
}
