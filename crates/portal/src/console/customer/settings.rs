//! A customer's contact, and their deletion.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadCustomers, ReadLicenses, WriteCustomers};
use keyward_domain::{Customer, CustomerId, LicenseFilter, LicenseStatus};
use keyward_engine::{CustomerChange, Engine, NewCustomer};
use keyward_web::Id;

use super::super::customers::FIELDS;
use super::Frame;
use crate::ask::{self, Question, Typed, crumbs};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/customers/{id}/settings", web::get().to(show))
        .route("/customers/{id}", web::post().to(save))
        .route("/customers/{id}/delete", web::get().to(question))
        .route("/customers/{id}/delete", web::post().to(delete));
}

#[derive(Template)]
#[template(path = "console/customer_settings.html")]
struct SettingsPage {
    shell: Shell,
    customer: Customer,
    tab: &'static str,
    activity: bool,
    form: Form,
}

async fn page_of(
    engine: &Engine,
    signed: &Signed<impl keyward_domain::Grant>,
    id: CustomerId,
    form: Option<Form>,
    query: &str,
) -> Page {
    let customer = engine.customer(&signed.access.also::<ReadCustomers>()?, id).await?;
    let filled = Form::filled([
        ("name", customer.name.to_string()),
        ("email", customer.email.to_string()),
        ("notes", customer.notes.as_ref().map(ToString::to_string).unwrap_or_default()),
    ]);
    let Frame { shell, customer, tab, activity } = Frame::around(engine, signed, customer, "settings", query);
    page::send(&SettingsPage { shell, customer, tab, activity, form: form.unwrap_or(filled) })
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadCustomers>,
    id: Id<CustomerId>,
    engine: web::Data<Engine>,
) -> Page {
    page_of(&engine, &signed, id.0, None, request.query_string()).await
}

async fn save(
    signed: Signed<WriteCustomers>,
    id: Id<CustomerId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    if let Some(NewCustomer { name, email, notes }) = form.read(&FIELDS) {
        let change =
            CustomerChange { name: Some(name), email: Some(email), notes: Some(notes), blocked: None };
        match engine.update_customer(&signed.access, id.0, change, None).await {
            Ok(_) => return Ok(page::go(format!("/customers/{}/settings?done=saved", id.0))),
            Err(error) => form.keep(error)?,
        }
    }
    page_of(&engine, &signed, id.0, Some(form), "").await
}

/// Says what the deletion ends.
async fn ask_to_delete(
    engine: &Engine,
    signed: &Signed<WriteCustomers>,
    customer: &Customer,
    form: Form,
) -> Page {
    let held = match signed.access.also::<ReadLicenses>() {
        Ok(access) => {
            let (customer, status) = (Some(customer.id), Some(LicenseStatus::Active));
            let filter = LicenseFilter { customer, status, ..LicenseFilter::default() };
            match engine.count_licenses(&access, &filter).await? {
                1 => "their one active license".to_owned(),
                count => format!("their {count} active licenses"),
            }
        }
        Err(_) => "all their licenses".to_owned(),
    };
    let licenses =
        format!("Keyward revokes {held}: validation and pulls are refused from the very next request on.");
    let asked = Question {
        crumbs: crumbs([
            ("Customers", "/customers".to_owned()),
            (customer.name.as_str(), format!("/customers/{}", customer.id)),
        ]),
        title: format!("Delete {}?", customer.name),
        effects: vec![
            licenses,
            "Their application and artifact entitlements end.".to_owned(),
            format!("{} can no longer sign in to the customer portal.", customer.email),
            "This cannot be undone.".to_owned(),
        ],
        action: format!("/customers/{}/delete", customer.id),
        button: "Delete and revoke all".to_owned(),
        typed: Some(Typed::confirm("Type the customer's name to confirm")),
        back: format!("/customers/{}/settings", customer.id),
        ..Question::default()
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "customers", engine.now()), asked, form)
}

async fn question(signed: Signed<WriteCustomers>, id: Id<CustomerId>, engine: web::Data<Engine>) -> Page {
    let customer = engine.customer(&signed.access.also()?, id.0).await?;
    ask_to_delete(&engine, &signed, &customer, Form::default()).await
}

async fn delete(
    signed: Signed<WriteCustomers>,
    id: Id<CustomerId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let customer = engine.customer(&signed.access.also()?, id.0).await?;
    if form.value("confirm").trim() != customer.name.as_str() {
        form.refuse("confirm", "differs from the customer's name");
        return ask_to_delete(&engine, &signed, &customer, form).await;
    }
    engine.delete_customer(&signed.access, id.0, None).await?;
    Ok(page::go("/customers?done=deleted"))
}
