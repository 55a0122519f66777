//! Management tokens.

use actix_web::{HttpResponse, delete, get, post, web};
use keyward_domain::permission::{ReadTokens, WriteOwners, WriteTokens};
use keyward_domain::{Maker, ManagementToken, Name, PageRequest, Permission, Role, Timestamp, TokenId};
use keyward_engine::{Engine, NewToken};
use keyward_web::fields::Nothing;
use keyward_web::{Answer, Caller, Command, Id, Once, Problem, Query};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create_token)
        .body::<NewToken>()
        .service(list_tokens)
        .query::<PageRequest>()
        .service(show_token)
        .service(take_over_token)
        .service(delete_token);
}

/// A management token, without its secret. It acts for its maker: what it may do is its scopes, as far as the maker's role
/// allows them now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ManagementToken)]
pub(crate) struct TokenView {
    id: TokenId,
    /// Example: "CI"
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
    expires_at: Option<Timestamp>,
    /// To the minute.
    last_used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
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
    /// Example: "Ada"
    name: Option<Name>,
    /// The member's role now; `null` once the member was removed.
    /// Example: "owner"
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
#[utoipa::path(params(Once), responses((status = 201, body = CreatedToken)))]
#[post("/api/v1/tokens")]
pub(crate) async fn create_token(
    command: Command<WriteTokens, NewToken>,
    engine: web::Data<Engine>,
) -> Result<Answer<CreatedToken>, Problem> {
    let Command { access, body, once } = command;
    let made = engine.create_token(&access, body, once.as_ref()).await?;
    let location = format!("/api/v1/tokens/{}", made.token.id);
    let secret = made.secret.expose().to_owned();
    Ok(Answer::created(location, CreatedToken { token: TokenView::at(made.token, engine.now()), secret }))
}

/// List management tokens, with those that no longer work
#[utoipa::path(responses((status = 200, body = PageView<TokenView>)))]
#[get("/api/v1/tokens")]
pub(crate) async fn list_tokens(
    caller: Caller<ReadTokens>,
    page: Query<PageRequest>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<TokenView>>, Problem> {
    let tokens = engine.tokens(&caller, page.0).await?;
    let now = engine.now();
    Ok(Answer::ok(PageView::of(tokens, |token| TokenView::at(token, now))))
}

/// Show a management token
#[utoipa::path(responses((status = 200, body = TokenView)))]
#[get("/api/v1/tokens/{id}")]
pub(crate) async fn show_token(
    caller: Caller<ReadTokens>,
    id: Id<TokenId>,
    engine: web::Data<Engine>,
) -> Result<Answer<TokenView>, Problem> {
    Ok(Answer::ok(TokenView::at(engine.token(&caller, id.0).await?, engine.now())))
}

/// Revoke a management token
///
/// It is dead at the next request, for ever; it stays in the list with `revoked_at`. The tokens of other owners, and of the
/// operator, are revoked by who has `owners:write` too.
#[utoipa::path(
    extensions(("x-scopes-for-owners" = json!(["owners:write"]))),
    responses((status = 204, description = "Revoked")),
)]
#[delete("/api/v1/tokens/{id}")]
pub(crate) async fn delete_token(
    caller: Caller<WriteTokens>,
    id: Id<TokenId>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.revoke_token(&caller, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Take a management token over
///
/// It acts for you from now on, with the secret that it has: whoever holds that goes on, within your role. A token whose
/// maker was removed works again. What is revoked or expired stays so.
#[utoipa::path(
    security(("management_token" = ["owners:write"])),
    responses((status = 200, body = TokenView)),
)]
#[post("/api/v1/tokens/{id}/take-over")]
pub(crate) async fn take_over_token(
    command: Command<WriteOwners, Nothing>,
    id: Id<TokenId>,
    engine: web::Data<Engine>,
) -> Result<Answer<TokenView>, Problem> {
    let token = engine.take_over_token(&command.access, id.0).await?;
    Ok(Answer::ok(TokenView::at(token, engine.now())))
}
