use actix_web::{get, web};
use keyward_domain::permission::ReadRegistries;
use keyward_domain::{ArtifactId, Timestamp};
use keyward_engine::{Engine, TagDetail};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};
use serde::Serialize;

/// A tag and what it points to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Tag)]
pub(crate) struct TagView {
    #[schema(example = "1.4.2")]
    tag: String,
    digest: String,
    /// Since when it is known to point there.
    #[schema(value_type = String, format = DateTime)]
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
#[utoipa::path(
    tag = "artifacts",
    operation_id = "list_artifact_tags",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["registries:read"])),
    responses((status = 200, body = Tags), Refused),
)]
#[get("/api/v1/artifacts/{id}/tags")]
pub(crate) async fn tags(
    caller: Caller<ReadRegistries>,
    id: Id<ArtifactId>,
    engine: web::Data<Engine>,
) -> Result<Answer<Tags>, Problem> {
    let tags = engine.artifact_tags(&caller, id.0).await?;
    Ok(Answer::ok(Tags { items: tags.into_iter().map(TagView::from).collect() }))
}
