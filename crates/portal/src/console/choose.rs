//! Chooses one of many: a page that searches, and goes on with the one that was clicked. It needs no script and holds
//! with any number of things.

use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use keyward_domain::permission::{ReadCustomers, ReadProducts};
use keyward_domain::{Customer, CustomerId, Grant, Product, ProductId};
use keyward_engine::Engine;

use crate::error_page::PageError;
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

use super::Listing;

/// What can be chosen.
pub(crate) struct Choice {
    /// What it is called.
    pub name: String,
    /// What tells it from others of the same name.
    pub detail: String,
    /// Where choosing it leads.
    pub href: String,
}

/// A page to choose something on.
#[derive(Template)]
#[template(path = "console/choose.html", blocks = ["table"])]
pub(crate) struct ChoosePage {
    /// What surrounds it.
    pub shell: Shell,
    /// What is to be chosen, as a question.
    pub title: &'static str,
    /// The pages above this one, with their addresses.
    pub crumbs: Vec<(String, String)>,
    /// What things can be looked for by.
    pub label: &'static str,
    /// What they are, for who hears the page.
    pub what: &'static str,
    /// What there is beside those that are searched.
    pub other: Option<Choice>,
    /// The page's own address.
    pub path: String,
    /// The text that is looked for.
    pub q: String,
    /// Those that were found.
    pub choices: Vec<Choice>,
    /// The links to the others.
    pub pages: Pages,
}

impl ChoosePage {
    /// Sends the page, or the part of it that changes while someone types.
    pub(crate) fn send(&self, request: &HttpRequest) -> Result<HttpResponse, PageError> {
        let sent: Page = if request.headers().contains_key("hx-request") {
            page::send(&self.as_table())
        } else {
            page::send(self)
        };
        sent
    }
}

/// A question that one of the customers answers.
pub(crate) struct Customers<'a> {
    /// What is asked.
    pub title: &'static str,
    /// The place in the navigation.
    pub active: &'static str,
    /// The pages above, with their addresses.
    pub crumbs: Vec<(String, String)>,
    /// Who else it may be.
    pub other: Option<Choice>,
    /// Where choosing one leads.
    pub href: &'a dyn Fn(CustomerId) -> String,
}

/// Asks for one of the customers.
pub(crate) async fn customer(
    engine: &Engine,
    signed: &Signed<impl Grant>,
    request: &HttpRequest,
    listing: &Listing,
    asked: Customers<'_>,
) -> Page {
    let (readers, paging) = (signed.access.also::<ReadCustomers>()?, Paging::of(request));
    let found = engine.customers(&readers, listing.text(), paging.request()).await?;
    let (found, pages) = paging.take(found);
    let choice = |customer: Customer| Choice {
        name: customer.name.to_string(),
        detail: customer.email.to_string(),
        href: (asked.href)(customer.id),
    };
    let page = ChoosePage {
        shell: Shell::vendor(&signed.person, &signed.csrf, asked.active, engine.now()),
        title: asked.title,
        crumbs: asked.crumbs,
        label: "Customer’s name or e-mail",
        what: "customers",
        other: asked.other,
        path: request.path().to_owned(),
        q: listing.q.clone(),
        choices: found.into_iter().map(choice).collect(),
        pages,
    };
    page.send(request)
}

/// “A key of which product?”
pub(crate) struct Products<'a> {
    /// The place in the navigation.
    pub active: &'static str,
    /// The pages above, with their addresses.
    pub crumbs: Vec<(String, String)>,
    /// Where choosing one leads.
    pub href: &'a dyn Fn(ProductId) -> String,
}

/// Asks for one of the products that are in service; where there is one alone, goes on with it.
pub(crate) async fn product(
    engine: &Engine,
    signed: &Signed<impl Grant>,
    request: &HttpRequest,
    listing: &Listing,
    asked: Products<'_>,
) -> Page {
    let (readers, paging) = (signed.access.also::<ReadProducts>()?, Paging::of(request));
    let found = engine.products_in_service(&readers, listing.text(), paging.request()).await?;
    let (found, pages) = paging.take(found);
    if let ([only], true) = (found.as_slice(), request.query_string().is_empty()) {
        return Ok(page::go((asked.href)(only.id)));
    }
    let choice = |product: Product| Choice {
        name: product.name.to_string(),
        href: (asked.href)(product.id),
        detail: product.description.map(|text| text.to_string()).unwrap_or_default(),
    };
    let page = ChoosePage {
        shell: Shell::vendor(&signed.person, &signed.csrf, asked.active, engine.now()),
        title: "A key of which product?",
        crumbs: asked.crumbs,
        label: "Name",
        what: "products",
        other: None,
        path: request.path().to_owned(),
        q: listing.q.clone(),
        choices: found.into_iter().map(choice).collect(),
        pages,
    };
    page.send(request)
}
