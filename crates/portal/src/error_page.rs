//! What a page answers when it can't do what was asked.

use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use keyward_domain::Forbidden;
use keyward_engine::Error;
use keyward_web::{Code, Problem};

use crate::page;

/// A refusal, as a page.
#[derive(Debug)]
pub(crate) enum PageError {
    /// Sign in first.
    SignIn {
        /// The page for it.
        at: &'static str,
        /// Whether a form was sent, which is now lost.
        sent: bool,
    },
    /// Show who you are first.
    Confirm {
        /// The page to go on with.
        page: &'static str,
        /// Whether a form was sent, which is now lost.
        sent: bool,
    },
    /// A user of a customer who is no admin.
    AdminsOnly,
    /// The form did not come from our own page.
    Foreign,
    /// The form is of a session before this one.
    Earlier,
    /// Anything else.
    Problem(Problem),
}

impl PageError {
    /// Sign in first, at this page.
    pub(crate) fn sign_in(request: &HttpRequest, at: &'static str) -> Self {
        Self::SignIn { at, sent: request.method() == Method::POST }
    }

    /// The same, with another page to go on with once it is shown who it is.
    pub(crate) fn then(self, page: &'static str) -> Self {
        match self {
            Self::Confirm { sent, .. } => Self::Confirm { page, sent },
            Self::SignIn { .. } | Self::AdminsOnly | Self::Foreign | Self::Earlier | Self::Problem(_) => self,
        }
    }
}

impl From<Error> for PageError {
    fn from(error: Error) -> Self {
        match error {
            Error::Forbidden(forbidden) => forbidden.into(),
            Error::AdminsOnly => Self::AdminsOnly,
            Error::Unconfirmed => Self::Confirm { page: "/settings", sent: true },
            other => Self::Problem(other.into()),
        }
    }
}

impl From<Problem> for PageError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Forbidden> for PageError {
    fn from(forbidden: Forbidden) -> Self {
        // The problem speaks of a token, which people in a browser do not have.
        let scope = forbidden.needed.as_str();
        let role = forbidden.role.map(|role| format!(", {role},")).unwrap_or_default();
        Self::Problem(Problem::from(forbidden).detail(format!("Your role{role} does not include {scope}.")))
    }
}

impl PageError {
    /// For how many seconds to wait, after too many tries.
    pub(crate) fn wait(&self) -> Option<i64> {
        match self {
            Self::Problem(problem) if problem.code() == Code::TooManyRequests => problem.retry_seconds(),
            Self::Problem(_)
            | Self::SignIn { .. }
            | Self::Confirm { .. }
            | Self::AdminsOnly
            | Self::Foreign
            | Self::Earlier => None,
        }
    }
}

/// The page for whoever looks at an address that nothing is at; `None` for programs, and where something else was asked for.
pub fn nowhere(request: &HttpRequest) -> Option<HttpResponse> {
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let looks = matches!(*request.method(), Method::GET | Method::HEAD)
        && accepts.is_some_and(|accepts| accepts.contains("text/html"));
    let is_of_programs = ["/api/", "/v2/", "/o/"].iter().any(|root| request.path().starts_with(root));
    (looks && !is_of_programs).then(|| PageError::from(Problem::new(Code::NotFound)).error_response())
}

/// The same, where nobody else answers programs.
pub(crate) async fn unmatched(request: HttpRequest) -> HttpResponse {
    nowhere(&request).unwrap_or_else(|| Problem::new(Code::NotFound).error_response())
}

impl std::fmt::Display for PageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SignIn { .. } => f.write_str("sign in first"),
            Self::Confirm { .. } => f.write_str("confirm who you are first"),
            Self::AdminsOnly => f.write_str("only admins of the customer may do this"),
            Self::Foreign => f.write_str("the form did not come from this site"),
            Self::Earlier => f.write_str("the form is of an earlier session"),
            Self::Problem(problem) => problem.fmt(f),
        }
    }
}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignIn { .. } | Self::Confirm { .. } => StatusCode::SEE_OTHER,
            Self::AdminsOnly | Self::Foreign | Self::Earlier => StatusCode::FORBIDDEN,
            Self::Problem(problem) => problem.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        let (title, text) = match self {
            Self::SignIn { at, sent } => {
                let to = if *sent { format!("{at}?ended=yes") } else { (*at).to_owned() };
                return HttpResponse::SeeOther().insert_header((header::LOCATION, to)).finish();
            }
            Self::Confirm { page, sent } => {
                let sent = if *sent { "&sent=yes" } else { "" };
                let confirm = if page.starts_with("/portal") { "/portal/confirm" } else { "/confirm" };
                return page::go(format!("{confirm}?page={page}{sent}"));
            }
            Self::AdminsOnly => {
                ("You may not do this", "Only admins manage the people of your company. Ask one of them.")
            }
            Self::Foreign => (
                "This form came from another site",
                "Your browser says that another site sent it, so nothing was done. If you meant to, open the page \
                 here and send the form from there.",
            ),
            Self::Earlier => (
                "Please send it again",
                "You have signed in again since this page was opened, so the form was not carried out. Go back, \
                 reload the page and send the form again.",
            ),
            Self::Problem(problem) => match problem.status_code().as_u16() {
                403 => ("You may not do this", "Ask an owner of your organization."),
                404 => ("Nothing here", "There is no such page, or it is not yours."),
                410 => (
                    "This link is gone",
                    "It was used before, has run out or was withdrawn. Ask whoever sent it for another.",
                ),
                413 => ("That was too much", "The form is longer than it may be."),
                429 if problem.code() == Code::TooManyRequests => {
                    ("Too many tries", "Wait a quarter of an hour, and try again.")
                }
                503 if problem.code() == Code::Busy => {
                    ("One moment, please", "Many people are signing in. Try again in a few seconds.")
                }
                503 => (
                    "Please try again in a moment",
                    "The server can't reach its database right now. Nothing was changed.",
                ),
                _ => ("That did not work", ""),
            },
        };
        let detail = match self {
            Self::Problem(problem) if text.is_empty() => problem.to_string(),
            Self::Problem(problem) if problem.status_code() == StatusCode::FORBIDDEN => {
                format!("{problem} {text}")
            }
            _ => text.to_owned(),
        };
        let mut response = page::error(self.status_code(), title, &detail);
        if let Self::Problem(problem) = self
            && let Some(seconds) = problem.retry_seconds()
        {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
