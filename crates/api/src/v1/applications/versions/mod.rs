//! Versions of applications.

mod archive;
mod create;
mod list;
mod show;
mod unarchive;
mod update;

use crate::routes::Routes;
use keyward_domain::application::{ApplicationVersion, VersionState};
use keyward_domain::files::Chart;
use keyward_domain::product::Markdown;
use keyward_domain::{ApplicationVersionId, Timestamp, VersionName};
use keyward_engine::{Done, VersionSheet};
use keyward_web::Answer;
use serde::Serialize;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create::create)
        .body::<create::CreateApplicationVersion>()
        .service(list::list)
        .service(show::show)
        .service(update::update)
        .body::<update::UpdateApplicationVersion>()
        .service(archive::archive)
        .service(unarchive::unarchive);
}

/// One version of an application, as lists show it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ApplicationVersion)]
pub(crate) struct VersionView {
    #[schema(value_type = String, format = Uuid)]
    id: ApplicationVersionId,
    /// Never changes.
    #[schema(value_type = String, example = "1.4.2")]
    name: VersionName,
    /// What customers read of it, in Markdown.
    #[schema(value_type = String)]
    notes: Markdown,
    /// `offered`, or `archived`: not to be granted any more.
    #[schema(example = "offered")]
    state: &'static str,
    #[schema(value_type = Option<String>, format = DateTime)]
    archived_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    version: i64,
}

impl From<ApplicationVersion> for VersionView {
    fn from(version: ApplicationVersion) -> Self {
        let archived_at = match version.state {
            VersionState::Offered => None,
            VersionState::Archived { since } => Some(since),
        };
        Self {
            id: version.id,
            name: version.name,
            notes: version.notes,
            state: version.state.as_str(),
            archived_at,
            created_at: version.created_at,
            updated_at: version.updated_at,
            version: version.version,
        }
    }
}

/// One version with its files, as they were given.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ApplicationVersionWithFiles)]
pub(crate) struct VersionSheetView {
    #[serde(flatten)]
    version: VersionView,
    /// The chart of a Helm application.
    #[schema(value_type = Option<ChartSchema>)]
    chart: Option<Chart>,
    /// All files: `compose.yaml` and `.env`, or `values.yaml`, and the further ones.
    files: Vec<FileView>,
    /// License keys that files ask for and that no license is called now.
    warnings: Vec<WarningView>,
}

/// A file.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = File)]
pub(crate) struct FileView {
    #[schema(example = "compose.yaml")]
    name: String,
    content: String,
}

/// A license key that no license is called.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LicenseKeyWarning)]
pub(crate) struct WarningView {
    #[schema(example = "compose.yaml")]
    file: String,
    /// From 1.
    line: usize,
    /// What the file asks for.
    #[schema(example = "server")]
    license_key: String,
}

/// Where a Helm chart is.
#[derive(Debug, utoipa::ToSchema)]
#[schema(as = Chart)]
#[allow(dead_code, reason = "read by the derive alone")]
pub(crate) struct ChartSchema {
    /// `oci://registry/repository`, or the URL of a chart repository.
    #[schema(example = "oci://registry.example/acme/server")]
    url: String,
    /// The chart's name in its repository; absent for `oci://`.
    name: Option<String>,
    #[schema(example = "1.4.2")]
    version: String,
}

impl From<VersionSheet> for VersionSheetView {
    fn from(sheet: VersionSheet) -> Self {
        let file = |file: &keyward_domain::files::File| FileView {
            name: file.name.to_string(),
            content: file.text.as_str().to_owned(),
        };
        let warning = |warning: keyward_engine::KeyWarning| WarningView {
            file: warning.file.to_string(),
            line: warning.line,
            license_key: warning.name,
        };
        Self {
            version: sheet.version.into(),
            chart: sheet.files.chart().cloned(),
            files: sheet.files.iter().map(file).collect(),
            warnings: sheet.warnings.into_iter().map(warning).collect(),
        }
    }
}

impl VersionSheetView {
    fn answer(sheet: VersionSheet) -> Answer<Self> {
        let version = sheet.version.version;
        Answer::ok(sheet.into()).version(version)
    }

    fn done(done: Done<VersionSheet>) -> Answer<Self> {
        Self::answer(done.value).replayed(done.replayed)
    }
}
