//! What a license has been: its revisions, and what was done to it.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::ReadLicenses;
use keyward_domain::{LicenseId, Revision};
use keyward_engine::Engine;
use keyward_web::Id;

use super::super::audit::{Line, line};
use super::{Frame, MOST_EVENTS};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/licenses/{id}/history", web::get().to(show));
}

#[derive(Template)]
#[template(path = "console/license_history.html")]
struct HistoryPage {
    shell: Shell,
    frame: Frame,
    revisions: Vec<Revision>,
    /// What was done to it; `None` where the audit log can't be looked at.
    events: Option<Vec<Line>>,
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadLicenses>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Page {
    let view = engine.license_view(&signed.access, id.0, MOST_EVENTS).await?;
    let (shell, frame) = Frame::around(&engine, &signed, &view, "history", request.query_string());
    let events = view.events.map(|events| events.iter().map(line).collect());
    page::send(&HistoryPage { shell, frame, revisions: view.revisions, events })
}
