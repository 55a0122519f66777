use actix_web::{get, web};
use keyward_domain::permission::ReadProducts;
use keyward_domain::{OrderedRequest, ProductOrder};
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Fields, Problem, Query, Request};

use super::ProductView;
use crate::v1::page::{PageQuery, PageView, in_order};

/// Which products are wanted.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProductQuery {
    /// Only those whose name contains this text.
    q: Option<String>,
    /// In which order: `name`, `state` or `created_at`, or with `-` before it the other way round. `-created_at` if absent.
    #[param(value_type = Option<String>)]
    sort: OrderedRequest<ProductOrder>,
}

impl Request for ProductQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { q: fields.optional("q"), sort: in_order(fields)? })
    }
}

/// List products
#[utoipa::path(
    tag = "products",
    operation_id = "list_products",
    params(ProductQuery, PageQuery),
    security(("management_token" = ["products:read"])),
    responses((status = 200, body = PageView<ProductView>), Refused),
)]
#[get("/api/v1/products")]
pub(crate) async fn list(
    caller: Caller<ReadProducts>,
    query: Query<ProductQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<ProductView>>, Problem> {
    let Query(ProductQuery { q, sort }) = query;
    let products = engine.products_in_order(&caller, q.as_deref(), &sort).await?;
    Ok(Answer::ok(PageView::in_order(products, ProductView::from)))
}
