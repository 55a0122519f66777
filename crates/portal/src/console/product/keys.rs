//! All keys of a product.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadLicenses, ReadProducts};
use keyward_domain::{LicenseFilter, LicenseStatus, Product, ProductId};
use keyward_engine::Engine;
use keyward_web::Id;

use super::super::Listing;
use super::super::columns::{Column, columns};
use super::super::license_list::{COLUMNS, Row, filter, rows};
use super::Frame;
use crate::page::{self, Page, Shell};
use crate::pages::Pages;
use crate::signed::Signed;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/products/{id}/keys", web::get().to(list));
}

#[derive(Template)]
#[template(path = "console/product_keys.html", blocks = ["table"])]
struct KeysPage {
    shell: Shell,
    product: Product,
    tab: &'static str,
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
    id: Id<ProductId>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    signed.access.also::<ReadProducts>()?;
    let (now, path) = (engine.now(), format!("/products/{}/keys", id.0));
    let Frame { shell, product, tab } =
        Frame::of(&engine, &signed, id.0, "keys", request.query_string()).await?;
    let (found, mistyped) = filter(&listing);
    let found = LicenseFilter { product: Some(id.0), ..found };
    let view = engine.license_list_view(&signed.access, &found, &listing.ordered()).await?;
    let (licenses, next) = view.licenses.into_parts();
    let whole = Listing { product: id.0.to_string(), ..Listing::clone(&listing) };
    let page = KeysPage {
        shell,
        product,
        tab,
        columns: columns(&path, &listing, &COLUMNS),
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
