use actix_web::{get, web};
use keyward_domain::RegistryId;
use keyward_domain::permission::ReadRegistries;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Fields, Problem, Query, Request};

use super::ArtifactView;
use crate::v1::page::{PageQuery, PageView};

/// Which artifacts are wanted.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ArtifactQuery {
    /// Of this registry only.
    #[param(value_type = Option<String>, format = Uuid)]
    registry_id: Option<RegistryId>,
    /// Only those whose name contains this text.
    q: Option<String>,
    #[param(ignore)]
    page: PageQuery,
}

impl Request for ArtifactQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (registry_id, q) = (fields.optional("registry_id"), fields.optional("q"));
        Some(Self { registry_id, q, page: PageQuery::read(fields)? })
    }
}

/// List artifacts
#[utoipa::path(
    tag = "artifacts",
    operation_id = "list_artifacts",
    params(ArtifactQuery, PageQuery),
    security(("management_token" = ["registries:read"])),
    responses((status = 200, body = PageView<ArtifactView>), Refused),
)]
#[get("/api/v1/artifacts")]
pub(crate) async fn list(
    caller: Caller<ReadRegistries>,
    query: Query<ArtifactQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<ArtifactView>>, Problem> {
    let ArtifactQuery { registry_id, q, page } = query.0;
    let artifacts = engine.artifacts(&caller, registry_id, q.as_deref(), page.request()).await?;
    Ok(Answer::ok(PageView::of(artifacts, ArtifactView::from)))
}
