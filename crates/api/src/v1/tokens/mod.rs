//! Management tokens.

mod create;
mod delete;
mod list;
mod show;

use keyward_domain::{ManagementToken, Name, Permission, Timestamp, TokenId};
use serde::Serialize;
use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(create::create).service(list::list).service(show::show).service(delete::delete);
}

/// A management token, without its secret.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ManagementToken)]
pub(crate) struct TokenView {
    #[schema(value_type = String, format = Uuid)]
    id: TokenId,
    #[schema(value_type = String, example = "CI")]
    name: Name,
    /// The first characters of the secret.
    #[schema(example = "kw_mgmt_2lFA")]
    hint: String,
    #[schema(example = json!(["licenses:read", "licenses:write"]))]
    scopes: Vec<&'static str>,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// To the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<ManagementToken> for TokenView {
    fn from(token: ManagementToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            hint: token.hint,
            scopes: token.scopes.iter().map(Permission::as_str).collect(),
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            revoked_at: token.revoked_at,
            created_at: token.created_at,
        }
    }
}
