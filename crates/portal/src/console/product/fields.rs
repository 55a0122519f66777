//! The editor of a product's license fields.

use actix_web::{HttpRequest, web};
use keyward_domain::permission::{ReadProducts, WriteProducts};
use keyward_domain::{Product, ProductId, Template};
use keyward_engine::{Engine, ProductChange};
use keyward_web::Id;

use super::super::template::{self, BLANK, FIELDS, Input, KINDS};
use super::{Frame, kept, of_version, seen};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/products/preview-form", web::post().to(preview))
        .route("/products/{id}/fields", web::get().to(show))
        .route("/products/{id}/fields", web::post().to(save))
        .route("/products/{id}/fields/edit", web::post().to(edit));
}

#[derive(askama::Template)]
#[template(path = "console/product_fields.html")]
struct FieldsPage {
    shell: Shell,
    product: Product,
    tab: &'static str,
    form: Form,
    /// The form of a key that comes of them.
    inputs: Vec<Input>,
}

impl FieldsPage {
    async fn send(
        engine: &Engine,
        signed: &Signed<impl keyward_domain::Grant>,
        id: ProductId,
        form: Option<Form>,
        query: &str,
    ) -> Page {
        let Frame { shell, product, tab } = Frame::of(engine, signed, id, "fields", query).await?;
        let form = form.unwrap_or_else(|| template::filled(&product.template));
        let form = of_version(form, &product);
        page::send(&Self { shell, inputs: template::preview(&form), form, product, tab })
    }
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadProducts>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Page {
    FieldsPage::send(&engine, &signed, id.0, None, request.query_string()).await
}

async fn save(
    signed: Signed<WriteProducts>,
    id: Id<ProductId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    if let Some(template) = template::read(&mut form) {
        let change = ProductChange { template: Some(template), ..ProductChange::default() };
        match engine.update_product(&signed.access, id.0, change, seen(&form)).await {
            Ok(_) => return Ok(page::go(format!("/products/{}/fields?done=saved", id.0))),
            Err(error) => form = kept(form, error)?,
        }
    }
    FieldsPage::send(&engine, &signed, id.0, Some(form), "").await
}

/// Adds, removes or moves a field; nothing is saved.
async fn edit(
    signed: Signed<WriteProducts>,
    id: Id<ProductId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    form.edit_rows(FIELDS, Template::MOST_FIELDS, &BLANK);
    FieldsPage::send(&engine, &signed, id.0, Some(form), "").await
}

#[derive(askama::Template)]
#[template(path = "console/preview.html")]
struct PreviewForm {
    inputs: Vec<Input>,
    form: Form,
}

/// The form of a key as the editor's rows would make it.
async fn preview(_: Signed<ReadProducts>, Posted(form): Posted) -> Page {
    page::send(&PreviewForm { inputs: template::preview(&form), form })
}
