//! All licenses: by customer, or as one list in an order.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadCustomers, ReadEntitlements, ReadLicenses, ReadProducts};
use keyward_domain::{
    Customer, CustomerId, License, LicenseFilter, LicenseKey, LicenseOrder, LicenseStatus, Product,
};
use keyward_engine::Engine;

use super::Listing;
use super::columns::{Column, columns};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;
use crate::trouble::Trouble;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.route("/licenses", web::get().to(overview)).route("/licenses.csv", web::get().to(csv));
}

struct Row {
    license: License,
    status: LicenseStatus,
}

/// A customer with what they hold.
struct Group {
    customer: Option<Customer>,
    rows: Vec<Row>,
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
#[template(path = "vendor/licenses.html", blocks = ["table"])]
struct LicensesPage {
    shell: Shell,
    listing: Listing,
    statuses: [LicenseStatus; 5],
    product: Option<Product>,
    columns: Vec<Column>,
    groups: Vec<Group>,
    grouped: bool,
    /// The same licenses by customer, or as one list.
    other: String,
    next: Option<String>,
    csv: String,
    mistyped: Option<String>,
}

/// A text that looks like a license key is one; a mistyped one is told as such.
fn filter(listing: &Listing) -> (LicenseFilter, Option<String>) {
    let status = listing.status.parse().ok();
    let text = listing.text();
    let filter = LicenseFilter { status, product: listing.product.parse().ok(), ..LicenseFilter::default() };
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
    let found = engine.licenses_in_order(&signed.access, &filter, &listing.ordered()).await?;
    let next = listing.next(PATH, &found);
    let grouped = listing.sort.is_empty();
    // Who is entitled to something and holds no license is told too.
    let idle = grouped && listing.is_plain() && next.is_none();
    let product = match filter.product {
        Some(product) => engine.product(&signed.access.also::<ReadProducts>()?, product).await.ok(),
        None => None,
    };
    let shell = Shell::vendor(&signed.visit, &signed.csrf, "licenses", now).after(request.query_string());
    let page = LicensesPage {
        shell,
        columns: columns(PATH, &listing, &COLUMNS),
        statuses: LicenseStatus::ALL,
        groups: groups(&engine, &signed, found.items, grouped, idle).await?,
        grouped,
        other: listing.address(PATH, if grouped { "name" } else { "" }, None),
        product,
        next,
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

/// Licenses with their customers: all of one customer together, or each by itself where their order counts. With
/// those customers, if `idle`, who hold none and are entitled to something.
async fn groups(
    engine: &Engine,
    signed: &Signed<ReadLicenses>,
    licenses: Vec<License>,
    together: bool,
    idle: bool,
) -> Result<Vec<Group>, Trouble> {
    let (now, readers) = (engine.now(), signed.access.also::<ReadCustomers>()?);
    let mut known: BTreeMap<CustomerId, Option<Customer>> = BTreeMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for license in licenses {
        let customer = match license.customer {
            Some(id) => match known.get(&id) {
                Some(customer) => customer.clone(),
                None => known.entry(id).or_insert(engine.customer(&readers, id).await.ok()).clone(),
            },
            None => None,
        };
        let id = |customer: &Option<Customer>| customer.as_ref().map(|customer| customer.id);
        let row = Row { status: license.status(now), license };
        match groups.iter_mut().find(|group| together && id(&group.customer) == id(&customer)) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { customer, rows: vec![row], applications: 0, artifacts: 0 }),
        }
    }
    let entitlements = signed.access.also::<ReadEntitlements>()?;
    let deployers = engine.application_entitlement_counts(&entitlements).await?;
    let pullers = engine.artifact_entitlement_counts(&entitlements).await?;
    if idle {
        let entitled: BTreeSet<_> = deployers.keys().chain(pullers.keys()).copied().collect();
        for id in entitled.into_iter().filter(|id| !known.contains_key(id)) {
            let customer = engine.customer(&readers, id).await.ok();
            groups.push(Group { customer, rows: Vec::new(), applications: 0, artifacts: 0 });
        }
    }
    for group in &mut groups {
        let count = |of: &BTreeMap<CustomerId, u64>| {
            group.customer.as_ref().and_then(|customer| of.get(&customer.id)).copied().unwrap_or(0)
        };
        (group.applications, group.artifacts) = (count(&deployers), count(&pullers));
    }
    Ok(groups)
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
    let (mut rows, mut found) = (Vec::new(), None);
    while let Some(request) = listing.following(found.as_ref()) {
        let more = engine.licenses_in_order(&signed.access, &filter, &request).await?;
        rows.extend(more.items.iter().cloned().map(row));
        found = Some(more);
    }
    let head = ["id", "name", "customer_id", "product_id", "license_key", "status", "expires_at"];
    Ok(page::csv("licenses.csv", &head, rows))
}
