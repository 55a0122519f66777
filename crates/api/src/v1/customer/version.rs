use actix_web::{HttpRequest, get, web};
use keyward_domain::files::Chart;
use keyward_engine::{Engine, EntitledVersion};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Problem, part};
use serde::Serialize;

use super::{Bearer, EntitledVersionView};
use crate::v1::applications::versions::ChartSchema;

/// A version with what it consists of.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = OwnVersionWithFiles)]
pub(crate) struct EntitledVersionSheet {
    #[serde(flatten)]
    version: EntitledVersionView,
    /// The chart of a Helm application.
    #[schema(value_type = Option<ChartSchema>)]
    chart: Option<Chart>,
    files: Vec<EntitledFileView>,
}

/// A file of a version.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = OwnFile)]
struct EntitledFileView {
    #[schema(example = "compose.yaml")]
    name: String,
    /// Whether it can be fetched. Where not, a license key that it asks for is not available.
    available: bool,
    /// Where it is fetched from.
    #[schema(example = "/api/v1/customer/applications/acme-server/versions/1.4.2/files/compose.yaml")]
    path: String,
}

impl From<EntitledVersion> for EntitledVersionSheet {
    fn from(own: EntitledVersion) -> Self {
        let base = format!(
            "/api/v1/customer/applications/{}/versions/{}/files",
            own.application.slug, own.version.name
        );
        let file = |file: keyward_engine::DeliveredFile| EntitledFileView {
            path: format!("{base}/{}", file.name),
            available: file.text.is_ok(),
            name: file.name,
        };
        Self {
            version: own.version.into(),
            chart: own.chart,
            files: own.files.into_iter().map(file).collect(),
        }
    }
}

/// Show a version that you may deploy
#[utoipa::path(
    tag = "customer",
    operation_id = "show_own_version",
    security(("license_token" = [])),
    params(
        ("application" = String, Path, description = "Its slug"),
        ("version" = String, Path, description = "Its name"),
    ),
    responses((status = 200, body = EntitledVersionSheet), Refused),
)]
#[get("/api/v1/customer/applications/{application}/versions/{version}")]
pub(crate) async fn show(
    bearer: Bearer,
    request: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<Answer<EntitledVersionSheet>, Problem> {
    let (slug, name) = (part(&request, "application")?, part(&request, "version")?);
    Ok(Answer::ok(engine.entitled_version(&bearer.0, &slug, &name).await?.into()))
}
