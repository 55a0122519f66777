//! Management tokens.

mod create;
mod delete;
mod list;
mod show;
mod take_over;

use crate::routes::Routes;
use crate::v1::page::PageQuery;
use keyward_domain::{Maker, ManagementToken, Name, Permission, Role, Timestamp, TokenId};
use serde::Serialize;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create::create)
        .body::<create::CreateToken>()
        .service(list::list)
        .query::<PageQuery>("list_tokens")
        .service(show::show)
        .service(take_over::take_over)
        .service(delete::delete);
}

/// A management token, without its secret. It acts for its maker: what it may do is its scopes, as far as the maker's role
/// allows them now.
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
    maker: MakerView,
    /// `active`, `expired`, `revoked`, or `orphaned` where its maker was removed or is not known: an owner may take it over.
    #[schema(example = "active")]
    state: &'static str,
    /// What it was given.
    #[schema(example = json!(["licenses:read", "licenses:write"]))]
    scopes: Vec<&'static str>,
    /// What it may do now.
    #[schema(example = json!(["licenses:read", "licenses:write"]))]
    effective_scopes: Vec<&'static str>,
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

/// Who made a token, or has taken it over since.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Maker)]
pub(crate) struct MakerView {
    /// `member`, `operator` for the operator of the server, or `unknown` for a token older than the record of makers.
    #[schema(example = "member")]
    kind: &'static str,
    /// The member.
    #[schema(format = Uuid)]
    id: Option<String>,
    /// The member's name; it stays when the member is removed.
    #[schema(value_type = Option<String>, example = "Ada")]
    name: Option<Name>,
    /// The member's role now; `null` once the member was removed.
    #[schema(value_type = Option<String>, example = "owner")]
    role: Option<Role>,
}

impl From<Maker> for MakerView {
    fn from(maker: Maker) -> Self {
        let kind = maker.as_str();
        match maker {
            Maker::Member { id, name, role } => {
                Self { kind, id: Some(id.to_string()), name: Some(name), role }
            }
            Maker::Operator | Maker::Unknown => Self { kind, id: None, name: None, role: None },
        }
    }
}

impl TokenView {
    pub(crate) fn at(token: ManagementToken, now: Timestamp) -> Self {
        Self {
            state: token.state(now).as_str(),
            scopes: token.scopes.iter().map(Permission::as_str).collect(),
            effective_scopes: token.effective_scopes(now).iter().map(Permission::as_str).collect(),
            id: token.id,
            name: token.name,
            hint: token.hint,
            maker: token.maker.into(),
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            revoked_at: token.revoked_at,
            created_at: token.created_at,
        }
    }
}
