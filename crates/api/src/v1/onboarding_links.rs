//! Onboarding links.

use actix_web::{HttpResponse, delete, get, post, web};
use keyward_domain::permission::{ReadLicenses, WriteLicenses};
use keyward_domain::{LicenseId, Link, LinkId, Timestamp};
use keyward_engine::Engine;
use keyward_web::{Answer, Caller, Command, Id, Problem, Query, request};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create_onboarding_link)
        .body::<CreateOnboardingLink>()
        .service(list_onboarding_links)
        .query::<OnboardingLinkQuery>()
        .service(delete_onboarding_link);
}

/// A link that shows documentation and token of a license once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = OnboardingLink)]
pub(crate) struct OnboardingLinkView {
    id: LinkId,
    /// `live`, `used` (or withdrawn) or `expired`.
    #[schema(example = "live")]
    state: &'static str,
    created_at: Timestamp,
    expires_at: Timestamp,
    /// When it was opened or withdrawn.
    used_at: Option<Timestamp>,
}

impl OnboardingLinkView {
    pub(crate) fn at(link: &Link, now: Timestamp) -> Self {
        let state = match link.used_at {
            Some(_) => "used",
            None if link.is_live(now) => "live",
            None => "expired",
        };
        Self {
            id: link.id,
            state,
            created_at: link.created_at,
            expires_at: link.expires_at,
            used_at: link.used_at,
        }
    }
}

/// A link to be made.
#[derive(Debug)]
pub(crate) struct CreateOnboardingLink {
    license_id: LicenseId,
}

request! {
    /// A link to be made.
    "CreateOnboardingLink" for CreateOnboardingLink {
        /// For which license.
        license_id: required,
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
#[utoipa::path(responses((status = 201, body = CreatedOnboardingLink)))]
#[post("/api/v1/onboarding-links")]
pub(crate) async fn create_onboarding_link(
    command: Command<WriteLicenses, CreateOnboardingLink>,
    engine: web::Data<Engine>,
) -> Result<Answer<CreatedOnboardingLink>, Problem> {
    let license = command.body.license_id;
    let made = engine.create_onboarding_link(&command.access, license).await?;
    let link = OnboardingLinkView::at(&made.link, engine.now());
    let location = format!("/api/v1/onboarding-links?license_id={license}");
    Ok(Answer::created(location, CreatedOnboardingLink { link, url: made.url }))
}

/// Of which license.
#[derive(Debug)]
pub(crate) struct OnboardingLinkQuery {
    license_id: LicenseId,
}

request! {
    for OnboardingLinkQuery {
        /// The license.
        license_id: required,
    }
}

/// List a license's onboarding links
#[utoipa::path(responses((status = 200, body = PageView<OnboardingLinkView>)))]
#[get("/api/v1/onboarding-links")]
pub(crate) async fn list_onboarding_links(
    caller: Caller<ReadLicenses>,
    query: Query<OnboardingLinkQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<OnboardingLinkView>>, Problem> {
    let links = engine.onboarding_links(&caller, query.0.license_id).await?;
    let now = engine.now();
    let items = links.iter().map(|link| OnboardingLinkView::at(link, now)).collect();
    Ok(Answer::ok(PageView { items, next_cursor: None }))
}

/// Withdraw an onboarding link
///
/// One that was opened before is not there.
#[utoipa::path(responses((status = 204, description = "Withdrawn")))]
#[delete("/api/v1/onboarding-links/{id}")]
pub(crate) async fn delete_onboarding_link(
    caller: Caller<WriteLicenses>,
    id: Id<LinkId>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.revoke_onboarding_link(&caller, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
