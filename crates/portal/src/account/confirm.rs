//! “Confirm it's you”: asked before anything changes how people sign in.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use keyward_engine::{Confirmation, Engine, Password};

use super::{ConfirmPage, Own};
use crate::error_page::PageError;
use crate::form::Form;
use crate::page::{self, Page};
use crate::signed;
use crate::tries::{in_words, slowed};

/// The page that is asked for, if one is led to it.
pub(crate) fn known<O: Own>(page: &str) -> &'static str {
    O::PATHS.confirmed.iter().copied().find(|known| *known == page).unwrap_or(O::PATHS.home)
}

#[derive(serde::Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    pub page: String,
    sent: Option<String>,
}

async fn page_of<O: Own>(
    engine: &Engine,
    own: &O,
    page: &'static str,
    form: Form,
) -> Result<ConfirmPage, PageError> {
    // The menu's entries are called as the first part of their pages' addresses, after that of the portal.
    let active = page.split('/').find(|part| !part.is_empty() && *part != "portal").unwrap_or_default();
    Ok(ConfirmPage {
        shell: own.shell(active, engine.now()),
        paths: O::PATHS,
        email: own.email().to_string(),
        ways: engine.ways_to_confirm(own.person()).await?,
        page,
        sent: false,
        form,
    })
}

pub(super) async fn show<O: Own>(own: O, asked: web::Query<Asked>, engine: web::Data<Engine>) -> Page {
    let page = known::<O>(&asked.page);
    if engine.reauthenticated(own.person()).is_ok() && asked.sent.is_none() {
        return Ok(page::go(page));
    }
    let shown = page_of(&engine, &own, page, Form::default()).await?;
    ConfirmPage { sent: asked.sent.is_some(), ..shown }.send()
}

pub(super) async fn confirm<O: Own>(
    request: HttpRequest,
    own: O,
    sent: O::Sent,
    engine: web::Data<Engine>,
) -> Page {
    let mut form: Form = sent.into();
    let page = known::<O>(form.value("page"));
    let password = Password::attempt(form.value("password"));
    let mut wait = None;
    match engine.confirm(own.person(), password, form.given("code")).await {
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
    let shown = page_of(&engine, &own, page, form.without(&["password", "code"])).await?;
    let shown = shown.send_as(StatusCode::UNAUTHORIZED)?;
    Ok(match wait {
        Some(seconds) => slowed(shown, seconds),
        None => shown,
    })
}
