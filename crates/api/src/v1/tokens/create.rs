use actix_web::{post, web};
use keyward_domain::permission::WriteTokens;
use keyward_domain::{EndTime, Name, Scopes};
use keyward_engine::{Engine, NewToken};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Problem, Request};
use serde::Serialize;

use super::TokenView;

/// A token to be created.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct CreateToken {
    /// What it is for.
    #[schema(value_type = String, example = "CI")]
    name: Name,
    /// What it is given, no more than your own token may do now; absent for all of that.
    #[schema(value_type = Option<Vec<String>>, example = json!(["licenses:read"]))]
    scopes: Option<Scopes>,
    /// From when on it no longer works, or the last day in UTC on which it does, such as `2027-06-30`; absent for never.
    #[schema(value_type = Option<String>, example = "2027-06-30T22:00:00Z")]
    expires_at: Option<EndTime>,
}

impl Request for CreateToken {
    fn read(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name");
        let (scopes, expires_at) = (fields.optional("scopes"), fields.optional("expires_at"));
        Some(Self { name: name?, scopes, expires_at })
    }
}

/// A token just created.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CreatedToken {
    #[serde(flatten)]
    token: TokenView,
    /// Shown this once and kept nowhere: store it now.
    #[schema(example = "kw_mgmt_…")]
    secret: String,
}

/// Create a management token
///
/// It acts for the same member as the token that creates it. The secret is in this answer and in no other.
#[utoipa::path(
    tag = "tokens",
    operation_id = "create_token",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = CreateToken,
    security(("management_token" = ["tokens:write"])),
    responses((status = 201, body = CreatedToken), Refused),
)]
#[post("/api/v1/tokens")]
pub(crate) async fn create(
    command: Command<WriteTokens, CreateToken>,
    engine: web::Data<Engine>,
) -> Result<Answer<CreatedToken>, Problem> {
    let Command { access, body, once } = command;
    let new = NewToken { name: body.name, scopes: body.scopes, expires_at: body.expires_at.map(Into::into) };
    let made = engine.create_token(&access, new, once.as_ref()).await?;
    let location = format!("/api/v1/tokens/{}", made.token.id);
    let secret = made.secret.expose().to_owned();
    Ok(Answer::created(location, CreatedToken { token: TokenView::at(made.token, engine.now()), secret }))
}
