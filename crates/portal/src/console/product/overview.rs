//! A product at a glance: its use, its keys, who took its bucket, what was done to it.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::ReadProducts;
use keyward_domain::share::{Partition, PartitionKind};
use keyward_domain::{License, LicenseStatus, Product, ProductId};
use keyward_engine::views::ProductView;
use keyward_engine::{BucketView, Engine, LiveTopic, PartitionUsage};
use keyward_web::Id;

use super::super::audit::{Line, line};
use super::Frame;
use crate::chart::Chart;
use crate::live::Live;
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/products/{id}", web::get().to(show));
}

/// How many keys and events are named.
const MOST_NAMED: u32 = 5;

/// Who took from today's bucket.
struct Taker {
    kind: &'static str,
    name: String,
    /// The page of a license.
    link: Option<String>,
    used: u64,
    refused: u64,
    /// How large its share is.
    share: Option<u64>,
}

impl Taker {
    fn of(usage: &PartitionUsage, view: &ProductView) -> Self {
        let (kind, name, link) = match usage.partition {
            Partition::Address(address) => ("Address", address.to_string(), None),
            Partition::License(id) => match view.licenses.as_ref().map(|names| names.get(&id)) {
                Some(Some(named)) => ("License", named.to_string(), Some(format!("/licenses/{id}"))),
                Some(None) | None => ("License", id.to_string(), None),
            },
            Partition::UnknownKey => ("Unknown license keys", String::new(), None),
        };
        let share = view.bucket.shares.of(usage.partition.kind()).size;
        Self { kind, name, link, used: usage.used, refused: usage.refused, share }
    }
}

/// The newest keys, and how many there are.
struct Keys {
    count: u64,
    active: u64,
    newest: Vec<(License, LicenseStatus)>,
}

#[derive(Template)]
#[template(path = "console/product_overview.html")]
struct OverviewPage {
    shell: Shell,
    product: Product,
    tab: &'static str,
    bucket: BucketView,
    takers: Vec<Taker>,
    chart: Chart,
    keys: Option<Keys>,
    events: Vec<Line>,
    live: Option<Live>,
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadProducts>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Page {
    let now = engine.now();
    let view = engine.product_view(&signed.access, id.0, MOST_NAMED).await?;
    let takers = view.bucket.partitions.iter().map(|usage| Taker::of(usage, &view)).collect();
    let ProductView { product, bucket, licenses: _, days, keys, events } = view;
    let keys = keys.map(|keys| Keys {
        count: keys.count,
        active: keys.active,
        newest: keys.newest.into_iter().map(|license| (license.clone(), license.status(now))).collect(),
    });
    let followed = engine.follow(&signed.person.identity, LiveTopic::Product(id.0)).await?;
    let live = Live::of(&engine, &followed, format!("/live/products/{}", id.0)).await?;
    let Frame { shell, product, tab } =
        Frame::around(&engine, &signed, product, "overview", request.query_string());
    page::send(&OverviewPage {
        shell,
        product,
        tab,
        bucket,
        takers,
        chart: Chart::of(&days, now),
        keys,
        events: events.iter().flatten().map(line).collect(),
        live: Some(live),
    })
}
