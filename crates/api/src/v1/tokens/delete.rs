use actix_web::{HttpResponse, delete, web};
use keyward_domain::TokenId;
use keyward_domain::permission::WriteTokens;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Caller, Id, Problem};

/// Revoke a management token
///
/// It is dead at the next request, for ever; it stays in the list with `revoked_at`. The tokens of other owners, and of the
/// operator, are revoked by who has `owners:write` too.
#[utoipa::path(
    tag = "tokens",
    operation_id = "delete_token",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["tokens:write"])),
    extensions(("x-scopes-for-owners" = json!(["owners:write"]))),
    responses((status = 204, description = "Revoked"), Refused),
)]
#[delete("/api/v1/tokens/{id}")]
pub(crate) async fn delete(
    caller: Caller<WriteTokens>,
    id: Id<TokenId>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.revoke_token(&caller, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
