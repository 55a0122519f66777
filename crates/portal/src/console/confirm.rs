//! “Confirm it's you”: asked before anything changes how people sign in.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::ReadOrganization;
use keyward_engine::{Confirmation, Engine, Password, WaysToConfirm};
use keyward_web::{Code, Problem};

use crate::error_page::PageError;
use crate::form::{Form, Posted};
use crate::openid;
use crate::page::{self, Page, Shell};
use crate::signed::{self, Signed};
use crate::tries::{in_words, slowed};

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/confirm", web::get().to(show))
        .route("/confirm", web::post().to(confirm))
        .route("/confirm/away", web::get().to(away));
}

/// The pages that one comes from and goes on with; nothing else is led to.
const PAGES: [&str; 9] = [
    "/members",
    "/settings",
    "/settings/authenticator",
    "/settings/authenticator/remove",
    "/settings/deletion",
    "/settings/password",
    "/settings/recovery-codes/new",
    "/settings/sign-in-provider",
    "/tokens",
];

fn known(page: &str) -> &'static str {
    PAGES.into_iter().find(|known| *known == page).unwrap_or("/settings")
}

#[derive(serde::Deserialize)]
struct Asked {
    #[serde(default)]
    page: String,
    sent: Option<String>,
}

#[derive(Template)]
#[template(path = "console/confirm.html")]
struct ConfirmPage {
    shell: Shell,
    email: String,
    ways: WaysToConfirm,
    page: &'static str,
    /// Whether a form was sent before, and not carried out.
    sent: bool,
    form: Form,
}

impl ConfirmPage {
    async fn of(
        engine: &Engine,
        signed: &Signed<ReadOrganization>,
        page: &'static str,
        form: Form,
    ) -> Result<Self, PageError> {
        // The menu's entries are called as the first part of their pages' addresses.
        let active = page.split('/').nth(1).unwrap_or_default();
        Ok(Self {
            shell: Shell::vendor(&signed.person, &signed.csrf, active, engine.now()),
            email: signed.person.member.email.to_string(),
            ways: engine.ways_to_confirm(&signed.person).await?,
            page,
            sent: false,
            form,
        })
    }
}

async fn show(signed: Signed<ReadOrganization>, asked: web::Query<Asked>, engine: web::Data<Engine>) -> Page {
    let page = known(&asked.page);
    if signed.is_confirmed(&engine) && asked.sent.is_none() {
        return Ok(page::go(page));
    }
    let shown = ConfirmPage::of(&engine, &signed, page, Form::default()).await?;
    page::send(&ConfirmPage { sent: asked.sent.is_some(), ..shown })
}

async fn confirm(
    request: HttpRequest,
    signed: Signed<ReadOrganization>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let page = known(form.value("page"));
    let password = Password::attempt(form.value("password"));
    let mut wait = None;
    match engine.confirm(&signed.person, password, form.given("code")).await {
        Ok(Confirmation::Done(renewed)) => return Ok(signed::begin(&request, &renewed, page)),
        Ok(Confirmation::CodeNeeded) => {
            form.refuse("code", "is needed: six digits of your authenticator app, or a recovery code");
        }
        Ok(Confirmation::Refused) => form.refuse("password", "is not your password"),
        Err(error) => {
            let page_error = PageError::from(error);
            let Some(seconds) = page_error.wait() else { return Err(page_error) };
            form.refuse("", format!("Too many tries. Wait {}.", in_words(seconds)));
            wait = Some(seconds);
        }
    }
    let shown = ConfirmPage::of(&engine, &signed, page, form.without(&["password", "code"])).await?;
    let shown = page::send_as(StatusCode::UNAUTHORIZED, &shown)?;
    Ok(match wait {
        Some(seconds) => slowed(shown, seconds),
        None => shown,
    })
}

/// Goes to the organization's provider, to sign in there again.
async fn away(
    request: HttpRequest,
    signed: Signed<ReadOrganization>,
    asked: web::Query<Asked>,
    engine: web::Data<Engine>,
) -> Page {
    openid::count(&request, &engine).await?;
    let outbound = engine.depart_to_confirm(&signed.person, known(&asked.page)).await?;
    openid::send_off(&request, outbound.ok_or_else(|| Problem::new(Code::NotFound))?)
}
