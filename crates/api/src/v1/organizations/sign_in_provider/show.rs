use actix_web::{get, web};
use keyward_domain::OrganizationId;
use keyward_domain::permission::ReadOrganization;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Code, Id, Problem};

use super::ProviderView;
use crate::v1::organizations::own;

/// Show your sign-in provider
#[utoipa::path(
    tag = "organizations",
    operation_id = "show_sign_in_provider",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["organizations:read"])),
    responses((status = 200, body = ProviderView), Refused),
)]
#[get("/api/v1/organizations/{id}/sign-in-provider")]
pub(crate) async fn show(
    caller: Caller<ReadOrganization>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<ProviderView>, Problem> {
    own(caller.scope(), id.0)?;
    let provider = engine.sign_in_provider(&caller).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(ProviderView::answer(provider, &engine))
}
