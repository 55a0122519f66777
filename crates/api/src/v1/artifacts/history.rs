use actix_web::{HttpRequest, get, web};
use keyward_domain::permission::ReadRegistries;
use keyward_domain::registry::Tag;
use keyward_domain::{ArtifactId, Timestamp};
use keyward_engine::{Engine, Pointing};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem, part};
use serde::Serialize;

/// What a tag pointed to for a while.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = TagPointing)]
pub(crate) struct PointingView {
    digest: String,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// `null` for now.
    #[schema(value_type = Option<String>, format = DateTime)]
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
#[utoipa::path(
    tag = "artifacts",
    operation_id = "show_tag_history",
    params(("id" = String, Path, format = Uuid), ("tag" = String, Path)),
    security(("management_token" = ["registries:read"])),
    responses((status = 200, body = TagHistory), Refused),
)]
#[get("/api/v1/artifacts/{id}/tags/{tag}/history")]
pub(crate) async fn history(
    caller: Caller<ReadRegistries>,
    id: Id<ArtifactId>,
    request: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<Answer<TagHistory>, Problem> {
    let tag: Tag = part(&request, "tag")?;
    let history = engine.tag_history(&caller, id.0, &tag).await?;
    Ok(Answer::ok(TagHistory { items: history.into_iter().map(PointingView::from).collect() }))
}
