//! Customers, each with all they hold.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{
    ReadCustomers, ReadEntitlements, ReadLicenses, ReadProducts, WriteCustomers,
};
use keyward_domain::registry::ArtifactPolicy;
use keyward_domain::{
    Customer, CustomerId, CustomerOrder, Email, License, LicenseFilter, LicenseStatus, Name, Notes, Product,
};
use keyward_engine::{ApplicationGrant, CustomerChange, Engine, NewCustomer};
use keyward_web::{Fields, Id, Request};

use super::columns::{Column, columns};
use super::{Listing, artifact_entitlements};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/customers", web::get().to(list))
        .route("/customers.csv", web::get().to(csv))
        .route("/customers/new", web::get().to(new))
        .route("/customers/new", web::post().to(create))
        .route("/customers/{id}", web::get().to(show))
        .route("/customers/{id}", web::post().to(save))
        .route("/customers/{id}/delete", web::post().to(delete));
}

const PATH: &str = "/customers";

const COLUMNS: [(&str, Option<CustomerOrder>); 3] = [
    ("Customer", Some(CustomerOrder::Name)),
    ("E-mail", Some(CustomerOrder::Email)),
    ("Since", Some(CustomerOrder::Created)),
];

#[derive(Template)]
#[template(path = "vendor/customers.html", blocks = ["table"])]
struct CustomersPage {
    shell: Shell,
    listing: Listing,
    columns: Vec<Column>,
    customers: Vec<Customer>,
    next: Option<String>,
    csv: String,
}

async fn list(
    request: HttpRequest,
    signed: Signed<ReadCustomers>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    let found = engine.customers_in_order(&signed.access, listing.text(), &listing.ordered()).await?;
    let shell = Shell::vendor(&signed.visit, &signed.csrf, "customers", engine.now());
    let page = CustomersPage {
        shell: shell.after(request.query_string()),
        columns: columns(PATH, &listing, &COLUMNS),
        next: listing.next(PATH, &found),
        csv: listing.address("/customers.csv", &listing.sort, None),
        listing: listing.into_inner(),
        customers: found.items,
    };
    if request.headers().contains_key("hx-request") {
        page::send(&page.as_table())
    } else {
        page::send(&page)
    }
}

async fn csv(signed: Signed<ReadCustomers>, listing: web::Query<Listing>, engine: web::Data<Engine>) -> Page {
    let (mut rows, mut found) = (Vec::new(), None);
    let row = |customer: Customer| {
        let notes = customer.notes.map(|notes| notes.to_string()).unwrap_or_default();
        vec![
            customer.id.to_string(),
            customer.name.to_string(),
            customer.email.to_string(),
            notes,
            customer.created_at.to_string(),
        ]
    };
    while let Some(request) = listing.following(found.as_ref()) {
        let more = engine.customers_in_order(&signed.access, listing.text(), &request).await?;
        rows.extend(more.items.iter().cloned().map(row));
        found = Some(more);
    }
    Ok(page::csv("customers.csv", &["id", "name", "email", "notes", "created_at"], rows))
}

#[derive(Template)]
#[template(path = "vendor/customer_new.html")]
struct NewCustomerPage {
    shell: Shell,
    form: Form,
}

async fn new(signed: Signed<WriteCustomers>, engine: web::Data<Engine>) -> Page {
    let shell = Shell::vendor(&signed.visit, &signed.csrf, "customers", engine.now());
    page::send(&NewCustomerPage { shell, form: Form::default() })
}

struct Told {
    name: Name,
    email: Email,
    notes: Option<Notes>,
}

impl Request for Told {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, email) = (fields.required("name"), fields.required("email"));
        let notes = fields.optional("notes");
        Some(Self { name: name?, email: email?, notes })
    }
}

const FIELDS: [&str; 3] = ["name", "email", "notes"];

async fn create(signed: Signed<WriteCustomers>, Posted(mut form): Posted, engine: web::Data<Engine>) -> Page {
    if let Some(Told { name, email, notes }) = form.read::<Told>(&FIELDS) {
        match engine.create_customer(&signed.access, NewCustomer { name, email, notes }, form.once()).await {
            Ok(done) => return Ok(page::go(format!("/customers/{}", done.value.id))),
            Err(error) => form.keep(error)?,
        }
    }
    let shell = Shell::vendor(&signed.visit, &signed.csrf, "customers", engine.now());
    page::send(&NewCustomerPage { shell, form })
}

struct Held {
    license: License,
    status: LicenseStatus,
}

#[derive(Template)]
#[template(path = "vendor/customer.html")]
struct CustomerPage {
    shell: Shell,
    customer: Customer,
    form: Form,
    licenses: Vec<Held>,
    products: Vec<Product>,
    grants: Vec<ApplicationGrant>,
    entitlements: Vec<artifact_entitlements::Row>,
    /// Whether customers without an entitlement may pull.
    open: bool,
}

async fn page_of(
    engine: &Engine,
    signed: &Signed<impl keyward_domain::Grant>,
    customer: Customer,
    form: Option<Form>,
    query: &str,
) -> Page {
    let now = engine.now();
    let filter = LicenseFilter { customer: Some(customer.id), ..LicenseFilter::default() };
    let held = engine.licenses(&signed.access.also::<ReadLicenses>()?, &filter, Listing::whole()).await?;
    let products = engine.products(&signed.access.also::<ReadProducts>()?, None, Listing::whole()).await?;
    let readers = signed.access.also::<ReadEntitlements>()?;
    let (id, most) = (Some(customer.id), Listing::whole());
    let grants = engine.application_entitlements(&readers, id, None, most).await?.items;
    let form = form.unwrap_or_else(|| {
        Form::filled([
            ("name", customer.name.to_string()),
            ("email", customer.email.to_string()),
            ("notes", customer.notes.as_ref().map(ToString::to_string).unwrap_or_default()),
        ])
    });
    page::send(&CustomerPage {
        shell: Shell::vendor(&signed.visit, &signed.csrf, "customers", now).after(query),
        form,
        licenses: held
            .items
            .into_iter()
            .map(|license| Held { status: license.status(now), license })
            .collect(),
        products: products.items,
        grants,
        entitlements: artifact_entitlements::rows(engine, &readers, customer.id).await?,
        open: engine.artifact_policy(&readers).await? == ArtifactPolicy::OpenUntilFirst,
        customer,
    })
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadCustomers>,
    id: Id<CustomerId>,
    engine: web::Data<Engine>,
) -> Page {
    let customer = engine.customer(&signed.access, id.0).await?;
    page_of(&engine, &signed, customer, None, request.query_string()).await
}

async fn save(
    signed: Signed<WriteCustomers>,
    id: Id<CustomerId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    if let Some(Told { name, email, notes }) = form.read::<Told>(&FIELDS) {
        let change =
            CustomerChange { name: Some(name), email: Some(email), notes: Some(notes), blocked: None };
        match engine.update_customer(&signed.access, id.0, change, None).await {
            Ok(_) => return Ok(page::go(format!("/customers/{}?done=saved", id.0))),
            Err(error) => form.keep(error)?,
        }
    }
    let customer = engine.customer(&signed.access.also()?, id.0).await?;
    page_of(&engine, &signed, customer, Some(form), "").await
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
        let form = form
            .over(Form::filled([("name", customer.name.to_string()), ("email", customer.email.to_string())]));
        return page_of(&engine, &signed, customer, Some(form), "").await;
    }
    engine.delete_customer(&signed.access, id.0, None).await?;
    Ok(page::go("/customers?done=deleted"))
}
