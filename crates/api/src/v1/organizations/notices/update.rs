use actix_web::{patch, web};
use keyward_domain::OrganizationId;
use keyward_domain::notice::NoticeDays;
use keyward_domain::permission::WriteOrganization;
use keyward_engine::{Engine, NoticesChange};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, IfMatch, Problem, Request};

use super::NoticesView;
use crate::v1::organizations::own;

/// What is to be told; what is absent stays.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct UpdateNotices {
    /// Whether owners and admins are told, once a day at most.
    members: Option<bool>,
    /// Whether the customers are told who hold the licenses.
    customers: Option<bool>,
    /// Whether owners and admins are told of alerts.
    alerts: Option<bool>,
    /// How many days before the end: 1 to 5 numbers from 1 to 365.
    #[schema(value_type = Option<Vec<u32>>, example = json!([30, 7]))]
    days: Option<NoticeDays>,
}

impl Request for UpdateNotices {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (members, customers) = (fields.optional("members"), fields.optional("customers"));
        let (alerts, days) = (fields.optional("alerts"), fields.optional("days"));
        Some(Self { members, customers, alerts, days })
    }
}

/// Change what is told by mail
///
/// Each license is told of once for each number of days; with new terms it is told of anew. Revoked and suspended
/// ones are not.
#[utoipa::path(
    tag = "organizations",
    operation_id = "update_notices",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    request_body = UpdateNotices,
    security(("management_token" = ["organizations:write"])),
    responses((status = 200, body = NoticesView), Refused),
)]
#[patch("/api/v1/organizations/{id}/notices")]
pub(crate) async fn update(
    command: Command<WriteOrganization, UpdateNotices>,
    id: Id<OrganizationId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<NoticesView>, Problem> {
    let Command { access, body, .. } = command;
    own(access.scope(), id.0)?;
    let UpdateNotices { members, customers, alerts, days } = body;
    let change = NoticesChange { members, customers, alerts, days };
    Ok(NoticesView::answer(engine.set_notices(&access, change, seen.0).await?))
}
