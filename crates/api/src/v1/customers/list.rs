use actix_web::{get, web};
use keyward_domain::permission::ReadCustomers;
use keyward_domain::{CustomerOrder, OrderedRequest};
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Fields, Problem, Query, Request};

use super::CustomerView;
use crate::v1::page::{PageQuery, PageView, in_order};

/// Which customers are wanted.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CustomerQuery {
    /// Only those whose name or address contains this text.
    q: Option<String>,
    /// In which order: `name`, `email` or `created_at`, or with `-` before it the other way round. `-created_at` if absent.
    #[param(value_type = Option<String>)]
    sort: OrderedRequest<CustomerOrder>,
}

impl Request for CustomerQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { q: fields.optional("q"), sort: in_order(fields)? })
    }
}

/// List customers
#[utoipa::path(
    tag = "customers",
    operation_id = "list_customers",
    params(CustomerQuery, PageQuery),
    security(("management_token" = ["customers:read"])),
    responses((status = 200, body = PageView<CustomerView>), Refused),
)]
#[get("/api/v1/customers")]
pub(crate) async fn list(
    caller: Caller<ReadCustomers>,
    query: Query<CustomerQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<CustomerView>>, Problem> {
    let Query(CustomerQuery { q, sort }) = query;
    let customers = engine.customers_in_order(&caller, q.as_deref(), &sort).await?;
    Ok(Answer::ok(PageView::in_order(customers, CustomerView::from)))
}
