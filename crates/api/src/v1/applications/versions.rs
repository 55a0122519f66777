//! Versions of applications.

use actix_web::{HttpRequest, get, patch, post, web};
use keyward_domain::application::{ApplicationVersion, Rollout, VersionState};
use keyward_domain::files::{Chart, File, FileText, FilesDraft};
use keyward_domain::permission::{ReadApplications, WriteApplications};
use keyward_domain::product::Markdown;
use keyward_domain::{ApplicationId, ApplicationVersionId, Page, Timestamp, VersionName};
use keyward_engine::{Done, Engine, NewApplicationVersion, VersionSheet};
use keyward_web::fields::{Nothing, Partly, Words, unread};
use keyward_web::{Answer, Caller, Command, Fields, Id, IfMatch, Once, Problem, Request, part, words};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create_application_version)
        .body::<CreateApplicationVersion>()
        .service(list_application_versions)
        .service(show_application_version)
        .service(update_application_version)
        .body::<UpdateApplicationVersion>()
        .service(archive_application_version)
        .service(unarchive_application_version);
}

/// One version of an application, as lists show it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ApplicationVersion)]
pub(crate) struct VersionView {
    id: ApplicationVersionId,
    /// Never changes.
    /// Example: "1.4.2"
    name: VersionName,
    /// What customers read of it, in Markdown.
    notes: Markdown,
    /// How many seconds it may take to be healthy where an agent brings it up; absent: as long as its own checks say.
    health_seconds: Option<u32>,
    /// Whether an agent leaves it where it fails, since the version before can't follow it again.
    no_way_back: bool,
    /// `offered`, or `archived`: not to be granted any more.
    #[schema(example = "offered")]
    state: &'static str,
    archived_at: Option<Timestamp>,
    created_at: Timestamp,
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
            health_seconds: version.rollout.health_seconds,
            no_way_back: version.rollout.no_way_back,
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

/// A version to be created. Only its notes can be changed later.
#[derive(Debug, Default)]
pub(crate) struct CreateApplicationVersion {
    name: Option<VersionName>,
    notes: Option<Markdown>,
    compose: Option<FileText>,
    environment: Option<FileText>,
    chart: Option<Chart>,
    values: Option<FileText>,
    files: Option<Vec<File>>,
    rollout: Rollout,
}

impl Request for CreateApplicationVersion {
    const WORDS: Words = words! {
        /// A version to be created. Only its notes can be changed later.
        "CreateApplicationVersion" {
            /// Unique in the application: letters, digits and inner `.`, `_`, `+`, `-`.
            /// Example: "1.4.2"
            "name",
            /// What customers read of it, in Markdown.
            "notes",
            /// The Compose file; needed by applications of the kind `compose`. Up to 256 KiB, as every file.
            /// Example: "services: {app: {image: acme/server:1.4.2}}"
            "compose",
            /// The environment file of the kind `compose`, delivered as `.env`.
            "environment",
            /// The chart; needed by applications of the kind `helm`.
            "chart",
            /// Base values of the kind `helm`.
            "values",
            /// Up to 16 further files. All files together have up to 512 KiB.
            "files",
            /// How many seconds a version of the kind `compose` may take to be healthy where an agent brings it up;
            /// without it, as long as its own checks say.
            /// Example: 120
            "health_seconds",
            /// Whether an agent leaves it where it fails, instead of going back to the version before: for one that
            /// changes its data so that older versions can't read them. Of the kind `compose` alone.
            "no_way_back"
        }
    };

    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, notes) = (fields.required("name"), fields.optional("notes"));
        let (compose, environment) = (fields.optional("compose"), fields.optional("environment"));
        let (chart, values) = (fields.optional("chart"), fields.optional("values"));
        let files = fields.optional("files");
        let rollout = Rollout::read(fields)?;
        Some(Self { name, notes, compose, environment, chart, values, files, rollout })
    }
}

/// Create a version
///
/// `{{ .LicenseKeys.server }}` or `{{ index .LicenseKeys "Server" }}` in a file becomes the token of the customer's
/// license of that name when the customer fetches it. A name that no license has is told in `warnings`.
#[utoipa::path(params(Once), responses((status = 201, body = VersionSheetView)))]
#[post("/api/v1/applications/{id}/versions")]
pub(crate) async fn create_application_version(
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
            let faults = engine.application_version_faults(&access, id.0, files, body.rollout).await?;
            return Err(problem.unwrap_or_else(unread).also(faults.into_iter().map(Into::into)));
        }
    };
    let new =
        NewApplicationVersion { name, notes: body.notes.unwrap_or_default(), files, rollout: body.rollout };
    let done = engine.create_application_version(&access, id.0, new, once.as_ref()).await?;
    let version = &done.value.version;
    let location = format!("/api/v1/applications/{}/versions/{}", id.0, version.name);
    let number = version.version;
    Ok(Answer::created(location, done.value.into()).version(number).replayed(done.replayed))
}

/// List the versions of an application
///
/// All of them on one page: by Semantic Versioning, the highest first, and after these the others, the newest first.
#[utoipa::path(responses((status = 200, body = PageView<VersionView>)))]
#[get("/api/v1/applications/{id}/versions")]
pub(crate) async fn list_application_versions(
    caller: Caller<ReadApplications>,
    id: Id<ApplicationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<VersionView>>, Problem> {
    let items = engine.application_versions(&caller, id.0).await?;
    Ok(Answer::ok(PageView::of(Page::new(items, None), VersionView::from)))
}

/// Show a version with its files
///
/// As they were given, with license keys by their names.
#[utoipa::path(responses((status = 200, body = VersionSheetView)))]
#[get("/api/v1/applications/{id}/versions/{version}")]
pub(crate) async fn show_application_version(
    caller: Caller<ReadApplications>,
    id: Id<ApplicationId>,
    request: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<Answer<VersionSheetView>, Problem> {
    let name = part(&request, "version")?;
    Ok(VersionSheetView::answer(engine.application_version(&caller, id.0, &name).await?))
}

/// The new notes.
#[derive(Debug)]
pub(crate) struct UpdateApplicationVersion {
    notes: Markdown,
}

impl Request for UpdateApplicationVersion {
    const WORDS: Words = words! {
        /// The new notes.
        "UpdateApplicationVersion" {
            /// What customers read of it, in Markdown.
            "notes"
        }
    };

    fn read(fields: &mut Fields) -> Option<Self> {
        fields.immutable(&[
            "name",
            "compose",
            "environment",
            "chart",
            "values",
            "files",
            "health_seconds",
            "no_way_back",
        ]);
        Some(Self { notes: fields.required("notes")? })
    }
}

/// Change a version's notes
#[utoipa::path(params(IfMatch), responses((status = 200, body = VersionSheetView)))]
#[patch("/api/v1/applications/{id}/versions/{version}")]
pub(crate) async fn update_application_version(
    command: Command<WriteApplications, UpdateApplicationVersion>,
    id: Id<ApplicationId>,
    seen: IfMatch,
    request: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<Answer<VersionSheetView>, Problem> {
    let Command { access, body, .. } = command;
    let name = part(&request, "version")?;
    let changed = engine.note_application_version(&access, id.0, &name, body.notes, seen.0).await?;
    Ok(VersionSheetView::answer(changed))
}

/// Archive a version
///
/// It can't be granted any more, and entitlements to all versions that are made later leave it out. Who had it keeps it.
#[utoipa::path(params(Once), responses((status = 200, body = VersionSheetView)))]
#[post("/api/v1/applications/{id}/versions/{version}/archive")]
pub(crate) async fn archive_application_version(
    command: Command<WriteApplications, Nothing>,
    id: Id<ApplicationId>,
    request: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<Answer<VersionSheetView>, Problem> {
    let (name, once) = (part(&request, "version")?, command.once.as_ref());
    Ok(VersionSheetView::done(engine.archive_application_version(&command.access, id.0, &name, once).await?))
}

/// Offer a version again
///
/// It can be granted, and belongs to all entitlements to all versions.
#[utoipa::path(params(Once), responses((status = 200, body = VersionSheetView)))]
#[post("/api/v1/applications/{id}/versions/{version}/unarchive")]
pub(crate) async fn unarchive_application_version(
    command: Command<WriteApplications, Nothing>,
    id: Id<ApplicationId>,
    request: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<Answer<VersionSheetView>, Problem> {
    let (name, once) = (part(&request, "version")?, command.once.as_ref());
    Ok(VersionSheetView::done(
        engine.unarchive_application_version(&command.access, id.0, &name, once).await?,
    ))
}
