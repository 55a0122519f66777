use actix_web::{HttpRequest, patch, web};
use keyward_domain::ApplicationId;
use keyward_domain::permission::WriteApplications;
use keyward_domain::product::Markdown;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, IfMatch, Problem, Request, part};

use super::VersionSheetView;

/// The new notes.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct UpdateApplicationVersion {
    /// What customers read of it, in Markdown.
    #[schema(value_type = String)]
    notes: Markdown,
}

impl Request for UpdateApplicationVersion {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.immutable(&["name", "compose", "environment", "chart", "values", "files"]);
        Some(Self { notes: fields.required("notes")? })
    }
}

/// Change a version's notes
#[utoipa::path(
    tag = "applications",
    operation_id = "update_application_version",
    params(
        ("id" = String, Path, format = Uuid),
        ("version" = String, Path, description = "Its name"),
        ("If-Match" = Option<String>, Header),
    ),
    request_body = UpdateApplicationVersion,
    security(("management_token" = ["applications:write"])),
    responses((status = 200, body = VersionSheetView), Refused),
)]
#[patch("/api/v1/applications/{id}/versions/{version}")]
pub(crate) async fn update(
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
