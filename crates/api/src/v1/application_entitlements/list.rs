use actix_web::{get, web};
use keyward_domain::permission::ReadEntitlements;
use keyward_domain::{ApplicationId, CustomerId};
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Fields, Problem, Query, Request};

use super::EntitlementView;
use crate::v1::page::{PageQuery, PageView};

/// Which entitlements are wanted.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EntitlementQuery {
    /// Only of this customer.
    #[param(value_type = Option<String>, format = Uuid)]
    customer_id: Option<CustomerId>,
    /// Only to this application.
    #[param(value_type = Option<String>, format = Uuid)]
    application_id: Option<ApplicationId>,
    #[param(ignore)]
    page: PageQuery,
}

impl Request for EntitlementQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (customer_id, application_id) =
            (fields.optional("customer_id"), fields.optional("application_id"));
        Some(Self { customer_id, application_id, page: PageQuery::read(fields)? })
    }
}

/// List application entitlements
#[utoipa::path(
    tag = "application-entitlements",
    operation_id = "list_application_entitlements",
    params(EntitlementQuery, PageQuery),
    security(("management_token" = ["entitlements:read"])),
    responses((status = 200, body = PageView<EntitlementView>), Refused),
)]
#[get("/api/v1/application-entitlements")]
pub(crate) async fn list(
    caller: Caller<ReadEntitlements>,
    query: Query<EntitlementQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<EntitlementView>>, Problem> {
    let Query(EntitlementQuery { customer_id, application_id, page }) = query;
    let found = engine.application_entitlements(&caller, customer_id, application_id, page.request()).await?;
    Ok(Answer::ok(PageView::of(found, EntitlementView::from)))
}
