use actix_web::{post, web};
use keyward_domain::files::{Chart, File, FileText, FilesDraft};
use keyward_domain::permission::WriteApplications;
use keyward_domain::product::Markdown;
use keyward_domain::{ApplicationId, VersionName};
use keyward_engine::{Engine, NewApplicationVersion};
use keyward_web::fields::{Partly, unread};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, Problem, Request};

use super::{ChartSchema, FileView, VersionSheetView};

/// A version to be created. Name and files never change.
#[derive(Debug, Default, utoipa::ToSchema)]
pub(crate) struct CreateApplicationVersion {
    /// Unique in the application: letters, digits and inner `.`, `_`, `+`, `-`.
    #[schema(value_type = String, example = "1.4.2")]
    name: Option<VersionName>,
    /// What customers read of it, in Markdown.
    #[schema(value_type = Option<String>)]
    notes: Option<Markdown>,
    /// The Compose file; needed by applications of the kind `compose`. Up to 256 KiB, as every file.
    #[schema(value_type = Option<String>, example = "services: {app: {image: acme/server:1.4.2}}")]
    compose: Option<FileText>,
    /// The environment file of the kind `compose`, delivered as `.env`.
    #[schema(value_type = Option<String>)]
    environment: Option<FileText>,
    /// The chart; needed by applications of the kind `helm`.
    #[schema(value_type = Option<ChartSchema>)]
    chart: Option<Chart>,
    /// Base values of the kind `helm`.
    #[schema(value_type = Option<String>)]
    values: Option<FileText>,
    /// Up to 16 further files. All files together have up to 512 KiB.
    #[schema(value_type = Option<Vec<FileView>>)]
    files: Option<Vec<File>>,
}

impl Request for CreateApplicationVersion {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, notes) = (fields.required("name"), fields.optional("notes"));
        let (compose, environment) = (fields.optional("compose"), fields.optional("environment"));
        let (chart, values) = (fields.optional("chart"), fields.optional("values"));
        let files = fields.optional("files");
        Some(Self { name, notes, compose, environment, chart, values, files })
    }
}

/// Create a version
///
/// `{{ .LicenseKeys.server }}` or `{{ index .LicenseKeys "Server" }}` in a file becomes the token of the customer's
/// license of that name when the customer fetches it. A name that no license has is told in `warnings`.
#[utoipa::path(
    tag = "applications",
    operation_id = "create_application_version",
    params(("id" = String, Path, format = Uuid), ("Idempotency-Key" = Option<String>, Header)),
    request_body = CreateApplicationVersion,
    security(("management_token" = ["applications:write"])),
    responses((status = 201, body = VersionSheetView), Refused),
)]
#[post("/api/v1/applications/{id}/versions")]
pub(crate) async fn create(
    command: Command<WriteApplications, Partly<CreateApplicationVersion>>,
    id: Id<ApplicationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<VersionSheetView>, Problem> {
    let Command { access, body: Partly { request, problem }, once } = command;
    let body = request.unwrap_or_default();
    let files = FilesDraft {
        compose: body.compose,
        environment: body.environment,
        chart: body.chart,
        values: body.values,
        further: body.files.unwrap_or_default(),
    };
    let name = match (body.name, problem) {
        (Some(name), None) => name,
        (_, problem) => {
            let faults = engine.application_version_faults(&access, id.0, files).await?;
            return Err(problem.unwrap_or_else(unread).also(faults.into_iter().map(Into::into)));
        }
    };
    let new = NewApplicationVersion { name, notes: body.notes.unwrap_or_default(), files };
    let done = engine.create_application_version(&access, id.0, new, once.as_ref()).await?;
    let version = &done.value.version;
    let location = format!("/api/v1/applications/{}/versions/{}", id.0, version.name);
    let number = version.version;
    Ok(Answer::created(location, done.value.into()).version(number).replayed(done.replayed))
}
