//! Product keys: customer, license and token from one form.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadCustomers, ReadLicenses, ReadProducts, WriteLicenses};
use keyward_domain::{
    Customer, CustomerId, Email, EndTime, Ends, License, LicenseId, Name, Notes, Product, ProductId,
};
use keyward_engine::{Engine, Error, Holder, NewCustomer, NewKey, TokenFormat};
use keyward_web::{Code, Fields, Id, Problem, Request, part};

use super::Listing;
use super::choose::{self, Choice};
use super::template::{self, Input};
use crate::error_page::PageError;
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/keys/new", web::get().to(choose_product))
        .route("/products/{id}/keys/new", web::get().to(new))
        .route("/products/{id}/keys/new", web::post().to(create))
        .route("/products/{id}/keys/customer", web::get().to(choose_customer))
        .route("/products/{id}/keys/{license}", web::get().to(made));
}

#[derive(Template)]
#[template(path = "console/key_new.html")]
struct NewKeyPage {
    shell: Shell,
    product: Product,
    inputs: Vec<Input>,
    form: Form,
    customer: Option<Customer>,
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
    let customer = existing(&engine, &signed, &query.customer).await?;
    let shell = Shell::vendor(&signed.person, &signed.csrf, "products", engine.now());
    let inputs = template::inputs(&product.template, None);
    page::send(&NewKeyPage { shell, product, inputs, form: Form::default(), customer })
}

/// The customer whom an address or a form names; `None` where none is named, and a new one is made.
async fn existing(
    engine: &Engine,
    signed: &Signed<WriteLicenses>,
    named: &str,
) -> Result<Option<Customer>, PageError> {
    if named.is_empty() {
        return Ok(None);
    }
    let id: CustomerId = named.parse().map_err(|_| Problem::new(Code::NotFound))?;
    Ok(Some(engine.customer(&signed.access.also::<ReadCustomers>()?, id).await?))
}

/// Of which product a key is to be made. Where there is one alone, it is that.
async fn choose_product(
    request: HttpRequest,
    signed: Signed<WriteLicenses>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    let asked = choose::Products {
        active: "products",
        crumbs: vec![("Products".to_owned(), "/products".to_owned())],
        href: &|id| format!("/products/{id}/keys/new"),
    };
    choose::product(&engine, &signed, &request, &listing, asked).await
}

/// Which customer is to get the key.
async fn choose_customer(
    request: HttpRequest,
    signed: Signed<WriteLicenses>,
    id: Id<ProductId>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    let product = engine.product(&signed.access.also::<ReadProducts>()?, id.0).await?;
    let asked = choose::Customers {
        title: "Who is the key for?",
        active: "products",
        crumbs: vec![
            ("Products".to_owned(), "/products".to_owned()),
            (product.name.to_string(), format!("/products/{}", product.id)),
        ],
        other: Some(Choice {
            name: "A new customer".to_owned(),
            detail: "Made together with the key".to_owned(),
            href: format!("/products/{}/keys/new", product.id),
        }),
        href: &|id| format!("/products/{}/keys/new?customer={id}", product.id),
    };
    choose::customer(&engine, &signed, &request, &listing, asked).await
}

struct KeyForm {
    email: Option<Email>,
    name: Option<Name>,
    notes: Option<Notes>,
    customer: Option<CustomerId>,
    end: Option<EndTime>,
}

impl Request for KeyForm {
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
#[template(path = "console/key_made.html")]
struct KeyMadePage {
    shell: Shell,
    product: Product,
    customer: Option<Customer>,
    license: License,
    token: Option<String>,
}

/// The key just made. All of it can be looked at again: nothing here is shown only once.
async fn made(request: HttpRequest, signed: Signed<WriteLicenses>, engine: web::Data<Engine>) -> Page {
    let (id, license): (ProductId, LicenseId) = (part(&request, "id")?, part(&request, "license")?);
    let product = engine.product(&signed.access.also::<ReadProducts>()?, id).await?;
    let readers = signed.access.also::<ReadLicenses>()?;
    let license = engine.license(&readers, license).await?;
    if license.product != Some(product.id) {
        return Err(Problem::new(Code::NotFound).into());
    }
    let token = match engine.license_token(&readers, license.id, TokenFormat::Jwt).await {
        Ok(token) => Some(token),
        Err(Error::NoToken(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let customer = match license.customer {
        Some(customer) => Some(engine.customer(&signed.access.also::<ReadCustomers>()?, customer).await?),
        None => None,
    };
    let shell = Shell::vendor(&signed.person, &signed.csrf, "products", engine.now());
    page::send(&KeyMadePage { shell, product, customer, license, token })
}

async fn create(
    signed: Signed<WriteLicenses>,
    id: Id<ProductId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let product = engine.product(&signed.access.also::<ReadProducts>()?, id.0).await?;
    let shell = Shell::vendor(&signed.person, &signed.csrf, "products", engine.now());
    let fields = template::values(&product.template, &form);
    let typed = form.read::<KeyForm>(&["email", "name", "notes", "customer", "end"]);
    if typed.is_none()
        && let Err(faults) = product.template.fill(&fields)
    {
        // All that is wrong is said at once.
        form.keep(Error::fields("fields", faults))?;
    }
    if let Some(typed) = typed {
        let holder = match (typed.customer, typed.email, typed.name) {
            (Some(customer), _, _) => Some(Holder::Existing(customer)),
            (None, Some(email), Some(name)) => {
                Some(Holder::New(NewCustomer { name, email, notes: typed.notes }))
            }
            (None, _, _) => None,
        };
        if let Some(holder) = holder {
            let new = NewKey {
                holder,
                name: None,
                fields,
                not_before: None,
                ends: Ends::at(typed.end.map(Into::into)),
            };
            match engine.create_key(&signed.access, id.0, new, form.once()).await {
                Ok(done) => {
                    return Ok(page::go(format!("/products/{}/keys/{}", product.id, done.value.license.id)));
                }
                Err(error) => form.keep(error)?,
            }
        }
    }
    let customer = existing(&engine, &signed, form.value("customer")).await?;
    let inputs = template::inputs(&product.template, Some(&form));
    page::send(&NewKeyPage { shell, product, inputs, form, customer })
}
