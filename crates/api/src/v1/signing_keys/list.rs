use actix_web::{get, web};
use keyward_domain::Page;
use keyward_domain::permission::ReadSigningKeys;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Problem};

use super::SigningKeyView;
use crate::v1::page::PageView;

/// List signing keys, oldest first
#[utoipa::path(
    tag = "signing-keys",
    operation_id = "list_signing_keys",
    security(("management_token" = ["signing-keys:read"])),
    responses((status = 200, body = PageView<SigningKeyView>), Refused),
)]
#[get("/api/v1/signing-keys")]
pub(crate) async fn list(
    caller: Caller<ReadSigningKeys>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<SigningKeyView>>, Problem> {
    let page = Page::new(engine.signing_keys(&caller).await?, None);
    Ok(Answer::ok(PageView::of(page, SigningKeyView::from)))
}
