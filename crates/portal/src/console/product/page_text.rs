//! What customers read of a product, in Markdown.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use keyward_domain::permission::{ReadProducts, WriteProducts};
use keyward_domain::product::Markdown;
use keyward_domain::{Product, ProductId};
use keyward_engine::{Engine, ProductChange};
use keyward_web::{Id, markdown};

use super::{Frame, kept, of_version, seen};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/products/preview-page", web::post().to(preview))
        .route("/products/{id}/page", web::get().to(show))
        .route("/products/{id}/page", web::post().to(save));
}

#[derive(Template)]
#[template(path = "console/product_page.html")]
struct TextPage {
    shell: Shell,
    product: Product,
    tab: &'static str,
    form: Form,
    docs: String,
}

impl TextPage {
    async fn send(
        engine: &Engine,
        signed: &Signed<impl keyward_domain::Grant>,
        id: ProductId,
        form: Option<Form>,
        query: &str,
    ) -> Page {
        let Frame { shell, product, tab } = Frame::of(engine, signed, id, "page", query).await?;
        let form = form.unwrap_or_else(|| Form::filled([("page", product.page.as_str().to_owned())]));
        let form = of_version(form, &product);
        let docs = form.value("page").parse::<Markdown>().map(|page| markdown::to_html(&page));
        page::send(&Self { shell, form, docs: docs.unwrap_or_default(), product, tab })
    }
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadProducts>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Page {
    TextPage::send(&engine, &signed, id.0, None, request.query_string()).await
}

async fn save(
    signed: Signed<WriteProducts>,
    id: Id<ProductId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    match form.value("page").parse::<Markdown>() {
        Ok(text) => {
            let change = ProductChange { page: Some(text), ..ProductChange::default() };
            match engine.update_product(&signed.access, id.0, change, seen(&form)).await {
                Ok(_) => return Ok(page::go(format!("/products/{}/page?done=saved", id.0))),
                Err(error) => form = kept(form, error)?,
            }
        }
        Err(fault) => form.refuse("page", fault.message),
    }
    TextPage::send(&engine, &signed, id.0, Some(form), "").await
}

async fn preview(_: Signed<ReadProducts>, Posted(form): Posted) -> Page {
    let shown = form.value("page").parse::<Markdown>();
    let html = shown.map(|page| markdown::to_html(&page)).unwrap_or_default();
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html))
}
