use actix_web::{get, web};
use keyward_domain::permission::ReadAuditEvents;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Problem, Query};

use super::AuditEventView;
use crate::v1::page::{PageQuery, PageView};

/// List what happened
///
/// Part of Enterprise: below it, `plan_required`. What happens is written down all the same.
#[utoipa::path(
    tag = "audit-events",
    operation_id = "list_audit_events",
    params(PageQuery),
    security(("management_token" = ["audit-events:read"])),
    responses((status = 200, body = PageView<AuditEventView>), Refused),
)]
#[get("/api/v1/audit-events")]
pub(crate) async fn list(
    caller: Caller<ReadAuditEvents>,
    page: Query<PageQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<AuditEventView>>, Problem> {
    let audit_events = engine.audit_events(&caller, page.0.request()).await?;
    Ok(Answer::ok(PageView::of(audit_events, AuditEventView::from)))
}
