//! All licenses: by customer, or as one list in an order.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadCustomers, ReadEntitlements, ReadLicenses, ReadProducts};
use keyward_domain::{CustomerId, License, LicenseFilter, LicenseKey, LicenseOrder, LicenseStatus, Product};
use keyward_engine::{Engine, Holding, Named};

use super::Listing;
use super::columns::{Column, columns};
use crate::error_page::PageError;
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.route("/licenses", web::get().to(overview)).route("/licenses.csv", web::get().to(csv));
}

/// How many customers are on a page of the list by customer.
const CUSTOMERS: u32 = 20;

/// How many licenses of each are shown there.
const MOST_SHOWN: u32 = 5;

struct Row {
    license: License,
    status: LicenseStatus,
    /// `None` for the whole organization.
    customer: Option<(CustomerId, Named)>,
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

const COLUMNS: [(&str, Option<LicenseOrder>); 5] = [
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
}

/// A text that looks like a license key is one; a mistyped one is told as such.
fn filter(listing: &Listing) -> (LicenseFilter, Option<String>) {
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
    let (groups, rows, pages) = if grouped {
        let paging = Paging::of(&request);
        let (groups, pages) = groups(&engine, &signed, &filter, &listing, &paging).await?;
        (Some(groups), Vec::new(), pages)
    } else {
        let found = engine.licenses_in_order(&signed.access, &filter, &listing.ordered()).await?;
        let (found, next) = found.into_parts();
        (None, rows(&engine, &signed, found).await?, listing.pages(PATH, next.as_ref()))
    };
    let product = match filter.product {
        Some(product) => engine.product(&signed.access.also::<ReadProducts>()?, product).await.ok(),
        None => None,
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
async fn rows(
    engine: &Engine,
    signed: &Signed<ReadLicenses>,
    licenses: Vec<License>,
) -> Result<Vec<Row>, PageError> {
    let now = engine.now();
    let ids = licenses.iter().filter_map(|license| license.customer);
    let names = engine.customer_names(&signed.access.also::<ReadCustomers>()?, ids).await?;
    let row = |license: License| Row {
        status: license.status(now),
        customer: license.customer.and_then(|id| Some((id, names.get(&id)?.clone()))),
        license,
    };
    Ok(licenses.into_iter().map(row).collect())
}

/// A page of customers, each with the newest of their licenses; before the first, what the whole organization holds.
async fn groups(
    engine: &Engine,
    signed: &Signed<ReadLicenses>,
    filter: &LicenseFilter,
    listing: &Listing,
    paging: &Paging,
) -> Result<(Vec<Group>, Pages), PageError> {
    let (now, readers) = (engine.now(), signed.access.also::<ReadCustomers>()?);
    let page = paging.request_of(CUSTOMERS);
    let (whole, found) =
        engine.licenses_by_holder(&signed.access, &readers, filter, page, MOST_SHOWN).await?;
    let (found, pages) = paging.take(found);
    let ids: Vec<_> = found.iter().filter_map(|one| Some(one.customer.as_ref()?.0)).collect();
    let entitlements = signed.access.also::<ReadEntitlements>()?;
    let deployers = engine.application_entitlement_counts(&entitlements, &ids).await?;
    let pullers = engine.artifact_entitlement_counts(&entitlements, &ids).await?;
    let group = |mut holding: Holding| {
        let id = holding.customer.as_ref().map(|(id, _)| *id);
        let count = |of: &BTreeMap<CustomerId, u64>| id.and_then(|id| of.get(&id)).copied().unwrap_or(0);
        let licenses = std::mem::take(&mut holding.licenses);
        let row = |license: License| Row {
            status: license.status(now),
            customer: holding.customer.clone(),
            license,
        };
        Group {
            more: holding.count > licenses.len() as u64,
            rows: licenses.into_iter().map(row).collect(),
            all: match &holding.customer {
                Some((id, _)) => Listing { customer: id.to_string(), ..listing.clone() }.all(),
                None => Listing { unscoped: "true".to_owned(), ..listing.clone() }.all(),
            },
            applications: count(&deployers),
            artifacts: count(&pullers),
            holding,
        }
    };
    Ok((whole.into_iter().chain(found).map(group).collect(), pages))
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
