//! What needs attention.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadAuditEvents, ReadLicenses, ReadRegistries};
use keyward_domain::{AlertStatus, Feature, PageRequest};
use keyward_engine::{AlertFilter, Engine, Overview};

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
}

/// How many licenses that end soon are named, and how many events.
const MOST_NAMED: u32 = 8;

async fn dashboard(request: HttpRequest, signed: Signed<ReadLicenses>, engine: web::Data<Engine>) -> Page {
    let (access, now) = (&signed.access, engine.now());
    let overview = engine.overview(access, MOST_NAMED.into()).await?;
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
    let events = match access.also::<ReadAuditEvents>() {
        Ok(access) if signed.lacks(Feature::AuditLog, now).is_none() => {
            engine.audit_events(&access, PageRequest { limit: MOST_NAMED, after: None }).await?.newest()
        }
        Ok(_) | Err(_) => Vec::new(),
    };
    let open = AlertFilter { status: Some(AlertStatus::Open), ..AlertFilter::default() };
    let alerts = match access.also::<ReadRegistries>() {
        Ok(access) => engine.alert_count(&access, open).await?,
        Err(_) => 0,
    };
    page::send(&DashboardPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "dashboard", now).after(request.query_string()),
        overview,
        bars,
        events: events.iter().map(line).collect(),
        alerts,
    })
}
