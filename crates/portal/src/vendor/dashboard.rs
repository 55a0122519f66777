//! What needs attention.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadAuditEvents, ReadLicenses, ReadProducts, ReadRegistries};
use keyward_domain::{AlertStatus, Feature, License, LicenseFilter, LicenseStatus, PageRequest};
use keyward_engine::{AlertFilter, Engine};

use super::audit::{Line, line};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

/// Licenses that end within so many days are told.
const SOON_DAYS: i64 = 30;

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
#[template(path = "vendor/dashboard.html")]
struct DashboardPage {
    shell: Shell,
    products: usize,
    active: usize,
    more: bool,
    today: u64,
    soon: Vec<License>,
    bars: Vec<Bar>,
    events: Vec<Line>,
    alerts: u64,
}

async fn dashboard(request: HttpRequest, signed: Signed<ReadLicenses>, engine: web::Data<Engine>) -> Page {
    let (access, now) = (&signed.access, engine.now());
    let most = PageRequest { limit: PageRequest::MOST, after: None };
    let products = engine.products(&access.also::<ReadProducts>()?, None, most).await?.items;
    let filter = LicenseFilter { status: Some(LicenseStatus::Active), ..LicenseFilter::default() };
    let active = engine.licenses(access, &filter, most).await?;
    let limit = now.plus_days(SOON_DAYS);
    let mut soon: Vec<_> = active
        .items
        .iter()
        .filter(|license| license.revision.validity.expires_at().is_some_and(|end| end < limit))
        .cloned()
        .collect();
    soon.sort_by_key(|license| license.revision.validity.expires_at());
    soon.truncate(8);
    let mut days = vec![0_u64; 30];
    for product in products.iter().take(20) {
        for day in engine.product_usage(&access.also()?, product.id, 29).await?.days {
            let ago = usize::try_from(now.day() - day.day).unwrap_or(usize::MAX);
            if let Some(sum) = days.get_mut(29_usize.saturating_sub(ago)) {
                *sum += day.used;
            }
        }
    }
    let most_used = days.iter().copied().max().unwrap_or(0).max(1);
    let bars = days
        .iter()
        .enumerate()
        .map(|(index, used)| Bar {
            day: page::day(now.plus_days(i64::try_from(index).unwrap_or(0) - 29)),
            used: *used,
            height: (used * 100).div_ceil(most_used),
        })
        .collect();
    let events = match access.also::<ReadAuditEvents>() {
        Ok(access) if signed.lacks(Feature::AuditLog, now).is_none() => {
            engine.audit_events(&access, PageRequest { limit: 8, after: None }).await?.items
        }
        Ok(_) | Err(_) => Vec::new(),
    };
    let open = AlertFilter { status: Some(AlertStatus::Open), ..AlertFilter::default() };
    let alerts = match access.also::<ReadRegistries>() {
        Ok(access) => engine.alert_count(&access, open).await?,
        Err(_) => 0,
    };
    page::send(&DashboardPage {
        shell: Shell::vendor(&signed.visit, &signed.csrf, "dashboard", now).after(request.query_string()),
        products: products.len(),
        active: active.items.len(),
        more: active.next.is_some(),
        today: days.last().copied().unwrap_or(0),
        soon,
        bars,
        events: events.iter().map(line).collect(),
        alerts,
    })
}
