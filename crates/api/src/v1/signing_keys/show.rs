use actix_web::{get, web};
use keyward_domain::Kid;
use keyward_domain::permission::ReadSigningKeys;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};

use super::SigningKeyView;

/// Show a signing key
#[utoipa::path(
    tag = "signing-keys",
    operation_id = "show_signing_key",
    params(("id" = String, Path, description = "The key's `kid`")),
    security(("management_token" = ["signing-keys:read"])),
    responses((status = 200, body = SigningKeyView), Refused),
)]
#[get("/api/v1/signing-keys/{id}")]
pub(crate) async fn show(
    caller: Caller<ReadSigningKeys>,
    kid: Id<Kid>,
    engine: web::Data<Engine>,
) -> Result<Answer<SigningKeyView>, Problem> {
    Ok(Answer::ok(engine.signing_key(&caller, kid.0).await?.into()))
}
