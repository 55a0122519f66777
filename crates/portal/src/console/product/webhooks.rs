//! Which webhook endpoints are told of a product.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadProducts, ReadWebhooks};
use keyward_domain::{PageRequest, Product, ProductId, Webhook, WebhookState};
use keyward_engine::Engine;
use keyward_web::Id;

use super::Frame;
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/products/{id}/webhooks", web::get().to(show));
}

/// The most endpoints that are looked at.
const MOST: u32 = 100;

#[derive(Template)]
#[template(path = "console/product_webhooks.html")]
struct WebhooksPage {
    shell: Shell,
    product: Product,
    tab: &'static str,
    /// Those that are told of it; `None` for who may not see them.
    webhooks: Option<Vec<Webhook>>,
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadProducts>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Page {
    let webhooks = match signed.access.also::<ReadWebhooks>() {
        Ok(access) => {
            let mut all = engine.webhooks(&access, PageRequest { limit: MOST, after: None }).await?.newest();
            all.retain(|webhook| webhook.products.is_empty() || webhook.products.contains(&id.0));
            Some(all)
        }
        Err(_) => None,
    };
    let Frame { shell, product, tab } =
        Frame::of(&engine, &signed, id.0, "webhooks", request.query_string()).await?;
    page::send(&WebhooksPage { shell, product, tab, webhooks })
}
