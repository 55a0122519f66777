//! How things stand at the organization, in numbers.

use actix_web::{get, web};
use keyward_domain::Timestamp;
use keyward_domain::permission::ReadLicenses;
use keyward_engine::Engine;
use keyward_engine::views::Overview;
use keyward_web::{Answer, Caller, Problem};
use serde::Serialize;

use crate::routes::Routes;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes.service(organization_usage);
}

/// How things stand.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = OrganizationUsage)]
pub(crate) struct OverviewView {
    /// How many products there are, the archived ones too.
    products: u64,
    /// How many customers there are.
    customers: u64,
    /// How many licenses are active.
    active_licenses: u64,
    /// How many of those end within 30 days. `GET /api/v1/licenses?status=active&sort=expires_at` lists them first.
    licenses_ending_soon: u64,
    /// How often all products together were asked today (UTC).
    validations_today: u64,
    /// The same of each of the last 30 days, today last.
    days: Vec<DayView>,
}

/// One day (UTC).
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = OrganizationUsageDay)]
pub(crate) struct DayView {
    #[schema(example = "2026-11-21")]
    day: String,
    /// How many requests were let in.
    used: u64,
}

impl From<Overview> for OverviewView {
    fn from(overview: Overview) -> Self {
        let day = |(day, used): &(i64, u64)| {
            let midnight = Timestamp::from_unix(day * 24 * 60 * 60).unwrap_or(Timestamp::MIN);
            DayView { day: midnight.date(), used: *used }
        };
        Self {
            products: overview.products,
            customers: overview.customers,
            active_licenses: overview.active,
            licenses_ending_soon: overview.ending,
            validations_today: overview.today(),
            days: overview.days.iter().map(day).collect(),
        }
    }
}

/// Show how things stand: counts over everything, and usage of all products
#[utoipa::path(
    tag = "organizations",
    security(("management_token" = ["licenses:read"])),
    responses((status = 200, body = OverviewView)),
)]
#[get("/api/v1/usage")]
pub(crate) async fn organization_usage(
    caller: Caller<ReadLicenses>,
    engine: web::Data<Engine>,
) -> Result<Answer<OverviewView>, Problem> {
    let overview = engine.overview(&caller).await?;
    Ok(Answer::ok(OverviewView::from(overview)))
}
