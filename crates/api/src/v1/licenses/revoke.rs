use actix_web::{post, web};
use keyward_domain::LicenseId;
use keyward_domain::permission::WriteLicenses;
use keyward_engine::Engine;
use keyward_web::fields::Nothing;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Id, Problem};

use super::LicenseView;

/// End a license for ever
///
/// It gives no token from now on, and reaches offline verifiers by the status list.
#[utoipa::path(
    tag = "licenses",
    operation_id = "revoke_license",
    params(("id" = String, Path, format = Uuid), ("Idempotency-Key" = Option<String>, Header)),
    security(("management_token" = ["licenses:write"])),
    responses((status = 200, body = LicenseView), Refused),
)]
#[post("/api/v1/licenses/{id}/revoke")]
pub(crate) async fn revoke(
    command: Command<WriteLicenses, Nothing>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Result<Answer<LicenseView>, Problem> {
    let done = engine.revoke_license(&command.access, id.0, command.once.as_ref()).await?;
    Ok(LicenseView::done(done, engine.now()))
}
