//! Products: the list, a new one, and its API key.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadProducts, WriteProducts};
use keyward_domain::{Name, Notes, Product, ProductId, ProductOrder};
use keyward_engine::{Engine, Error, KeyedProduct, NewProduct, ProductChange};
use keyward_web::{Fields, Id, Request};

use super::Listing;
use super::columns::{Column, columns};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::Pages;
use crate::shown_once::{self, SecretPage, ShownPage};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/products", web::get().to(list))
        .route("/products.csv", web::get().to(csv))
        .route("/products/new", web::get().to(new))
        .route("/products/new", web::post().to(create))
        .route("/products/{id}/rotate-key", web::post().to(rotate_key))
        .route("/products/{id}/key", web::get().to(show_key));
}

const PATH: &str = "/products";

const COLUMNS: [(&str, Option<ProductOrder>); 4] = [
    ("Product", Some(ProductOrder::Name)),
    ("State", Some(ProductOrder::State)),
    ("API key", None),
    ("Created", Some(ProductOrder::Created)),
];

#[derive(Template)]
#[template(path = "console/products.html", blocks = ["table"])]
struct ProductsPage {
    shell: Shell,
    listing: Listing,
    columns: Vec<Column>,
    products: Vec<Product>,
    pages: Pages,
    csv: String,
}

async fn list(
    request: HttpRequest,
    signed: Signed<ReadProducts>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    let found = engine.products_in_order(&signed.access, listing.text(), &listing.ordered()).await?;
    let (found, next) = found.into_parts();
    let shell = Shell::vendor(&signed.person, &signed.csrf, "products", engine.now());
    let page = ProductsPage {
        shell: shell.after(request.query_string()),
        columns: columns(PATH, &listing, &COLUMNS),
        pages: listing.pages(PATH, next.as_ref()),
        csv: listing.address("/products.csv", &listing.sort, None),
        listing: listing.into_inner(),
        products: found,
    };
    if request.headers().contains_key("hx-request") {
        page::send(&page.as_table())
    } else {
        page::send(&page)
    }
}

async fn csv(signed: Signed<ReadProducts>, listing: web::Query<Listing>, engine: web::Data<Engine>) -> Page {
    let (mut rows, mut request) = (Vec::new(), listing.following(None));
    let row = |product: Product| {
        let state = product.state.as_str().to_owned();
        vec![product.id.to_string(), product.name.to_string(), state, product.created_at.to_string()]
    };
    while let Some(part) = request {
        let (more, next) =
            engine.products_in_order(&signed.access, listing.text(), &part).await?.into_parts();
        rows.extend(more.into_iter().map(row));
        request = next.and_then(|next| listing.following(Some(next)));
    }
    Ok(page::csv("products.csv", &["id", "name", "state", "created_at"], rows))
}

#[derive(Template)]
#[template(path = "console/product_new.html")]
struct NewProductPage {
    shell: Shell,
    form: Form,
}

async fn new(signed: Signed<WriteProducts>, engine: web::Data<Engine>) -> Page {
    let shell = Shell::vendor(&signed.person, &signed.csrf, "products", engine.now());
    page::send(&NewProductPage { shell, form: Form::default() })
}

struct Named {
    name: Name,
    description: Option<Notes>,
}

impl Request for Named {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, description) = (fields.required("name"), fields.optional("description"));
        Some(Self { name: name?, description })
    }
}

async fn create(signed: Signed<WriteProducts>, Posted(mut form): Posted, engine: web::Data<Engine>) -> Page {
    if let Some(Named { name, description }) = form.read::<Named>(&["name", "description"]) {
        let rest = ProductChange { description: Some(description), ..ProductChange::default() };
        match engine.create_product(&signed.access, NewProduct { name, rest }, form.once()).await {
            Ok(made) => return lead_to_key(&engine, &signed, &made).await,
            Err(Error::SecretShown { resource }) => return Ok(page::go(key_page(resource.into()))),
            Err(error) => form.keep(error)?,
        }
    }
    let shell = Shell::vendor(&signed.person, &signed.csrf, "products", engine.now());
    page::send(&NewProductPage { shell, form })
}

/// Where the API key of a product is shown once.
fn key_page(id: ProductId) -> String {
    format!("/products/{id}/key")
}

async fn lead_to_key(engine: &Engine, signed: &Signed<WriteProducts>, made: &KeyedProduct) -> Page {
    shown_once::lead(engine, &signed.person.session, &key_page(made.product.id), made.secret.expose()).await
}

async fn show_key(
    request: HttpRequest,
    signed: Signed<WriteProducts>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Page {
    let product = engine.product(&signed.access.also::<ReadProducts>()?, id.0).await?;
    let shell = Shell::vendor(&signed.person, &signed.csrf, "products", engine.now());
    let back = format!("/products/{}", product.id);
    match shown_once::take(&request, &engine, &signed.person.session).await? {
        Some(secret) => page::send(&SecretPage {
            shell,
            title: format!("API key of {}", product.name),
            what: "Product API key",
            secret,
            back,
            about: if product.key.previous.is_some() || product.key.created_at > product.created_at {
                "Give it to your applications now. Those with the old key are refused from the next request on, unless you asked for an overlap."
            } else {
                "Your application authenticates its validation requests with it. Keep it in an environment variable or a secrets manager."
            },
        }),
        None => page::send(&ShownPage {
            shell,
            what: "The API key",
            otherwise: "If you have not copied it, rotate the key of the product: that makes another.",
            back,
        }),
    }
}

async fn rotate_key(
    signed: Signed<WriteProducts>,
    id: Id<ProductId>,
    Posted(form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let days: u32 = form.given("overlap_days").and_then(|days| days.parse().ok()).unwrap_or(0);
    let overlap = days.min(30) * 24 * 60 * 60;
    match engine.rotate_product_key(&signed.access, id.0, overlap, form.once()).await {
        Ok(made) => lead_to_key(&engine, &signed, &made).await,
        Err(Error::SecretShown { resource }) => Ok(page::go(key_page(resource.into()))),
        Err(error) => Err(error.into()),
    }
}
