//! Confirming who one is at the organization's provider.

use actix_web::{HttpRequest, web};
use keyward_domain::permission::ReadOrganization;
use keyward_engine::Engine;
use keyward_web::{Code, Problem};

use crate::account::confirm::{Asked, known};
use crate::openid;
use crate::page::Page;
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.route("/confirm/away", web::get().to(away));
}

/// Goes to the organization's provider, to sign in there again.
async fn away(
    request: HttpRequest,
    signed: Signed<ReadOrganization>,
    asked: web::Query<Asked>,
    engine: web::Data<Engine>,
) -> Page {
    openid::count(&request, &engine).await?;
    let page = known::<Signed<ReadOrganization>>(&asked.page);
    let outbound = engine.depart_to_confirm(&signed.person, page).await?;
    openid::send_off(&request, outbound.ok_or_else(|| Problem::new(Code::NotFound))?)
}
