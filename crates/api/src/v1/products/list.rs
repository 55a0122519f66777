use actix_web::{get, web};
use keyward_domain::permission::ReadProducts;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Fields, Problem, Query, Request};

use super::ProductView;
use crate::v1::page::{PageQuery, PageView};

/// Which products are wanted.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProductQuery {
    /// Only those whose name contains this text.
    q: Option<String>,
    #[param(ignore)]
    page: PageQuery,
}

impl Request for ProductQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { q: fields.optional("q"), page: PageQuery::read(fields)? })
    }
}

/// List products
#[utoipa::path(
    tag = "products",
    operation_id = "list_products",
    params(ProductQuery, PageQuery),
    responses((status = 200, body = PageView<ProductView>), Refused),
)]
#[get("/api/v1/products")]
pub(crate) async fn list(
    caller: Caller<ReadProducts>,
    query: Query<ProductQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<ProductView>>, Problem> {
    let Query(ProductQuery { q, page }) = query;
    let products = engine.products(&caller, q.as_deref(), page.request()).await?;
    Ok(Answer::ok(PageView::of(products, ProductView::from)))
}
