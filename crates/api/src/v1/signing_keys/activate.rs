use actix_web::{post, web};
use keyward_domain::Kid;
use keyward_domain::permission::WriteSigningKeys;
use keyward_engine::Engine;
use keyward_web::fields::Nothing;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Id, Problem};

use super::SigningKeyView;

/// Let a signing key sign from now on
///
/// The one before it is retired: it signs nothing new, and its tokens still verify.
#[utoipa::path(
    tag = "signing-keys",
    operation_id = "activate_signing_key",
    params(
        ("id" = String, Path, description = "The key's `kid`"),
        ("Idempotency-Key" = Option<String>, Header),
    ),
    security(("management_token" = ["signing-keys:write"])),
    responses((status = 200, body = SigningKeyView), Refused),
)]
#[post("/api/v1/signing-keys/{id}/activate")]
pub(crate) async fn activate(
    command: Command<WriteSigningKeys, Nothing>,
    kid: Id<Kid>,
    engine: web::Data<Engine>,
) -> Result<Answer<SigningKeyView>, Problem> {
    let done = engine.activate_signing_key(&command.access, kid.0, command.once.as_ref()).await?;
    Ok(Answer::ok(done.value.into()).replayed(done.replayed))
}
