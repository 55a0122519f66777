//! What needs attention.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::ReadLicenses;
use keyward_engine::Engine;
use keyward_engine::views::{DashboardView, Overview};

use super::audit::{Line, line};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.route("/", web::get().to(dashboard));
}

struct Bar {
    day: String,
    used: u64,
    /// Of 100.
    height: u64,
}

#[derive(Template)]
#[template(path = "console/dashboard.html")]
struct DashboardPage {
    shell: Shell,
    overview: Overview,
    bars: Vec<Bar>,
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
    let most_used = overview.days.iter().map(|(_, used)| *used).max().unwrap_or(0).max(1);
    let bars = overview
        .days
        .iter()
        .map(|(day, used)| Bar {
            day: page::day(now.plus_days(day - now.day())),
            used: *used,
            height: (used * 100).div_ceil(most_used),
        })
        .collect();
    page::send(&DashboardPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "dashboard", now).after(request.query_string()),
        overview,
        bars,
        events: events.iter().flatten().map(line).collect(),
        alerts: open_alerts.unwrap_or(0),
        bucket_alerts: bucket_alerts.unwrap_or(0),
    })
}
