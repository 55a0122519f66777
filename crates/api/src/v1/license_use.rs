//! What licenses are used for: of one, of all that a customer holds, and by which versions of a product.

use std::collections::BTreeMap;
use std::net::IpAddr;

use actix_web::{get, web};
use keyward_domain::license_use::{DAYS, SeenVersion, UseDay, UseDays, sum};
use keyward_domain::permission::{ReadLicenses, ReadProducts};
use keyward_domain::{CustomerId, LicenseId, Name, PageRequest, ProductId, Timestamp};
use keyward_engine::{CustomerUse, Engine, LicenseRunning, LicenseUse, VersionInUse};
use keyward_web::fields::Bounded;
use keyward_web::{Answer, Caller, Id, Problem, Query, request};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::bucket_alerts::date;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(license_usage)
        .query::<UseQuery>()
        .service(customer_usage)
        .query::<UseQuery>()
        .service(product_versions_in_use)
        .query::<UseQuery>()
        .service(product_licenses_running)
        .query::<RunningQuery>();
}

/// How far back.
#[derive(Debug)]
pub(crate) struct UseQuery {
    days: Option<Bounded<0, 366>>,
}

request! {
    for UseQuery {
        /// Days before today: 0 to 366. As far back as the server keeps it.
        /// Default: 30
        days: optional,
    }
}

impl UseQuery {
    pub(crate) fn days(&self) -> u32 {
        self.days.as_ref().map_or(DAYS.into(), |Bounded(days)| *days)
    }
}

/// What was done on some days.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Use)]
pub(crate) struct UseView {
    /// How many validations were answered, however.
    validations: u64,
    /// With which status.
    #[schema(example = json!({"active": 1200, "expired": 7}))]
    answers: BTreeMap<String, u64>,
    /// How many images and charts were pulled.
    pulls: u64,
    /// How many bytes of them.
    bytes: u64,
}

/// One day (UTC).
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = UseOfDay)]
pub(crate) struct UseDayView {
    #[schema(example = "2026-11-21")]
    day: String,
    #[serde(flatten)]
    used: UseView,
}

/// A version of the application that has validated a license.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SeenVersion)]
pub(crate) struct SeenVersionView {
    /// As the application named it; `null` if it named none.
    #[schema(example = "2.1.0")]
    version: Option<String>,
    first_seen_at: Timestamp,
    last_seen_at: Timestamp,
    /// What was answered the last time: a status of the validation API.
    #[schema(example = "active")]
    status: &'static str,
}

/// What a license is used for.
///
/// Validations are in it a moment after they were answered.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LicenseUsage)]
pub(crate) struct LicenseUsageView {
    /// `null` if it never was.
    first_validated_at: Option<Timestamp>,
    last_validated_at: Option<Timestamp>,
    /// What was answered the last time.
    #[schema(example = "active")]
    last_status: Option<&'static str>,
    #[schema(example = "2.1.0")]
    last_version: Option<String>,
    /// From where it was asked for the last time.
    #[schema(value_type = Option<String>, example = "192.0.2.7")]
    last_address: Option<IpAddr>,
    /// How many addresses are registered with it.
    addresses: u64,
    /// How many may be; `null` for no limit.
    max_ips: Option<u32>,
    /// Today (UTC).
    today: UseView,
    /// All the days together.
    total: UseView,
    /// The days on which something was done, the latest first.
    items: Vec<UseDayView>,
    /// The 20 versions that were seen last.
    versions: Vec<SeenVersionView>,
}

/// What all that a customer holds is used for.
///
/// Validations are in it a moment after they were answered.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = CustomerUsage)]
pub(crate) struct CustomerUsageView {
    /// `null` if none of the licenses ever was.
    last_validated_at: Option<Timestamp>,
    /// Today (UTC).
    today: UseView,
    /// All the days together.
    total: UseView,
    /// The days on which something was done, the latest first.
    items: Vec<UseDayView>,
}

/// A version of a product that validates licenses.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = VersionInUse)]
pub(crate) struct VersionInUseView {
    /// As the application named it; `null` for those that named none.
    #[schema(example = "2.1.0")]
    version: Option<String>,
    /// How many licenses it has validated.
    licenses: u64,
    /// How many of those were refused the last time.
    refused: u64,
    last_seen_at: Timestamp,
}

/// A license that a version has validated.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LicenseRunning)]
pub(crate) struct LicenseRunningView {
    license_id: LicenseId,
    /// Example: "Example Inc. 2026"
    license_name: Name,
    customer_id: Option<CustomerId>,
    /// `null` without the scope `customers:read`.
    /// Example: "Example Inc."
    customer_name: Option<String>,
    #[serde(flatten)]
    seen: SeenVersionView,
}

impl From<UseDay> for UseView {
    fn from(day: UseDay) -> Self {
        let validations = day.validations();
        let UseDay { answers, pulls, bytes } = day;
        Self { validations, answers, pulls, bytes }
    }
}

impl From<SeenVersion> for SeenVersionView {
    fn from(seen: SeenVersion) -> Self {
        let SeenVersion { version, first_seen_at, last_seen_at, status } = seen;
        Self { version, first_seen_at, last_seen_at, status: status.as_str() }
    }
}

impl From<VersionInUse> for VersionInUseView {
    fn from(found: VersionInUse) -> Self {
        let VersionInUse { version, licenses, refused, last_seen_at } = found;
        Self { version, licenses, refused, last_seen_at }
    }
}

fn items(days: UseDays) -> Vec<UseDayView> {
    days.into_iter().rev().map(|(day, used)| UseDayView { day: date(day), used: used.into() }).collect()
}

impl From<LicenseUse> for LicenseUsageView {
    fn from(usage: LicenseUse) -> Self {
        let activity = usage.activity;
        Self {
            first_validated_at: activity.as_ref().map(|activity| activity.first_validated_at),
            last_validated_at: activity.as_ref().map(|activity| activity.last_validated_at),
            last_status: activity.as_ref().map(|activity| activity.status.as_str()),
            last_version: activity.as_ref().and_then(|activity| activity.version.clone()),
            last_address: activity.map(|activity| activity.address.ip()),
            addresses: usage.addresses as u64,
            max_ips: usage.max_ips,
            today: usage.days.get(&usage.today).cloned().unwrap_or_default().into(),
            total: sum(&usage.days).into(),
            items: items(usage.days),
            versions: usage.versions.into_iter().map(SeenVersionView::from).collect(),
        }
    }
}

impl From<CustomerUse> for CustomerUsageView {
    fn from(usage: CustomerUse) -> Self {
        Self {
            last_validated_at: usage.last_validated_at,
            today: usage.days.get(&usage.today).cloned().unwrap_or_default().into(),
            total: sum(&usage.days).into(),
            items: items(usage.days),
        }
    }
}

/// Show what a license is used for
#[utoipa::path(responses((status = 200, body = LicenseUsageView)))]
#[get("/api/v1/licenses/{id}/usage")]
pub(crate) async fn license_usage(
    caller: Caller<ReadLicenses>,
    id: Id<LicenseId>,
    query: Query<UseQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<LicenseUsageView>, Problem> {
    Ok(Answer::ok(engine.license_use(&caller, id.0, query.0.days()).await?.into()))
}

/// Show what all that a customer holds is used for
#[utoipa::path(security(("management_token" = ["licenses:read"])), responses((status = 200, body = CustomerUsageView)))]
#[get("/api/v1/customers/{id}/usage")]
pub(crate) async fn customer_usage(
    caller: Caller<ReadLicenses>,
    id: Id<CustomerId>,
    query: Query<UseQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<CustomerUsageView>, Problem> {
    Ok(Answer::ok(engine.customer_use(&caller, id.0, query.0.days()).await?.into()))
}

/// List the versions of a product that validate its licenses
///
/// As applications name them, the last seen first; 200 at most.
#[utoipa::path(responses((status = 200, body = PageView<VersionInUseView>)))]
#[get("/api/v1/products/{id}/versions-in-use")]
pub(crate) async fn product_versions_in_use(
    caller: Caller<ReadProducts>,
    id: Id<ProductId>,
    query: Query<UseQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<VersionInUseView>>, Problem> {
    let found = engine.versions_in_use(&caller, id.0, query.0.days()).await?;
    let items = found.into_iter().map(VersionInUseView::from).collect();
    Ok(Answer::ok(PageView { items, next_cursor: None }))
}

/// Which version is looked for.
#[derive(Debug)]
pub(crate) struct RunningQuery {
    version: Option<String>,
    days: Option<Bounded<0, 366>>,
    page: PageRequest,
}

request! {
    for RunningQuery {
        /// The version, as the application names it; absent for those that name none.
        /// Example: "2.1.0"
        version: optional,
        /// Days before today: 0 to 366.
        /// Default: 30
        days: optional,
        ..page: PageRequest,
    }
}

/// List the licenses that a version of a product has validated
#[utoipa::path(
    security(("management_token" = ["licenses:read"])),
    responses((status = 200, body = PageView<LicenseRunningView>)),
)]
#[get("/api/v1/products/{id}/versions-in-use/licenses")]
pub(crate) async fn product_licenses_running(
    caller: Caller<ReadLicenses>,
    id: Id<ProductId>,
    query: Query<RunningQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<LicenseRunningView>>, Problem> {
    let RunningQuery { version, days, page } = query.0;
    let days = days.map_or(DAYS.into(), |Bounded(days)| days);
    let (found, names) = engine.licenses_running(&caller, id.0, version.as_deref(), days, page).await?;
    let view = |running: LicenseRunning| {
        let customer_name = running.customer.and_then(|id| names.get(&id)).map(|named| named.name.clone());
        LicenseRunningView {
            license_id: running.license,
            license_name: running.name,
            customer_id: running.customer,
            customer_name,
            seen: running.seen.into(),
        }
    };
    Ok(Answer::ok(PageView::of(found, view)))
}
