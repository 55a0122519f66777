use actix_web::{get, web};
use keyward_domain::TokenId;
use keyward_domain::permission::ReadTokens;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};

use super::TokenView;

/// Show a management token
#[utoipa::path(
    tag = "tokens",
    operation_id = "show_token",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["tokens:read"])),
    responses((status = 200, body = TokenView), Refused),
)]
#[get("/api/v1/tokens/{id}")]
pub(crate) async fn show(
    caller: Caller<ReadTokens>,
    id: Id<TokenId>,
    engine: web::Data<Engine>,
) -> Result<Answer<TokenView>, Problem> {
    Ok(Answer::ok(TokenView::at(engine.token(&caller, id.0).await?, engine.now())))
}
