use actix_web::{get, web};
use keyward_domain::ProductId;
use keyward_domain::permission::ReadProducts;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};

use super::ProductView;

/// Show a product
#[utoipa::path(
    tag = "products",
    operation_id = "show_product",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["products:read"])),
    responses((status = 200, body = ProductView), Refused),
)]
#[get("/api/v1/products/{id}")]
pub(crate) async fn show(
    caller: Caller<ReadProducts>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Result<Answer<ProductView>, Problem> {
    Ok(ProductView::answer(engine.product(&caller, id.0).await?))
}
