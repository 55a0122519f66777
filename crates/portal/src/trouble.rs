//! What a page answers when it can't do what was asked.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use keyward_domain::Forbidden;
use keyward_engine::Error;
use keyward_web::Problem;

use crate::page;

/// A refusal, as a page.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Sign in first.
    SignIn {
        /// The page for it.
        at: &'static str,
    },
    /// The form did not come from our own page.
    Foreign,
    /// Anything else.
    Problem(Problem),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Forbidden(forbidden) => forbidden.into(),
            other => Self::Problem(other.into()),
        }
    }
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Forbidden> for Trouble {
    fn from(forbidden: Forbidden) -> Self {
        // The problem speaks of a token, which people in a browser do not have.
        let scope = forbidden.needed.as_str();
        Self::Problem(Problem::from(forbidden).detail(format!("Your role does not include {scope}.")))
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SignIn { .. } => f.write_str("sign in first"),
            Self::Foreign => f.write_str("the form did not come from this site"),
            Self::Problem(problem) => problem.fmt(f),
        }
    }
}

impl ResponseError for Trouble {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignIn { .. } => StatusCode::SEE_OTHER,
            Self::Foreign => StatusCode::FORBIDDEN,
            Self::Problem(problem) => problem.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        let (title, text) = match self {
            Self::SignIn { at } => {
                return HttpResponse::SeeOther().insert_header((header::LOCATION, *at)).finish();
            }
            Self::Foreign => {
                ("Please try again", "This form has run out. Go back, reload the page and send it again.")
            }
            Self::Problem(problem) => match problem.status_code().as_u16() {
                403 => ("You may not do this", "Ask an owner of your organization."),
                404 => ("Nothing here", "There is no such page, or it is not yours."),
                410 => (
                    "This link is gone",
                    "It was used before, has run out or was withdrawn. Ask whoever sent it for another.",
                ),
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
        let mut page = page::trouble(self.status_code(), title, &detail);
        if self.status_code() == StatusCode::SERVICE_UNAVAILABLE {
            page.headers_mut()
                .insert(header::RETRY_AFTER, header::HeaderValue::from(keyward_web::RETRY_SECONDS));
        }
        page
    }
}
