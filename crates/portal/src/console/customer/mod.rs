//! The pages of one customer, a tab each.

mod access;
mod licenses;
mod overview;
mod people;
mod settings;

use actix_web::web;
use keyward_domain::{Customer, Feature, Grant, Permission};
use keyward_engine::Engine;

use crate::page::Shell;
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    settings::routes(config);
    access::routes(config);
    licenses::routes(config);
    people::routes(config);
    overview::routes(config);
}

/// What surrounds each tab.
struct Frame {
    shell: Shell,
    customer: Customer,
    tab: &'static str,
    /// Whether what was done to the customer can be looked at.
    activity: bool,
}

impl Frame {
    fn around(
        engine: &Engine,
        signed: &Signed<impl Grant>,
        customer: Customer,
        tab: &'static str,
        query: &str,
    ) -> Self {
        let now = engine.now();
        let activity = signed.access.scopes().contains(Permission::ReadAuditEvents)
            && signed.lacks(Feature::AuditLog, now).is_none();
        let shell = Shell::vendor(&signed.person, &signed.csrf, "customers", now).after(query);
        Self { shell, customer, tab, activity }
    }
}
