//! What is told by mail.

pub(crate) mod show;
pub(crate) mod update;

use keyward_domain::notice::{NoticeDays, Notices};
use keyward_web::Answer;
use serde::Serialize;

/// What is told by mail: licenses that are about to end, and alerts.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Notices)]
pub(crate) struct NoticesView {
    /// Whether owners and admins are told, once a day at most.
    members: bool,
    /// Whether the customers are told who hold the licenses.
    customers: bool,
    /// Whether owners and admins are told of alerts.
    alerts: bool,
    /// How many days before the end, the largest first.
    #[schema(value_type = Vec<u32>, example = json!([30, 7]))]
    days: NoticeDays,
    version: i64,
}

impl NoticesView {
    fn answer(notices: Notices) -> Answer<Self> {
        let Notices { members, customers, alerts, days, version } = notices;
        Answer::ok(Self { members, customers, alerts, days, version }).version(version)
    }
}
