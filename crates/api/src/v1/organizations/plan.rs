use actix_web::{post, web};
use keyward_domain::permission::Operate;
use keyward_domain::{OrganizationId, Plan};
use keyward_engine::{Engine, PlanChange};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, Problem, Request};

use super::OrganizationView;

/// What is to be changed; what is absent stays.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct SetPlan {
    /// `free`, `pro`, `pro_trial` (30 days from now) or `enterprise`.
    #[schema(value_type = Option<String>)]
    plan: Option<Plan>,
    /// The most products; `null` for the plan's own limit.
    products: Option<Option<u32>>,
    /// The most validations a product and day; `null` for the plan's own limit.
    validations_per_day: Option<Option<u32>>,
}

impl Request for SetPlan {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (plan, products) = (fields.optional("plan"), fields.patch("products"));
        Some(Self { plan, products, validations_per_day: fields.patch("validations_per_day") })
    }
}

/// Set an organization's plan
///
/// For the server's operator: needs the scope `operator`. Below a limit nothing is taken away.
#[utoipa::path(
    tag = "organizations",
    operation_id = "set_plan",
    params(("id" = String, Path, format = Uuid)),
    request_body = SetPlan,
    security(("management_token" = ["operator"])),
    responses((status = 200, body = OrganizationView), Refused),
)]
#[post("/api/v1/organizations/{id}/plan")]
pub(crate) async fn set_plan(
    command: Command<Operate, SetPlan>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<OrganizationView>, Problem> {
    let SetPlan { plan, products, validations_per_day } = command.body;
    let change = PlanChange { plan, products, validations_per_day };
    let organization = engine.set_plan(&command.access, id.0, change).await?;
    Ok(OrganizationView::answer(organization, engine.now()))
}
