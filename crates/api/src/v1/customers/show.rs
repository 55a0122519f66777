use actix_web::{get, web};
use keyward_domain::CustomerId;
use keyward_domain::permission::ReadCustomers;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};

use super::CustomerView;

/// Show a customer
#[utoipa::path(
    tag = "customers",
    operation_id = "show_customer",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["customers:read"])),
    responses((status = 200, body = CustomerView), Refused),
)]
#[get("/api/v1/customers/{id}")]
pub(crate) async fn show(
    caller: Caller<ReadCustomers>,
    id: Id<CustomerId>,
    engine: web::Data<Engine>,
) -> Result<Answer<CustomerView>, Problem> {
    Ok(CustomerView::answer(engine.customer(&caller, id.0).await?))
}
