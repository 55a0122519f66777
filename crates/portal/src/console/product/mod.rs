//! The pages of one product, a tab each.

mod fields;
mod keys;
mod overview;
mod page_text;
mod settings;
mod state;
mod versions;
mod versions_in_use;
mod webhooks;

use actix_web::web;
use keyward_domain::permission::ReadProducts;
use keyward_domain::{Grant, Product, ProductId};
use keyward_engine::{Engine, Error};

use crate::error_page::PageError;
use crate::form::Form;
use crate::page::Shell;
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    fields::routes(config);
    page_text::routes(config);
    settings::routes(config);
    state::routes(config);
    versions::routes(config);
    versions_in_use::routes(config);
    webhooks::routes(config);
    keys::routes(config);
    overview::routes(config);
}

/// What surrounds each tab.
struct Frame {
    shell: Shell,
    product: Product,
    tab: &'static str,
}

impl Frame {
    async fn of(
        engine: &Engine,
        signed: &Signed<impl Grant>,
        id: ProductId,
        tab: &'static str,
        query: &str,
    ) -> Result<Self, PageError> {
        let product = engine.product(&signed.access.also::<ReadProducts>()?, id).await?;
        Ok(Self::around(engine, signed, product, tab, query))
    }

    fn around(
        engine: &Engine,
        signed: &Signed<impl Grant>,
        product: Product,
        tab: &'static str,
        query: &str,
    ) -> Self {
        let shell = Shell::vendor(&signed.person, &signed.csrf, "products", engine.now()).after(query);
        Self { shell, product, tab }
    }

    /// The pages above a page of the product.
    fn crumbs(product: &Product) -> Vec<(String, String)> {
        vec![
            ("Products".to_owned(), "/products".to_owned()),
            (product.name.to_string(), format!("/products/{}", product.id)),
        ]
    }
}

/// The version that a form was made of: whoever saves another one is told that someone else was faster.
fn seen(form: &Form) -> Option<i64> {
    form.given("version")?.parse().ok()
}

/// What the engine refused, in the form. Who was told that someone else has changed the product goes on from there.
fn kept(mut form: Form, error: Error) -> Result<Form, PageError> {
    let is_late = matches!(error, Error::Changed { .. });
    form.keep(error)?;
    Ok(if is_late { form.without(&["version"]) } else { form })
}

/// A form with the product's version, unless it has one.
fn of_version(mut form: Form, product: &Product) -> Form {
    if form.given("version").is_none() {
        form.set("version", product.version.to_string());
    }
    form
}
