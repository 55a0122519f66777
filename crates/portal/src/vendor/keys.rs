//! Product keys: customer, license and token from one form.

use actix_web::web;
use askama::Template;
use keyward_domain::permission::{ReadCustomers, ReadProducts, WriteLicenses};
use keyward_domain::{CustomerId, Email, EndTime, Name, Notes, Product, ProductId};
use keyward_engine::{Engine, Holder, IssuedKey, NewCustomer, NewKey};
use keyward_web::{Fields, Id, Request};

use super::template::{self, Input};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/products/{id}/keys/new", web::get().to(new))
        .route("/products/{id}/keys/new", web::post().to(create));
}

#[derive(Template)]
#[template(path = "vendor/key_new.html")]
struct NewKeyPage {
    shell: Shell,
    product: Product,
    inputs: Vec<Input>,
    form: Form,
    customer: Option<keyward_domain::Customer>,
}

#[derive(Debug, Default, serde::Deserialize)]
struct For {
    #[serde(default)]
    customer: String,
}

async fn new(
    signed: Signed<WriteLicenses>,
    id: Id<ProductId>,
    query: web::Query<For>,
    engine: web::Data<Engine>,
) -> Page {
    let product = engine.product(&signed.access.also::<ReadProducts>()?, id.0).await?;
    let customer = match query.customer.parse::<CustomerId>() {
        Ok(customer) => Some(engine.customer(&signed.access.also::<ReadCustomers>()?, customer).await?),
        Err(_) => None,
    };
    let shell = Shell::vendor(&signed.visit, &signed.csrf, "products", engine.now());
    let inputs = template::inputs(&product.template, None);
    page::send(&NewKeyPage { shell, product, inputs, form: Form::default(), customer })
}

struct Told {
    email: Option<Email>,
    name: Option<Name>,
    notes: Option<Notes>,
    customer: Option<CustomerId>,
    end: Option<EndTime>,
}

impl Request for Told {
    fn read(fields: &mut Fields) -> Option<Self> {
        let customer = fields.optional("customer");
        let (email, name) = match customer {
            Some(_) => (fields.optional("email"), fields.optional("name")),
            None => (fields.required("email"), fields.required("name")),
        };
        let (notes, end) = (fields.optional("notes"), fields.optional("end"));
        Some(Self { email, name, notes, customer, end })
    }
}

#[derive(Template)]
#[template(path = "vendor/key_made.html")]
struct KeyMadePage {
    shell: Shell,
    product: Product,
    issued: IssuedKey,
}

async fn create(
    signed: Signed<WriteLicenses>,
    id: Id<ProductId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let product = engine.product(&signed.access.also::<ReadProducts>()?, id.0).await?;
    let shell = Shell::vendor(&signed.visit, &signed.csrf, "products", engine.now());
    if let Some(told) = form.read::<Told>(&["email", "name", "notes", "customer", "end"]) {
        let holder = match (told.customer, told.email, told.name) {
            (Some(customer), _, _) => Some(Holder::Existing(customer)),
            (None, Some(email), Some(name)) => {
                Some(Holder::New(NewCustomer { name, email, notes: told.notes }))
            }
            (None, _, _) => None,
        };
        if let Some(holder) = holder {
            let fields = template::values(&product.template, &form);
            let new =
                NewKey { holder, name: None, fields, not_before: None, expires_at: told.end.map(Into::into) };
            match engine.create_key(&signed.access, id.0, new, None).await {
                Ok(done) => return page::send(&KeyMadePage { shell, product, issued: done.value }),
                Err(error) => form.keep(error)?,
            }
        }
    }
    let customer = match form.value("customer").parse::<CustomerId>() {
        Ok(customer) => Some(engine.customer(&signed.access.also::<ReadCustomers>()?, customer).await?),
        Err(_) => None,
    };
    let inputs = template::inputs(&product.template, Some(&form));
    page::send(&NewKeyPage { shell, product, inputs, form, customer })
}
