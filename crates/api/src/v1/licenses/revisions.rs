//! The terms that a license has had.

use actix_web::{HttpRequest, get, web};
use keyward_domain::permission::ReadLicenses;
use keyward_domain::{LicenseId, Page, Revision, RevisionId, RevisionState, Timestamp};
use keyward_engine::Engine;
use keyward_web::{Answer, Caller, Id, Problem, Query, part};
use serde::Serialize;
use serde_json::value::RawValue;

use super::raw;
use super::token::{TokenAnswer, TokenQuery};
use crate::v1::page::PageView;

/// The terms of a license from one moment on.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Revision)]
pub(crate) struct RevisionView {
    /// The `jti` of its tokens.
    id: RevisionId,
    /// 1 for the first.
    number: u32,
    /// `current`, `superseded` (its tokens run out by themselves) or `revoked`.
    #[schema(example = "current")]
    state: &'static str,
    /// Since when it is superseded or revoked.
    since: Option<Timestamp>,
    not_before: Timestamp,
    ends_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    #[schema(value_type = Object)]
    payload: Box<RawValue>,
    /// The signing key of its tokens.
    kid: String,
    /// The `iat` of its tokens.
    created_at: Timestamp,
}

impl From<Revision> for RevisionView {
    fn from(revision: Revision) -> Self {
        let since = match revision.state {
            RevisionState::Current => None,
            RevisionState::Superseded { at } | RevisionState::Revoked { at } => Some(at),
        };
        Self {
            id: revision.id,
            number: revision.number,
            state: revision.state.as_str(),
            since,
            not_before: revision.validity.not_before(),
            ends_at: revision.validity.ends_at(),
            expires_at: revision.validity.expires_at(),
            payload: raw(revision.payload.as_str()),
            kid: revision.kid.to_string(),
            created_at: revision.created_at,
        }
    }
}

/// List the terms that a license has had, newest first
#[utoipa::path(responses((status = 200, body = PageView<RevisionView>)))]
#[get("/api/v1/licenses/{id}/revisions")]
pub(crate) async fn list_revisions(
    caller: Caller<ReadLicenses>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<RevisionView>>, Problem> {
    let page = Page::new(engine.revisions(&caller, id.0).await?, None);
    Ok(Answer::ok(PageView::of(page, RevisionView::from)))
}

/// Fetch the token of one revision
#[utoipa::path(responses((status = 200, body = TokenAnswer)))]
#[get("/api/v1/licenses/{id}/revisions/{number}/token")]
pub(crate) async fn revision_token(
    caller: Caller<ReadLicenses>,
    id: Id<LicenseId>,
    query: Query<TokenQuery>,
    engine: web::Data<Engine>,
    request: HttpRequest,
) -> Result<Answer<TokenAnswer>, Problem> {
    let number = part(&request, "number")?;
    let token = engine.revision_token(&caller, id.0, number, query.0.format()).await?;
    Ok(Answer::ok(TokenAnswer { token }))
}
