//! The daily bucket of a product, and who takes from it.

use actix_web::{get, web};
use keyward_domain::permission::ReadProducts;
use keyward_domain::share::{Partition, PartitionKind, Shares};
use keyward_domain::{AddressRange, LicenseId, ProductId, Timestamp};
use keyward_engine::{BucketView as Bucket, Engine, PartitionUsage};
use keyward_web::{Answer, Caller, Id, Problem};
use serde::Serialize;

use crate::v1::bucket_alerts::{BucketAlertView, date};

/// A product's bucket of today (UTC).
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Bucket)]
pub(crate) struct BucketView {
    #[schema(example = "2026-11-21")]
    day: String,
    /// When it ends, and the next begins.
    resets_at: Timestamp,
    /// How many validations it holds; `null` for any number.
    limit: Option<u32>,
    /// How many were let in.
    used: u64,
    shares: SharesView,
    /// The addresses that took the most, at most ten.
    addresses: Vec<AddressUsageView>,
    /// The licenses that took the most, at most ten.
    licenses: Vec<LicenseUsageView>,
    unknown_keys: UnknownKeysView,
    /// What was told of it, the latest first.
    alerts: Vec<BucketAlertView>,
}

/// How many validations of the bucket each may take; `null` for all.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = BucketShares)]
pub(crate) struct SharesView {
    /// Each address.
    #[schema(example = 50_000)]
    address: Option<u64>,
    /// Each license.
    #[schema(example = 50_000)]
    license: Option<u64>,
    /// All requests that name no license of the product.
    #[schema(example = 10_000)]
    unknown_key: Option<u64>,
}

/// What one address took.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AddressUsage)]
pub(crate) struct AddressUsageView {
    /// An IPv4 address or an IPv6 /64.
    /// Example: "2001:db8::/64"
    address: AddressRange,
    /// How many were let in, as far as servers have written it down: a hundredth of the share may be missing for each of them.
    used: u64,
    /// How many were refused because its share was used up.
    refused: u64,
}

/// What one license took.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LicenseShareUsage)]
pub(crate) struct LicenseUsageView {
    license_id: LicenseId,
    /// How many were let in, as far as servers have written it down.
    used: u64,
    /// How many were refused because its share was used up.
    refused: u64,
}

/// What requests took that name no license of the product, or can't be read.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
#[schema(as = UnknownKeyUsage)]
pub(crate) struct UnknownKeysView {
    /// How many were let in, as far as servers have written it down.
    used: u64,
    /// How many were refused because their share was used up.
    refused: u64,
}

impl From<Shares> for SharesView {
    fn from(shares: Shares) -> Self {
        let size = |kind| shares.of(kind).size;
        Self {
            address: size(PartitionKind::Address),
            license: size(PartitionKind::License),
            unknown_key: size(PartitionKind::UnknownKey),
        }
    }
}

impl From<Bucket> for BucketView {
    fn from(bucket: Bucket) -> Self {
        let (mut addresses, mut licenses) = (Vec::new(), Vec::new());
        let mut unknown_keys = UnknownKeysView::default();
        for PartitionUsage { partition, used, refused, .. } in bucket.partitions {
            match partition {
                Partition::Address(address) => addresses.push(AddressUsageView { address, used, refused }),
                Partition::License(license_id) => {
                    licenses.push(LicenseUsageView { license_id, used, refused });
                }
                Partition::UnknownKey => unknown_keys = UnknownKeysView { used, refused },
            }
        }
        Self {
            day: date(bucket.day),
            resets_at: Timestamp::from_unix((bucket.day + 1) * 24 * 60 * 60).unwrap_or(Timestamp::MAX),
            limit: bucket.limit,
            used: bucket.used,
            shares: bucket.shares.into(),
            addresses,
            licenses,
            unknown_keys,
            alerts: bucket.alerts.into_iter().map(Into::into).collect(),
        }
    }
}

/// Show a product's bucket of today
///
/// How many validations are used, and who took the most of them. For the days before, see the usage.
#[utoipa::path(responses((status = 200, body = BucketView)))]
#[get("/api/v1/products/{id}/bucket")]
pub(crate) async fn product_bucket(
    caller: Caller<ReadProducts>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Result<Answer<BucketView>, Problem> {
    Ok(Answer::ok(engine.product_bucket(&caller, id.0).await?.into()))
}
