use actix_web::{post, web};
use keyward_domain::ProductId;
use keyward_domain::permission::WriteProducts;
use keyward_engine::Engine;
use keyward_web::fields::Nothing;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Id, Problem};

use super::ProductView;

/// Unarchive a product
///
/// It is back in sale and service, with all it had.
#[utoipa::path(
    tag = "products",
    operation_id = "unarchive_product",
    params(("id" = String, Path, format = Uuid), ("Idempotency-Key" = Option<String>, Header)),
    security(("management_token" = ["products:write"])),
    responses((status = 200, body = ProductView), Refused),
)]
#[post("/api/v1/products/{id}/unarchive")]
pub(crate) async fn unarchive(
    command: Command<WriteProducts, Nothing>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Result<Answer<ProductView>, Problem> {
    let done = engine.unarchive_product(&command.access, id.0, command.once.as_ref()).await?;
    Ok(ProductView::done(done))
}
