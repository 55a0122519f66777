//! Bucket alerts.

use actix_web::{get, web};
use keyward_domain::permission::ReadProducts;
use keyward_domain::share::Partition;
use keyward_domain::{
    AddressRange, BucketAlert, BucketAlertId, LicenseId, PageRequest, ProductId, Timestamp,
};
use keyward_engine::Engine;
use keyward_web::{Answer, Caller, Problem, Query, request};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes.service(list_bucket_alerts).query::<BucketAlertQuery>();
}

/// Something to know of a product's daily bucket.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = BucketAlert)]
pub(crate) struct BucketAlertView {
    id: BucketAlertId,
    product_id: ProductId,
    /// The day of the bucket (UTC).
    #[schema(example = "2026-11-21")]
    day: String,
    /// `nearly_used` (four fifths of the bucket), `used_up` or `share_used_up`.
    #[schema(example = "share_used_up")]
    kind: &'static str,
    /// Whose share it is: `address`, `license` or `unknown_key`; `null` if it is about the bucket.
    #[schema(example = "address")]
    partition: Option<&'static str>,
    /// Which address: an IPv4 address or an IPv6 /64.
    /// Example: "192.0.2.7"
    address: Option<AddressRange>,
    /// Which license.
    license_id: Option<LicenseId>,
    /// How many had been let in.
    used: u64,
    /// How many the bucket or the share holds.
    size: u64,
    /// For people.
    #[schema(example = "281 of the day's 350 validations are used")]
    message: String,
    created_at: Timestamp,
}

/// A day as it is written.
pub(crate) fn date(day: i64) -> String {
    Timestamp::from_unix(day * 24 * 60 * 60).unwrap_or(Timestamp::MIN).date()
}

impl From<BucketAlert> for BucketAlertView {
    fn from(alert: BucketAlert) -> Self {
        let partition = alert.finding.partition();
        let (address, license_id) = match partition {
            Some(Partition::Address(address)) => (Some(address), None),
            Some(Partition::License(license)) => (None, Some(license)),
            Some(Partition::UnknownKey) | None => (None, None),
        };
        Self {
            id: alert.id,
            product_id: alert.product,
            day: date(alert.day),
            kind: alert.finding.kind().as_str(),
            partition: partition.map(|partition| partition.kind().as_str()),
            address,
            license_id,
            used: alert.used,
            size: alert.size,
            message: alert.to_string(),
            created_at: alert.created_at,
        }
    }
}

/// Which bucket alerts are wanted.
#[derive(Debug)]
pub(crate) struct BucketAlertQuery {
    product_id: Option<ProductId>,
    page: PageRequest,
}

request! {
    for BucketAlertQuery {
        /// Of this product only.
        product_id: optional,
        ..page: PageRequest,
    }
}

/// List what was told of products' daily buckets
///
/// Each is told once a day, within a minute or two; the first of a kind is mailed to owners and admins if alerts are. Kept for 90 days.
#[utoipa::path(responses((status = 200, body = PageView<BucketAlertView>)))]
#[get("/api/v1/bucket-alerts")]
pub(crate) async fn list_bucket_alerts(
    caller: Caller<ReadProducts>,
    query: Query<BucketAlertQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<BucketAlertView>>, Problem> {
    let BucketAlertQuery { product_id, page } = query.0;
    let alerts = engine.bucket_alerts(&caller, product_id, page).await?;
    Ok(Answer::ok(PageView::of(alerts, BucketAlertView::from)))
}
