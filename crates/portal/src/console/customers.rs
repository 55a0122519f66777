//! Customers: the list with their keys, and a new one.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadCustomers, WriteCustomers, WriteLicenses};
use keyward_domain::{Customer, CustomerId, CustomerOrder, Email};
use keyward_engine::views::CustomerKeys;
use keyward_engine::{CustomerValidations, Engine};
use keyward_web::Id;

use super::columns::{Column, columns};
use super::license_list::Row;
use super::{Listing, choose};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::Pages;
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/customers", web::get().to(list))
        .route("/customers.csv", web::get().to(csv))
        .route("/customers/new", web::get().to(new))
        .route("/customers/new", web::post().to(create))
        .route("/customers/with-email", web::get().to(with_email))
        .route("/customers/{id}/new-key", web::get().to(choose_product));
}

const PATH: &str = "/customers";

const COLUMNS: [(&str, Option<CustomerOrder>); 6] = [
    ("Customer", Some(CustomerOrder::Name)),
    ("License keys", None),
    ("Validations, 30 days", None),
    ("Last validated (UTC)", None),
    ("E-mail", Some(CustomerOrder::Email)),
    ("Since", Some(CustomerOrder::Created)),
];

#[derive(Template)]
#[template(path = "console/customers.html", blocks = ["table"])]
struct CustomersPage {
    shell: Shell,
    listing: Listing,
    columns: Vec<Column>,
    customers: Vec<CustomerRow>,
    pages: Pages,
    csv: String,
    /// Whether licenses may be seen.
    licenses: bool,
}

/// A customer with the newest of their keys.
struct CustomerRow {
    customer: Customer,
    /// How many they hold.
    count: u64,
    keys: Vec<Row>,
    used: CustomerValidations,
}

/// How many keys of each customer are named.
const MOST_KEYS: u32 = 3;

async fn list(
    request: HttpRequest,
    signed: Signed<ReadCustomers>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    let now = engine.now();
    let view =
        engine.customer_list_view(&signed.access, listing.text(), &listing.ordered(), MOST_KEYS).await?;
    let ((found, next), licenses) = (view.customers.into_parts(), view.keys.is_some());
    let mut keys: BTreeMap<_, _> = view.keys.unwrap_or_default();
    let row = |customer: Customer| {
        let CustomerKeys { count, newest, used } = keys.remove(&customer.id).unwrap_or_default();
        let keys =
            newest.into_iter().map(|license| Row { status: license.status(now), customer: None, license });
        CustomerRow { count, keys: keys.collect(), used, customer }
    };
    let customers = found.into_iter().map(row).collect();
    let shell = Shell::vendor(&signed.person, &signed.csrf, "customers", now);
    let page = CustomersPage {
        shell: shell.after(request.query_string()),
        columns: columns(PATH, &listing, &COLUMNS),
        pages: listing.pages(PATH, next.as_ref()),
        csv: listing.address("/customers.csv", &listing.sort, None),
        listing: listing.into_inner(),
        customers,
        licenses,
    };
    if request.headers().contains_key("hx-request") {
        page::send(&page.as_table())
    } else {
        page::send(&page)
    }
}

async fn csv(signed: Signed<ReadCustomers>, listing: web::Query<Listing>, engine: web::Data<Engine>) -> Page {
    let (mut rows, mut request) = (Vec::new(), listing.following(None));
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
    while let Some(part) = request {
        let (more, next) =
            engine.customers_in_order(&signed.access, listing.text(), &part).await?.into_parts();
        rows.extend(more.into_iter().map(row));
        request = next.and_then(|next| listing.following(Some(next)));
    }
    Ok(page::csv("customers.csv", &["id", "name", "email", "notes", "created_at"], rows))
}

#[derive(Template)]
#[template(path = "console/customer_new.html")]
struct NewCustomerPage {
    shell: Shell,
    form: Form,
}

async fn new(signed: Signed<WriteCustomers>, engine: web::Data<Engine>) -> Page {
    let shell = Shell::vendor(&signed.person, &signed.csrf, "customers", engine.now());
    page::send(&NewCustomerPage { shell, form: Form::default() })
}

pub(super) const FIELDS: [&str; 3] = ["name", "email", "notes"];

async fn create(signed: Signed<WriteCustomers>, Posted(mut form): Posted, engine: web::Data<Engine>) -> Page {
    if let Some(new) = form.read(&FIELDS) {
        match engine.create_customer(&signed.access, new, form.once()).await {
            Ok(done) => return Ok(page::go(format!("/customers/{}", done.value.id))),
            Err(error) => form.keep(error)?,
        }
    }
    let shell = Shell::vendor(&signed.person, &signed.csrf, "customers", engine.now());
    page::send(&NewCustomerPage { shell, form })
}

#[derive(Debug, Default, serde::Deserialize)]
struct Asked {
    #[serde(default)]
    email: String,
}

#[derive(Template)]
#[template(path = "console/customer_known.html")]
struct KnownCustomers {
    known: Vec<Customer>,
}

/// Who has the address that is being typed: a hint, since two customers may have the same.
async fn with_email(
    signed: Signed<ReadCustomers>,
    asked: web::Query<Asked>,
    engine: web::Data<Engine>,
) -> Page {
    let known = match asked.email.trim().parse::<Email>() {
        Ok(email) => engine.customers_with_email(&signed.access, &email).await?,
        Err(_) => Vec::new(),
    };
    page::send(&KnownCustomers { known })
}

/// Of which product the customer is to get a key.
async fn choose_product(
    request: HttpRequest,
    signed: Signed<WriteLicenses>,
    id: Id<CustomerId>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    let customer = engine.customer(&signed.access.also()?, id.0).await?;
    let asked = choose::Products {
        active: "customers",
        crumbs: vec![
            ("Customers".to_owned(), PATH.to_owned()),
            (customer.name.to_string(), format!("/customers/{}", customer.id)),
        ],
        href: &|id| format!("/products/{id}/keys/new?customer={}", customer.id),
    };
    choose::product(&engine, &signed, &request, &listing, asked).await
}
