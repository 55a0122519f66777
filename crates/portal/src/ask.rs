//! “Are you sure?”: a page that says what will happen and to whom, before it is done. What takes something away is one
//! question with one button; no form does so at the first click.

use askama::Template;

use crate::form::Form;
use crate::page::{self, Page, Shell, Side};

/// Values, each with what it says.
pub(crate) type Options = &'static [(&'static str, &'static str)];

/// What is asked before something is done.
#[derive(Default)]
pub(crate) struct Question {
    /// The pages above, with their addresses.
    pub crumbs: Vec<(String, String)>,
    /// The question.
    pub title: String,
    /// What will happen, and to whom, a sentence each.
    pub effects: Vec<String>,
    /// Where the form is sent.
    pub action: String,
    /// What is on the button.
    pub button: String,
    /// Whether nothing is lost by it.
    pub harmless: bool,
    /// What can be chosen: its name, its label, and the values with their words.
    pub choice: Option<(&'static str, &'static str, Options)>,
    /// What can be ticked: its name, its label, and what it means.
    pub tick: Option<(&'static str, &'static str, String)>,
    /// What must be typed to go on.
    pub typed: Option<Typed>,
    /// What may have been meant instead: when, the label of the link, and where it leads.
    pub instead: Option<(String, &'static str, String)>,
    /// Where whoever does not mean it goes.
    pub back: String,
}

/// A field of a question.
pub(crate) struct Typed {
    pub name: &'static str,
    pub label: &'static str,
    pub required: bool,
}

impl Typed {
    /// Something's own name, without which nothing is done.
    pub(crate) const fn confirm(label: &'static str) -> Self {
        Self { name: "confirm", label, required: true }
    }
}

#[derive(Template)]
#[template(path = "console/ask.html")]
struct VendorPage {
    shell: Shell,
    asked: Question,
    form: Form,
}

#[derive(Template)]
#[template(path = "customer/ask.html")]
struct CustomerPage {
    shell: Shell,
    asked: Question,
    form: Form,
}

/// Asks.
pub(crate) fn send(shell: Shell, asked: Question, form: Form) -> Page {
    match shell.side {
        Side::Vendor => page::send(&VendorPage { shell, asked, form }),
        Side::Customer => page::send(&CustomerPage { shell, asked, form }),
    }
}

/// The pages above a question, from the outermost.
pub(crate) fn crumbs<'a>(pages: impl IntoIterator<Item = (&'a str, String)>) -> Vec<(String, String)> {
    pages.into_iter().map(|(name, path)| (name.to_owned(), path)).collect()
}
