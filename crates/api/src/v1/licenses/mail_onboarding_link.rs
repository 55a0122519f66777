use actix_web::{post, web};
use keyward_domain::permission::WriteLicenses;
use keyward_domain::{Email, LicenseId};
use keyward_engine::Engine;
use keyward_web::fields::Nothing;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Id, Problem};
use serde::Serialize;

/// To whom a link was mailed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Mailed {
    #[schema(value_type = String, format = Email)]
    email: Email,
}

/// Mail an onboarding link to a license's customer
#[utoipa::path(
    tag = "licenses",
    operation_id = "mail_onboarding_link",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["licenses:write"])),
    responses((status = 200, body = Mailed), Refused),
)]
#[post("/api/v1/licenses/{id}/mail-onboarding-link")]
pub(crate) async fn mail_onboarding_link(
    command: Command<WriteLicenses, Nothing>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Result<Answer<Mailed>, Problem> {
    let email = engine.mail_onboarding_link(&command.access, id.0).await?;
    Ok(Answer::ok(Mailed { email }))
}
