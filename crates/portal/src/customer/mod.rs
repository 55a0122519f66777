//! The customer's pages. They reach nothing but what the customer holds, and change nothing but its people and its hosts.

mod applications;
mod calendar;
pub(crate) mod deployments;
mod images;
mod people;
mod profile;
mod targets;

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::{License, LicenseId, LicenseStatus, Timestamp};
use keyward_engine::{AddressesInUse, Engine, Error, Handover, LicenseUsage, OwnLicenses};
use keyward_web::{Code, Id, Problem, markdown};

use crate::account;
use crate::error_page::PageError;
use crate::form::Form;
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::SignedCustomer;
use crate::terms::{self, Term};
use crate::use_of::Used;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    applications::routes(config);
    deployments::routes(config);
    images::routes(config);
    people::routes(config);
    profile::routes(config);
    targets::routes(config);
    account::routes::<SignedCustomer>(config);
    config
        .route("/portal", web::get().to(licenses))
        .route("/portal/licenses.ics", web::get().to(calendar::ends))
        .route("/portal/licenses/{id}", web::get().to(license))
        .route("/portal/licenses/{id}/license.jwt", web::get().to(download));
}

/// What is wrong goes into the form; whose session has ended signs in.
fn keep(form: &mut Form, error: Error) -> Result<(), PageError> {
    match error {
        Error::Unauthenticated => Err(PageError::SignIn { at: "/portal/sign-in", sent: true }),
        error => form.keep(error),
    }
}

struct Row {
    license: License,
    status: LicenseStatus,
    /// When it was last validated.
    seen: String,
}

#[derive(Template)]
#[template(path = "customer/licenses.html")]
struct LicensesPage {
    shell: Shell,
    rows: Vec<Row>,
    pages: Pages,
}

async fn licenses(request: HttpRequest, signed: SignedCustomer, engine: web::Data<Engine>) -> Page {
    let (now, paging) = (engine.now(), Paging::of(&request));
    let OwnLicenses { licenses, activity } =
        engine.customer_licenses_in_use(&signed.person, paging.request()).await?;
    let (found, pages) = paging.take(licenses);
    let row = |license: License| {
        let seen = activity.get(&license.id).map(|activity| page::minute(activity.last_validated_at));
        Row { status: license.status(now), seen: seen.unwrap_or_else(|| "never".to_owned()), license }
    };
    let rows = found.into_iter().map(row).collect();
    page::send(&LicensesPage {
        shell: Shell::customer(&signed.person, &signed.csrf, "licenses"),
        rows,
        pages,
    })
}

/// How far a license's time has run.
struct Running {
    /// Of 100.
    percent: i64,
    /// What is left of it.
    left: String,
}

impl Running {
    /// `None` for a license without end.
    fn at(license: &License, now: Timestamp) -> Option<Self> {
        let validity = license.revision.validity;
        let (start, end) = (validity.not_before().unix(), validity.expires_at()?.unix());
        let (passed, left) = (now.unix() - start, end - now.unix());
        let left = match (left, left.div_euclid(24 * 60 * 60)) {
            (..=0, _) => "ended".to_owned(),
            (_, 0) => "less than a day left".to_owned(),
            (_, 1) => "a day left".to_owned(),
            (_, days) => format!("{days} days left"),
        };
        Some(Self { percent: (passed.clamp(0, end - start) * 100).div_euclid((end - start).max(1)), left })
    }
}

#[derive(Template)]
#[template(path = "customer/license.html")]
struct LicensePage {
    shell: Shell,
    handover: Handover,
    status: LicenseStatus,
    warning: Option<&'static str>,
    running: Option<Running>,
    used: Used,
    addresses: Option<AddressesInUse>,
    fields: Vec<Term>,
    docs: String,
}

async fn license(signed: SignedCustomer, id: Id<LicenseId>, engine: web::Data<Engine>) -> Page {
    let handover = engine.customer_license(&signed.person, id.0).await?;
    let docs = handover.product.as_ref().map(|product| markdown::to_html(&product.page)).unwrap_or_default();
    let LicenseUsage { used, addresses } = engine.customer_usage(&signed.person, &handover).await?;
    let used = Used::of_license(used, engine.now());
    let fields = terms::seen(&handover.license.revision.payload, handover.product.as_ref());
    let status = handover.license.status(engine.now());
    let running = Running::at(&handover.license, engine.now());
    let shell = Shell::customer(&signed.person, &signed.csrf, "licenses");
    let warning = page::warning(handover.license.health(engine.now()));
    page::send(&LicensePage { shell, handover, status, warning, running, used, addresses, fields, docs })
}

async fn download(
    _: HttpRequest,
    signed: SignedCustomer,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Page {
    let token = engine.customer_license(&signed.person, id.0).await?.token;
    let token = token.ok_or_else(|| Problem::new(Code::TokenUnavailable))?;
    Ok(page::file("license.jwt", "application/jwt", token))
}
