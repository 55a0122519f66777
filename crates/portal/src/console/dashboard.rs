//! What needs attention.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::ReadLicenses;
use keyward_engine::Engine;
use keyward_engine::views::{DashboardView, Overview};

use super::audit::{Line, line};
use crate::chart::Chart;
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.route("/", web::get().to(dashboard));
}

#[derive(Template)]
#[template(path = "console/dashboard.html")]
struct DashboardPage {
    shell: Shell,
    overview: Overview,
    chart: Chart,
    events: Vec<Line>,
    alerts: u64,
    bucket_alerts: usize,
}

/// How many licenses that end soon are named, and how many events.
const MOST_NAMED: u32 = 8;

async fn dashboard(request: HttpRequest, signed: Signed<ReadLicenses>, engine: web::Data<Engine>) -> Page {
    let now = engine.now();
    let DashboardView { overview, events, open_alerts, bucket_alerts } =
        engine.dashboard_view(&signed.access, MOST_NAMED).await?;
    let chart = Chart::of(&overview.days, now);
    page::send(&DashboardPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "dashboard", now).after(request.query_string()),
        overview,
        chart,
        events: events.iter().flatten().map(line).collect(),
        alerts: open_alerts.unwrap_or(0),
        bucket_alerts: bucket_alerts.unwrap_or(0),
    })
}
