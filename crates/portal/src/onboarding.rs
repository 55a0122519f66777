//! The onboarding link: a page that mail scanners may look at as often as they like, a button that opens it
//! once, and half an hour with documentation and token.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use keyward_domain::session::SessionHolder;
use keyward_domain::{Secret, SecretKind};
use keyward_engine::{Engine, Handover};
use keyward_web::{Code, Problem, markdown, part};

use crate::error_page::PageError;
use crate::form::PublicPost;
use crate::page::{self, Page};
use crate::signed::{self, Onboarded};
use crate::terms::{self, Term};

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/onboarding/license/{license}", web::get().to(opened))
        .route("/onboarding/license/{license}/license.jwt", web::get().to(download))
        .route("/onboarding/{secret}", web::get().to(look))
        .route("/onboarding/{secret}", web::post().to(open));
}

#[derive(Template)]
#[template(path = "onboarding/look.html")]
struct LookPage {
    organization: String,
}

#[derive(Template)]
#[template(path = "onboarding/opened.html")]
struct OpenedPage {
    handover: Handover,
    docs: String,
    fields: Vec<Term>,
}

fn secret(request: &HttpRequest) -> Result<Secret, PageError> {
    let text: String = part(request, "secret")?;
    Secret::parse(SecretKind::Onboarding, &text).ok_or_else(|| Problem::new(Code::NotFound).into())
}

fn private(mut response: HttpResponse) -> HttpResponse {
    let robots = header::HeaderName::from_static("x-robots-tag");
    response.headers_mut().insert(robots, header::HeaderValue::from_static("noindex"));
    response
}

async fn look(request: HttpRequest, engine: web::Data<Engine>) -> Page {
    let organization = engine.onboarding_link(&secret(&request)?).await?;
    page::send(&LookPage { organization: organization.name.to_string() }).map(private)
}

async fn open(request: HttpRequest, _: PublicPost, engine: web::Data<Engine>) -> Page {
    let client = signed::client_info(&request).await;
    let begun = engine.open_onboarding_link(&secret(&request)?, client).await?;
    let license = match begun.session.holder {
        SessionHolder::Onboarding(license) => license,
        SessionHolder::Member(_) | SessionHolder::CustomerUser(_) => {
            return Err(Problem::new(Code::Gone).into());
        }
    };
    Ok(private(signed::begin(&request, &begun, &format!("/onboarding/license/{license}"))))
}

async fn opened(onboarded: Onboarded, engine: web::Data<Engine>) -> Page {
    let handover = engine.onboarding(&onboarded.person).await?;
    let docs = handover.product.as_ref().map(|product| markdown::to_html(&product.page)).unwrap_or_default();
    let fields = terms::seen(&handover.license.revision.payload, handover.product.as_ref());
    page::send(&OpenedPage { handover, docs, fields }).map(private)
}

async fn download(onboarded: Onboarded, engine: web::Data<Engine>) -> Page {
    let token = engine.onboarding(&onboarded.person).await?.token;
    let token = token.ok_or_else(|| Problem::new(Code::TokenUnavailable))?;
    Ok(private(page::file("license.jwt", "application/jwt", token)))
}
