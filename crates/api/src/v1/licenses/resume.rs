use actix_web::{post, web};
use keyward_domain::LicenseId;
use keyward_domain::permission::WriteLicenses;
use keyward_engine::Engine;
use keyward_web::fields::Nothing;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Id, Problem};

use super::LicenseView;

/// End a suspension
///
/// The license is as it was before.
#[utoipa::path(
    tag = "licenses",
    operation_id = "resume_license",
    params(("id" = String, Path, format = Uuid), ("Idempotency-Key" = Option<String>, Header)),
    security(("management_token" = ["licenses:write"])),
    responses((status = 200, body = LicenseView), Refused),
)]
#[post("/api/v1/licenses/{id}/resume")]
pub(crate) async fn resume(
    command: Command<WriteLicenses, Nothing>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Result<Answer<LicenseView>, Problem> {
    let done = engine.resume_license(&command.access, id.0, command.once.as_ref()).await?;
    Ok(LicenseView::done(done, engine.now()))
}
