use actix_web::{get, web};
use keyward_domain::permission::ReadCustomers;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Fields, Problem, Query, Request};

use super::CustomerView;
use crate::v1::page::{PageQuery, PageView};

/// Which customers are wanted.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CustomerQuery {
    /// Only those whose name or address contains this text.
    q: Option<String>,
    #[param(ignore)]
    page: PageQuery,
}

impl Request for CustomerQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { q: fields.optional("q"), page: PageQuery::read(fields)? })
    }
}

/// List customers
#[utoipa::path(
    tag = "customers",
    operation_id = "list_customers",
    params(CustomerQuery, PageQuery),
    responses((status = 200, body = PageView<CustomerView>), Refused),
)]
#[get("/api/v1/customers")]
pub(crate) async fn list(
    caller: Caller<ReadCustomers>,
    query: Query<CustomerQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<CustomerView>>, Problem> {
    let Query(CustomerQuery { q, page }) = query;
    let customers = engine.customers(&caller, q.as_deref(), page.request()).await?;
    Ok(Answer::ok(PageView::of(customers, CustomerView::from)))
}
