//! Secrets that a form makes: kept for the page that the form leads to, and shown there once.

use actix_web::HttpRequest;
use askama::Template;
use keyward_domain::Session;
use keyward_engine::Engine;
use keyward_web::was_head;

use crate::error_page::PageError;
use crate::page::{self, Page, Shell};

/// Keeps a secret for a page, and leads there.
pub(crate) async fn lead(engine: &Engine, session: &Session, page: &str, secret: &str) -> Page {
    engine.keep_to_show(session, page, secret).await?;
    Ok(page::go(page))
}

/// The secret that waits for the page that is asked for, this once.
pub(crate) async fn take(
    request: &HttpRequest,
    engine: &Engine,
    session: &Session,
) -> Result<Option<String>, PageError> {
    if was_head(request) {
        return Ok(None);
    }
    let secret = engine.show_once(session, request.path()).await?;
    Ok(secret.map(|secret| secret.to_string()))
}

/// What the page says when it is looked at again.
#[derive(Template)]
#[template(path = "console/shown.html")]
pub(crate) struct ShownPage {
    pub shell: Shell,
    /// What was shown.
    pub what: &'static str,
    /// What to do who has not copied it.
    pub otherwise: &'static str,
    /// The page to go on with.
    pub back: String,
}

/// What it says when it is looked at first.
#[derive(Template)]
#[template(path = "console/secret.html")]
pub(crate) struct SecretPage {
    pub shell: Shell,
    /// Of what the secret is.
    pub title: String,
    /// What it is called.
    pub what: &'static str,
    pub secret: String,
    /// The page to go on with.
    pub back: String,
    /// What it is for.
    pub about: &'static str,
}
