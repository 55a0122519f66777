use actix_web::{get, web};
use keyward_domain::LicenseId;
use keyward_domain::permission::ReadLicenses;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Fields, Problem, Query, Request};

use super::OnboardingLinkView;
use crate::v1::page::PageView;

/// Of which license.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OnboardingLinkQuery {
    /// The license.
    #[param(value_type = String, format = Uuid)]
    license_id: LicenseId,
}

impl Request for OnboardingLinkQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { license_id: fields.required("license_id")? })
    }
}

/// List a license's onboarding links
#[utoipa::path(
    tag = "onboarding-links",
    operation_id = "list_onboarding_links",
    params(OnboardingLinkQuery),
    security(("management_token" = ["licenses:read"])),
    responses((status = 200, body = PageView<OnboardingLinkView>), Refused),
)]
#[get("/api/v1/onboarding-links")]
pub(crate) async fn list(
    caller: Caller<ReadLicenses>,
    query: Query<OnboardingLinkQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<OnboardingLinkView>>, Problem> {
    let links = engine.onboarding_links(&caller, query.0.license_id).await?;
    let now = engine.now();
    let items = links.iter().map(|link| OnboardingLinkView::at(link, now)).collect();
    Ok(Answer::ok(PageView { items, next_cursor: None }))
}
