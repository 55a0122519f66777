use actix_web::{HttpRequest, post, web};
use keyward_domain::ApplicationId;
use keyward_domain::permission::WriteApplications;
use keyward_engine::Engine;
use keyward_web::fields::Nothing;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Id, Problem, part};

use super::VersionSheetView;

/// Archive a version
///
/// It can't be granted any more, and entitlements to all versions that are made later leave it out. Who had it keeps it.
#[utoipa::path(
    tag = "applications",
    operation_id = "archive_application_version",
    params(
        ("id" = String, Path, format = Uuid),
        ("version" = String, Path, description = "Its name"),
        ("Idempotency-Key" = Option<String>, Header),
    ),
    security(("management_token" = ["applications:write"])),
    responses((status = 200, body = VersionSheetView), Refused),
)]
#[post("/api/v1/applications/{id}/versions/{version}/archive")]
pub(crate) async fn archive(
    command: Command<WriteApplications, Nothing>,
    id: Id<ApplicationId>,
    request: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<Answer<VersionSheetView>, Problem> {
    let (name, once) = (part(&request, "version")?, command.once.as_ref());
    Ok(VersionSheetView::done(engine.archive_application_version(&command.access, id.0, &name, once).await?))
}
