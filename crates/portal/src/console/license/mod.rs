//! The pages of one license, a tab each.

mod history;
mod overview;
mod settings;
mod snippets;
mod state;

use actix_web::web;
use keyward_domain::{Grant, License, LicenseId, LicenseStatus};
use keyward_engine::views::LicenseView;
use keyward_engine::{Engine, Named};

use crate::page::{self, Shell};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    settings::routes(config);
    state::routes(config);
    history::routes(config);
    overview::routes(config);
}

/// How many of the things that were done last are told.
const MOST_EVENTS: u32 = 50;

/// What surrounds each tab.
struct Frame {
    tab: &'static str,
    license: License,
    status: LicenseStatus,
    warning: Option<&'static str>,
    customer: Option<keyward_domain::Customer>,
    /// What a customer was called who has been deleted.
    gone: Option<Named>,
    product: Option<keyward_domain::Product>,
}

impl Frame {
    /// Around a part of what there is to see of a license.
    fn around(
        engine: &Engine,
        signed: &Signed<impl Grant>,
        view: &LicenseView,
        tab: &'static str,
        query: &str,
    ) -> (Shell, Self) {
        let now = engine.now();
        let shell = Shell::vendor(&signed.person, &signed.csrf, "licenses", now).after(query);
        let frame = Self {
            tab,
            status: view.license.status(now),
            warning: page::warning(view.license.health(now)),
            customer: view.customer.clone(),
            gone: view.former_customer.clone(),
            product: view.product.clone(),
            license: view.license.clone(),
        };
        (shell, frame)
    }
}

/// The pages above a page of a license.
fn crumbs(license: &License) -> Vec<(String, String)> {
    vec![("Licenses".to_owned(), "/licenses".to_owned()), (license.name.to_string(), page_of(license.id))]
}

fn page_of(id: LicenseId) -> String {
    format!("/licenses/{id}")
}
