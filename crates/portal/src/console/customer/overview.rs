//! A customer at a glance: how to reach them, what they hold of all three kinds, what they can pull and why.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::ReadCustomers;
use keyward_domain::{Customer, CustomerId, PageRequest};
use keyward_engine::Engine;
use keyward_engine::views::{CustomerPages, CustomerView};
use keyward_web::Id;

use super::Frame;
use super::access::{Entitled, Lists};
use super::licenses::Licenses;
use crate::page::{self, Page, Shell};
use crate::signed::Signed;
use crate::use_of::Used;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/customers/{id}", web::get().to(show));
}

/// How many of each kind are shown.
const MOST: u32 = 5;

/// How many images are.
const MOST_IMAGES: u32 = 20;

#[derive(Template)]
#[template(path = "console/customer.html")]
struct OverviewPage {
    shell: Shell,
    customer: Customer,
    tab: &'static str,
    activity: bool,
    /// Other customers with the same address.
    namesakes: Vec<Customer>,
    licenses: Option<Licenses>,
    used: Option<Used>,
    entitled: Option<Entitled>,
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadCustomers>,
    id: Id<CustomerId>,
    engine: web::Data<Engine>,
) -> Page {
    let part = |limit| PageRequest { limit, after: None };
    let pages = CustomerPages {
        licenses: part(MOST),
        applications: part(MOST),
        artifacts: part(MOST),
        images: part(MOST_IMAGES),
        refused: MOST,
    };
    let CustomerView { customer, namesakes, licenses, used, entitlements } =
        engine.customer_view(&signed.access, id.0, pages).await?;
    // What is not shown here is on the other tabs.
    let lists = Lists::of(id.0, "");
    let licenses = licenses.map(|held| Licenses::of(held, engine.now(), &lists.licenses));
    let entitled = entitlements.map(|held| lists.entitled(held));
    let Frame { shell, customer, tab, activity } =
        Frame::around(&engine, &signed, customer, "overview", request.query_string());
    page::send(&OverviewPage {
        shell,
        customer,
        tab,
        activity,
        namesakes,
        licenses,
        used: used.map(|used| Used::of_customer(used, engine.now())),
        entitled,
    })
}
