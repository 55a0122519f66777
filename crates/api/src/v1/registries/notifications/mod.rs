//! What the upstream of a registry tells of itself.

mod create;
mod delete;
mod show;

use crate::routes::Routes;
use keyward_domain::Timestamp;
use keyward_domain::registry::Notifications;
use serde::Serialize;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes.service(create::create).service(show::show).service(delete::delete);
}

/// By what the upstream of a registry may send notifications.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RegistryNotifications)]
pub(crate) struct NotificationsView {
    /// Whether it may at all.
    enabled: bool,
    /// The first characters of the secret.
    #[schema(example = "kw_hook_3f9")]
    hint: Option<String>,
    /// When the secret was made.
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    /// When the upstream last sent something, to the minute; `null` if it never did.
    #[schema(value_type = Option<String>, format = DateTime)]
    heard_at: Option<Timestamp>,
}

impl From<Option<Notifications>> for NotificationsView {
    fn from(kept: Option<Notifications>) -> Self {
        let (enabled, kept) = (kept.is_some(), kept.as_ref());
        Self {
            enabled,
            hint: kept.map(|kept| kept.hint.clone()),
            created_at: kept.map(|kept| kept.created_at),
            heard_at: kept.and_then(|kept| kept.heard_at),
        }
    }
}
