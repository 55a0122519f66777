use actix_web::{post, web};
use keyward_domain::ProductId;
use keyward_domain::permission::WriteProducts;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Id, Problem};

use super::KeyedProductView;
use crate::v1::overlap::Overlap;

/// Give a product a new API key
///
/// The old key is refused from the very next request on, unless an overlap is asked for. The new one is in
/// the answer, and never shown again.
#[utoipa::path(
    tag = "products",
    operation_id = "rotate_product_key",
    params(("id" = String, Path, format = Uuid), ("Idempotency-Key" = Option<String>, Header)),
    request_body = Overlap,
    security(("management_token" = ["products:write"])),
    responses((status = 200, body = KeyedProductView), Refused),
)]
#[post("/api/v1/products/{id}/rotate-key")]
pub(crate) async fn rotate_key(
    command: Command<WriteProducts, Overlap>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Result<Answer<KeyedProductView>, Problem> {
    let Command { access, body, once } = command;
    let made = engine.rotate_product_key(&access, id.0, body.seconds(), once.as_ref()).await?;
    let version = made.product.version;
    Ok(Answer::ok(made.into()).version(version))
}
