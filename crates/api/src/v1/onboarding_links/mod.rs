//! Onboarding links.

mod create;
mod delete;
mod list;

use crate::routes::Routes;
use keyward_domain::{Link, LinkId, Timestamp};
use serde::Serialize;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create::create)
        .body::<create::CreateOnboardingLink>()
        .service(list::list)
        .query::<list::OnboardingLinkQuery>("list_onboarding_links")
        .service(delete::delete);
}

/// A link that shows documentation and token of a license once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = OnboardingLink)]
pub(crate) struct OnboardingLinkView {
    #[schema(value_type = String, format = Uuid)]
    id: LinkId,
    /// `live`, `used` (or withdrawn) or `expired`.
    #[schema(example = "live")]
    state: &'static str,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// When it was opened or withdrawn.
    #[schema(value_type = Option<String>, format = DateTime)]
    used_at: Option<Timestamp>,
}

impl OnboardingLinkView {
    fn at(link: &Link, now: Timestamp) -> Self {
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
