use actix_web::{post, web};
use keyward_domain::LicenseId;
use keyward_domain::permission::WriteLicenses;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Problem, Request};
use serde::Serialize;

use super::OnboardingLinkView;

/// A link to be made.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct CreateOnboardingLink {
    /// For which license.
    #[schema(value_type = String, format = Uuid)]
    license_id: LicenseId,
}

impl Request for CreateOnboardingLink {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { license_id: fields.required("license_id")? })
    }
}

/// A link just made, with its address.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CreatedOnboardingLink {
    #[serde(flatten)]
    link: OnboardingLinkView,
    /// Its address, shown this once.
    #[schema(example = "https://licenses.example/onboarding/kw_onb_…")]
    url: String,
}

/// Create an onboarding link
///
/// It opens once, within 7 days, for half an hour. Looking at it opens nothing.
#[utoipa::path(
    tag = "onboarding-links",
    operation_id = "create_onboarding_link",
    request_body = CreateOnboardingLink,
    security(("management_token" = ["licenses:write"])),
    responses((status = 201, body = CreatedOnboardingLink), Refused),
)]
#[post("/api/v1/onboarding-links")]
pub(crate) async fn create(
    command: Command<WriteLicenses, CreateOnboardingLink>,
    engine: web::Data<Engine>,
) -> Result<Answer<CreatedOnboardingLink>, Problem> {
    let license = command.body.license_id;
    let made = engine.create_onboarding_link(&command.access, license).await?;
    let link = OnboardingLinkView::at(&made.link, engine.now());
    let location = format!("/api/v1/onboarding-links?license_id={license}");
    Ok(Answer::created(location, CreatedOnboardingLink { link, url: made.url }))
}
