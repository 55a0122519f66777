use actix_web::{post, web};
use keyward_domain::Name;
use keyward_domain::permission::WriteProducts;
use keyward_engine::{Engine, NewProduct, ProductChange};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Problem, Request};

use super::KeyedProductView;
use super::update::UpdateProduct;

/// A product to be created: its name, and whatever else differs from the defaults.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct CreateProduct {
    /// Unique among your products.
    #[schema(value_type = String, example = "Acme Server")]
    name: Name,
    /// As in a change of a product.
    #[schema(inline = false)]
    #[allow(dead_code, reason = "told apart in the document")]
    #[serde(flatten)]
    rest: UpdateProduct,
}

impl Request for CreateProduct {
    fn read(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name");
        let rest = UpdateProduct::read_rest(fields);
        Some(Self { name: name?, rest })
    }
}

/// Create a product
///
/// Its API key is in the answer, and never shown again.
#[utoipa::path(
    tag = "products",
    operation_id = "create_product",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = CreateProduct,
    security(("management_token" = ["products:write"])),
    responses((status = 201, body = KeyedProductView), Refused),
)]
#[post("/api/v1/products")]
pub(crate) async fn create(
    command: Command<WriteProducts, CreateProduct>,
    engine: web::Data<Engine>,
) -> Result<Answer<KeyedProductView>, Problem> {
    let Command { access, body, once } = command;
    let new = NewProduct { name: body.name, rest: ProductChange::from(body.rest) };
    let made = engine.create_product(&access, new, once.as_ref()).await?;
    let (version, location) = (made.product.version, format!("/api/v1/products/{}", made.product.id));
    Ok(Answer::created(location, made.into()).version(version))
}
