//! What is told by mail.

use actix_web::{get, patch, web};
use keyward_domain::OrganizationId;
use keyward_domain::notice::{NoticeDays, Notices};
use keyward_domain::permission::{ReadOrganization, WriteOrganization};
use keyward_engine::{Engine, NoticesChange};
use keyward_web::{Answer, Caller, Command, Id, IfMatch, Problem};
use serde::Serialize;

use crate::v1::organizations::own;

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
    /// Example: [30, 7]
    days: NoticeDays,
    version: i64,
}

impl NoticesView {
    fn answer(notices: Notices) -> Answer<Self> {
        let Notices { members, customers, alerts, days, version } = notices;
        Answer::ok(Self { members, customers, alerts, days, version }).version(version)
    }
}

/// Show what is told by mail
#[utoipa::path(responses((status = 200, body = NoticesView)))]
#[get("/api/v1/organizations/{id}/notices")]
pub(crate) async fn show_notices(
    caller: Caller<ReadOrganization>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<NoticesView>, Problem> {
    own(caller.scope(), id.0)?;
    Ok(NoticesView::answer(engine.notices(&caller).await?))
}

/// Change what is told by mail
///
/// Each license is told of once for each number of days; with new terms it is told of anew. Revoked and suspended
/// ones are not.
#[utoipa::path(params(IfMatch), responses((status = 200, body = NoticesView)))]
#[patch("/api/v1/organizations/{id}/notices")]
pub(crate) async fn update_notices(
    command: Command<WriteOrganization, NoticesChange>,
    id: Id<OrganizationId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<NoticesView>, Problem> {
    let Command { access, body, .. } = command;
    own(access.scope(), id.0)?;
    Ok(NoticesView::answer(engine.set_notices(&access, body, seen.0).await?))
}
