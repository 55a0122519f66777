use actix_web::{post, web};
use keyward_domain::permission::WriteSigningKeys;
use keyward_engine::{Engine, NewSigningKey};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Problem, Request};

use super::SigningKeyView;

/// A key to be made or imported.
#[derive(utoipa::ToSchema)]
pub(crate) struct CreateSigningKey {
    /// PKCS#8 PEM of an Ed25519 key to import; absent to make one.
    #[schema(example = "-----BEGIN PRIVATE KEY-----\n…\n-----END PRIVATE KEY-----\n")]
    private_key_pem: Option<String>,
    /// Whether it signs at once. Otherwise it is published first, and activated once verifiers know it.
    activate: Option<bool>,
}

impl Request for CreateSigningKey {
    fn read(fields: &mut Fields) -> Option<Self> {
        let private_key_pem = fields.optional("private_key_pem");
        Some(Self { private_key_pem, activate: fields.optional("activate") })
    }
}

/// Make or import a signing key
#[utoipa::path(
    tag = "signing-keys",
    operation_id = "create_signing_key",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = CreateSigningKey,
    security(("management_token" = ["signing-keys:write"])),
    responses((status = 201, body = SigningKeyView), Refused),
)]
#[post("/api/v1/signing-keys")]
pub(crate) async fn create(
    command: Command<WriteSigningKeys, CreateSigningKey>,
    engine: web::Data<Engine>,
) -> Result<Answer<SigningKeyView>, Problem> {
    let Command { access, body, once } = command;
    let activate = body.activate.unwrap_or_default();
    let new = NewSigningKey { private_key_pem: body.private_key_pem, activate };
    let done = engine.create_signing_key(&access, new, once.as_ref()).await?;
    let location = format!("/api/v1/signing-keys/{}", done.value.kid);
    Ok(Answer::created(location, done.value.into()).replayed(done.replayed))
}
