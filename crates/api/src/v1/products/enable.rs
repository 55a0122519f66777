use actix_web::{post, web};
use keyward_domain::ProductId;
use keyward_domain::permission::WriteProducts;
use keyward_engine::Engine;
use keyward_web::fields::Nothing;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Id, Problem};

use super::ProductView;

/// Enable a product
///
/// It is back in service.
#[utoipa::path(
    tag = "products",
    operation_id = "enable_product",
    params(("id" = String, Path, format = Uuid), ("Idempotency-Key" = Option<String>, Header)),
    security(("management_token" = ["products:write"])),
    responses((status = 200, body = ProductView), Refused),
)]
#[post("/api/v1/products/{id}/enable")]
pub(crate) async fn enable(
    command: Command<WriteProducts, Nothing>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Result<Answer<ProductView>, Problem> {
    let done = engine.enable_product(&command.access, id.0, command.once.as_ref()).await?;
    Ok(ProductView::done(done))
}
