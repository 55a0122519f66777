//! Chooses one of many: a page that searches, and goes on with the one that was clicked. It needs no script and holds
//! with any number of things.

use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::error_page::PageError;
use crate::page::{self, Page, Shell};
use crate::pages::Pages;

/// What can be chosen.
pub(crate) struct Choice {
    /// What it is called.
    pub name: String,
    /// What tells it from others of the same name.
    pub detail: String,
    /// Where choosing it leads.
    pub href: String,
}

/// A page to choose something on.
#[derive(Template)]
#[template(path = "console/choose.html", blocks = ["table"])]
pub(crate) struct ChoosePage {
    /// What surrounds it.
    pub shell: Shell,
    /// What is to be chosen, as a question.
    pub title: &'static str,
    /// The pages above this one, with their addresses.
    pub crumbs: Vec<(String, String)>,
    /// What things can be looked for by.
    pub label: &'static str,
    /// What they are, for who hears the page.
    pub what: &'static str,
    /// What there is beside those that are searched.
    pub other: Option<Choice>,
    /// The page's own address.
    pub path: String,
    /// The text that is looked for.
    pub q: String,
    /// Those that were found.
    pub choices: Vec<Choice>,
    /// The links to the others.
    pub pages: Pages,
}

impl ChoosePage {
    /// Sends the page, or the part of it that changes while someone types.
    pub(crate) fn send(&self, request: &HttpRequest) -> Result<HttpResponse, PageError> {
        let sent: Page = if request.headers().contains_key("hx-request") {
            page::send(&self.as_table())
        } else {
            page::send(self)
        };
        sent
    }
}
