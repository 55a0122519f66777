use actix_web::{get, web};
use keyward_domain::ProductId;
use keyward_domain::permission::ReadProducts;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem, markdown};
use serde::Serialize;

/// A product's page as customers see it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PagePreview {
    /// Safe to be put into a page: no scripts, images, raw HTML or links but to the web and to mailboxes.
    #[schema(example = "<h1>Install</h1>")]
    html: String,
}

/// Show a product's page as customers see it
#[utoipa::path(
    tag = "products",
    operation_id = "product_page",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["products:read"])),
    responses((status = 200, body = PagePreview), Refused),
)]
#[get("/api/v1/products/{id}/page")]
pub(crate) async fn page(
    caller: Caller<ReadProducts>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Result<Answer<PagePreview>, Problem> {
    let product = engine.product(&caller, id.0).await?;
    Ok(Answer::ok(PagePreview { html: markdown::to_html(&product.page) }))
}
