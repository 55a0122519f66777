use actix_web::{post, web};
use keyward_domain::TokenId;
use keyward_domain::permission::WriteOwners;
use keyward_engine::Engine;
use keyward_web::fields::Nothing;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Id, Problem};

use super::TokenView;

/// Take a management token over
///
/// It acts for you from now on, with the secret that it has: whoever holds that goes on, within your role. A token whose
/// maker was removed works again. What is revoked or expired stays so.
#[utoipa::path(
    tag = "tokens",
    operation_id = "take_over_token",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["owners:write"])),
    responses((status = 200, body = TokenView), Refused),
)]
#[post("/api/v1/tokens/{id}/take-over")]
pub(crate) async fn take_over(
    command: Command<WriteOwners, Nothing>,
    id: Id<TokenId>,
    engine: web::Data<Engine>,
) -> Result<Answer<TokenView>, Problem> {
    let token = engine.take_over_token(&command.access, id.0).await?;
    Ok(Answer::ok(TokenView::at(token, engine.now())))
}
