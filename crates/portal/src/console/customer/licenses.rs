//! All licenses of a customer.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadCustomers, ReadLicenses};
use keyward_domain::{Customer, CustomerId, LicenseFilter, LicenseStatus, Timestamp};
use keyward_engine::Engine;
use keyward_engine::views::HeldLicenses;
use keyward_web::Id;

use super::super::Listing;
use super::super::columns::{Column, columns};
use super::super::license_list::{COLUMNS, Row, filter, rows};
use super::Frame;
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/customers/{id}/licenses", web::get().to(list));
}

/// Some of a customer's licenses.
pub(super) struct Licenses {
    pub(super) rows: Vec<Row>,
    /// How many there are on all pages.
    pub(super) count: u64,
}

impl Licenses {
    pub(super) fn of(held: HeldLicenses, now: Timestamp, paging: &Paging) -> Self {
        let (found, _) = paging.take(held.page);
        let row =
            |license: keyward_domain::License| Row { status: license.status(now), customer: None, license };
        Self { rows: found.into_iter().map(row).collect(), count: held.count }
    }
}

#[derive(Template)]
#[template(path = "console/customer_licenses.html", blocks = ["table"])]
struct LicensesPage {
    shell: Shell,
    customer: Customer,
    tab: &'static str,
    activity: bool,
    path: String,
    listing: Listing,
    statuses: [LicenseStatus; 5],
    columns: Vec<Column>,
    rows: Vec<Row>,
    pages: Pages,
    csv: String,
    mistyped: Option<String>,
}

async fn list(
    request: HttpRequest,
    signed: Signed<ReadLicenses>,
    id: Id<CustomerId>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    let (now, path) = (engine.now(), format!("/customers/{}/licenses", id.0));
    let customer = engine.customer(&signed.access.also::<ReadCustomers>()?, id.0).await?;
    let (wanted, mistyped) = filter(&listing);
    let wanted = LicenseFilter { customer: Some(id.0), unscoped: false, ..wanted };
    let view = engine.license_list_view(&signed.access, &wanted, &listing.ordered()).await?;
    let (licenses, next) = view.licenses.into_parts();
    let whole = Listing { customer: id.0.to_string(), ..Listing::clone(&listing) };
    let Frame { shell, customer, tab, activity } =
        Frame::around(&engine, &signed, customer, "licenses", request.query_string());
    // The customer is that of the page.
    let mut heads = columns(&path, &listing, &COLUMNS);
    heads.retain(|column| column.label != "Customer");
    let page = LicensesPage {
        shell,
        customer,
        tab,
        activity,
        columns: heads,
        statuses: LicenseStatus::ALL,
        rows: rows(licenses, &view.customers.unwrap_or_default(), now),
        pages: listing.pages(&path, next.as_ref()),
        csv: whole.address("/licenses.csv", &listing.sort, None),
        mistyped,
        path,
        listing: listing.into_inner(),
    };
    if request.headers().contains_key("hx-request") {
        page::send(&page.as_table())
    } else {
        page::send(&page)
    }
}
