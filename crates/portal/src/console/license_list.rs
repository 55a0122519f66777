//! All licenses: by customer, or as one list in an order.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadCustomers, ReadLicenses};
use keyward_domain::{
    CustomerId, License, LicenseFilter, LicenseKey, LicenseOrder, LicenseStatus, Permission, Product,
    Timestamp,
};
use keyward_engine::views::Holding;
use keyward_engine::{Engine, Named};

use super::Listing;
use super::columns::{Column, columns};
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.route("/licenses", web::get().to(overview)).route("/licenses.csv", web::get().to(csv));
}

/// How many customers are on a page of the list by customer.
const CUSTOMERS: u32 = 20;

/// How many licenses of each are shown there.
const MOST_SHOWN: u32 = 3;

pub(super) struct Row {
    pub license: License,
    pub status: LicenseStatus,
    /// `None` for the whole organization.
    pub customer: Option<(CustomerId, Named)>,
}

/// A customer, or the whole organization, with what they hold.
struct Group {
    holding: Holding,
    rows: Vec<Row>,
    /// Whether there are more of them.
    more: bool,
    /// Where all of it is listed.
    all: String,
    /// How many applications the customer is entitled to.
    applications: u64,
    /// How many artifact entitlements the customer holds.
    artifacts: u64,
}

const PATH: &str = "/licenses";

pub(super) const COLUMNS: [(&str, Option<LicenseOrder>); 5] = [
    ("License", Some(LicenseOrder::Name)),
    ("Customer", None),
    ("Status", Some(LicenseOrder::Status)),
    ("Valid until", Some(LicenseOrder::Expires)),
    ("Created", Some(LicenseOrder::Created)),
];

#[derive(Template)]
#[template(path = "console/licenses.html", blocks = ["table"])]
struct LicensesPage {
    shell: Shell,
    listing: Listing,
    statuses: [LicenseStatus; 5],
    product: Option<Product>,
    columns: Vec<Column>,
    /// By customer; `None` for one list.
    groups: Option<Vec<Group>>,
    rows: Vec<Row>,
    /// The same licenses by customer, or as one list.
    other: String,
    pages: Pages,
    csv: String,
    mistyped: Option<String>,
    /// Whether entitlements may be seen.
    entitlements: bool,
}

/// A text that looks like a license key is one; a mistyped one is told as such.
pub(super) fn filter(listing: &Listing) -> (LicenseFilter, Option<String>) {
    let status = listing.status.parse().ok();
    let text = listing.text();
    let filter = LicenseFilter {
        status,
        product: listing.product.parse().ok(),
        customer: listing.customer.parse().ok(),
        unscoped: listing.unscoped == "true",
        ..LicenseFilter::default()
    };
    match text.map(str::parse::<LicenseKey>) {
        Some(Ok(key)) => (LicenseFilter { key: Some(key), ..filter }, None),
        Some(Err(fault)) if fault.code == "mistyped_license_key" => {
            (LicenseFilter { name_contains: text.map(str::to_owned), ..filter }, Some(fault.message))
        }
        Some(Err(_)) | None => (LicenseFilter { name_contains: text.map(str::to_owned), ..filter }, None),
    }
}

async fn overview(
    request: HttpRequest,
    signed: Signed<ReadLicenses>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    let now = engine.now();
    let (filter, mistyped) = filter(&listing);
    let grouped = listing.sort.is_empty() && !filter.unscoped && filter.customer.is_none();
    let (product, groups, rows, pages) = if grouped {
        let (paging, readers) = (Paging::of(&request), signed.access.also::<ReadCustomers>()?);
        let page = paging.request_of(CUSTOMERS);
        let view =
            engine.licenses_by_holder_view(&signed.access, &readers, &filter, page, MOST_SHOWN).await?;
        let (holders, pages) = paging.take(view.holders);
        let groups = view.whole.into_iter().chain(holders).map(|holding| group(holding, &listing, now));
        (view.product, Some(groups.collect()), Vec::new(), pages)
    } else {
        let view = engine.license_list_view(&signed.access, &filter, &listing.ordered()).await?;
        let (found, next) = view.licenses.into_parts();
        let names = view.customers.unwrap_or_default();
        (view.product, None, rows(found, &names, now), listing.pages(PATH, next.as_ref()))
    };
    let shell = Shell::vendor(&signed.person, &signed.csrf, "licenses", now).after(request.query_string());
    let page = LicensesPage {
        shell,
        columns: columns(PATH, &listing, &COLUMNS),
        statuses: LicenseStatus::ALL,
        other: listing.address(PATH, if grouped { "name" } else { "" }, None),
        groups,
        rows,
        product,
        pages,
        csv: listing.address("/licenses.csv", &listing.sort, None),
        entitlements: signed.access.scopes().contains(Permission::ReadEntitlements),
        mistyped,
        listing: listing.into_inner(),
    };
    if request.headers().contains_key("hx-request") {
        page::send(&page.as_table())
    } else {
        page::send(&page)
    }
}

/// Licenses with the names of their customers.
pub(super) fn rows(licenses: Vec<License>, names: &BTreeMap<CustomerId, Named>, now: Timestamp) -> Vec<Row> {
    let row = |license: License| Row {
        status: license.status(now),
        customer: license.customer.and_then(|id| Some((id, names.get(&id)?.clone()))),
        license,
    };
    licenses.into_iter().map(row).collect()
}

/// A customer with the newest of their licenses.
fn group(mut holding: Holding, listing: &Listing, now: Timestamp) -> Group {
    let licenses = std::mem::take(&mut holding.licenses);
    let row =
        |license: License| Row { status: license.status(now), customer: holding.customer.clone(), license };
    let entitlements = holding.entitlements.unwrap_or_default();
    Group {
        more: holding.count > licenses.len() as u64,
        rows: licenses.into_iter().map(row).collect(),
        all: match &holding.customer {
            Some((id, _)) => Listing { customer: id.to_string(), ..listing.clone() }.all(),
            None => Listing { unscoped: "true".to_owned(), ..listing.clone() }.all(),
        },
        applications: entitlements.applications,
        artifacts: entitlements.artifacts,
        holding,
    }
}

impl Listing {
    /// The address of all its licenses in one list.
    fn all(&self) -> String {
        self.address(PATH, "-created_at", None)
    }
}

async fn csv(signed: Signed<ReadLicenses>, listing: web::Query<Listing>, engine: web::Data<Engine>) -> Page {
    let now = engine.now();
    let (filter, _) = filter(&listing);
    let row = |license: License| {
        let status = license.status(now).to_string();
        vec![
            license.id.to_string(),
            license.name.to_string(),
            license.customer.map(|id| id.to_string()).unwrap_or_default(),
            license.product.map(|id| id.to_string()).unwrap_or_default(),
            license.key.map(|key| key.to_string()).unwrap_or_default(),
            status,
            license.revision.validity.expires_at().map(|end| end.to_string()).unwrap_or_default(),
        ]
    };
    let (mut rows, mut request) = (Vec::new(), listing.following(None));
    while let Some(part) = request {
        let (more, next) = engine.licenses_in_order(&signed.access, &filter, &part).await?.into_parts();
        rows.extend(more.into_iter().map(row));
        request = next.and_then(|next| listing.following(Some(next)));
    }
    let head = ["id", "name", "customer_id", "product_id", "license_key", "status", "expires_at"];
    Ok(page::csv("licenses.csv", &head, rows))
}
