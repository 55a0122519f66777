use actix_web::{HttpResponse, delete, web};
use keyward_domain::CustomerId;
use keyward_domain::permission::WriteCustomers;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Caller, Id, IfMatch, Problem};

/// Delete a customer
///
/// All licenses of the customer are revoked at once.
#[utoipa::path(
    tag = "customers",
    operation_id = "delete_customer",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    security(("management_token" = ["customers:write"])),
    responses((status = 204, description = "Deleted"), Refused),
)]
#[delete("/api/v1/customers/{id}")]
pub(crate) async fn delete(
    caller: Caller<WriteCustomers>,
    id: Id<CustomerId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.delete_customer(&caller, id.0, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
