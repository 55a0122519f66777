use actix_web::{get, web};
use keyward_domain::CustomerId;
use keyward_domain::permission::ReadEntitlements;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Fields, Problem, Query, Request};

use super::EntitlementView;
use crate::v1::page::{PageQuery, PageView};

/// Which entitlements are wanted.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EntitlementQuery {
    /// Of this customer only.
    #[param(value_type = Option<String>, format = Uuid)]
    customer_id: Option<CustomerId>,
    #[param(ignore)]
    page: PageQuery,
}

impl Request for EntitlementQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { customer_id: fields.optional("customer_id"), page: PageQuery::read(fields)? })
    }
}

/// List artifact entitlements
#[utoipa::path(
    tag = "artifact-entitlements",
    operation_id = "list_artifact_entitlements",
    params(EntitlementQuery, PageQuery),
    security(("management_token" = ["entitlements:read"])),
    responses((status = 200, body = PageView<EntitlementView>), Refused),
)]
#[get("/api/v1/artifact-entitlements")]
pub(crate) async fn list(
    caller: Caller<ReadEntitlements>,
    query: Query<EntitlementQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<EntitlementView>>, Problem> {
    let EntitlementQuery { customer_id, page } = query.0;
    let entitlements = engine.artifact_entitlements(&caller, customer_id, page.request()).await?;
    Ok(Answer::ok(PageView::of(entitlements, EntitlementView::from)))
}
