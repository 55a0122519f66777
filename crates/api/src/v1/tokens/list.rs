use actix_web::{get, web};
use keyward_domain::permission::ReadTokens;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Problem, Query};

use super::TokenView;
use crate::v1::page::{PageQuery, PageView};

/// List management tokens, with those that no longer work
#[utoipa::path(
    tag = "tokens",
    operation_id = "list_tokens",
    params(PageQuery),
    security(("management_token" = ["tokens:read"])),
    responses((status = 200, body = PageView<TokenView>), Refused),
)]
#[get("/api/v1/tokens")]
pub(crate) async fn list(
    caller: Caller<ReadTokens>,
    page: Query<PageQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<TokenView>>, Problem> {
    let tokens = engine.tokens(&caller, page.0.request()).await?;
    let now = engine.now();
    Ok(Answer::ok(PageView::of(tokens, |token| TokenView::at(token, now))))
}
