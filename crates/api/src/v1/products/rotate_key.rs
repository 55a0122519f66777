use actix_web::{post, web};
use keyward_domain::permission::WriteProducts;
use keyward_domain::product::ApiKey;
use keyward_domain::{Invalid, ProductId};
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, Problem, Request};

use super::KeyedProductView;

/// How the rotation goes.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct RotateKey {
    /// For how long the old key lives on beside the new one, in seconds: up to 30 days. Absent or 0: not at
    /// all, so applications must have the new key at once.
    #[schema(maximum = 2592000)]
    overlap_seconds: Option<u32>,
}

impl Request for RotateKey {
    fn read(fields: &mut Fields) -> Option<Self> {
        let overlap_seconds = fields.optional("overlap_seconds");
        if overlap_seconds.is_some_and(|seconds| seconds > ApiKey::MOST_OVERLAP_SECONDS) {
            fields
                .fault("overlap_seconds", Invalid::new("out_of_range", "must be at most 2592000 (30 days)"));
        }
        Some(Self { overlap_seconds })
    }
}

/// Give a product a new API key
///
/// The old key is refused from the very next request on, unless an overlap is asked for. The new one is in
/// the answer, and never shown again.
#[utoipa::path(
    tag = "products",
    operation_id = "rotate_product_key",
    params(("id" = String, Path, format = Uuid), ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$")),
    request_body = RotateKey,
    responses((status = 200, body = KeyedProductView), Refused),
)]
#[post("/api/v1/products/{id}/rotate-key")]
pub(crate) async fn rotate_key(
    command: Command<WriteProducts, RotateKey>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Result<Answer<KeyedProductView>, Problem> {
    let Command { access, body, once } = command;
    let overlap = body.overlap_seconds.unwrap_or(0);
    let made = engine.rotate_product_key(&access, id.0, overlap, once.as_ref()).await?;
    let version = made.product.version;
    Ok(Answer::ok(made.into()).version(version))
}
