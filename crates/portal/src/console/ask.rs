//! “Are you sure?”: a page that says what will happen and to whom, before it is done.

use askama::Template;
use keyward_domain::Grant;
use keyward_engine::Engine;

use crate::form::Form;
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

/// Values, each with what it says.
pub(crate) type Options<'a> = &'a [(&'static str, &'static str)];

/// What is asked before something is done.
pub(crate) struct Question<'a> {
    /// The place in the navigation.
    pub active: &'static str,
    /// The pages above, with their addresses.
    pub crumbs: Vec<(String, String)>,
    /// The question.
    pub title: String,
    /// What will happen, and to whom, a sentence each.
    pub effects: Vec<String>,
    /// Where the form is sent.
    pub action: String,
    /// What is on the button.
    pub button: &'static str,
    /// What must be typed to go on, with the label.
    pub typed: Option<&'a str>,
    /// What can be chosen: its name, its label, and the values with their words.
    pub choice: Option<(&'static str, &'static str, Options<'a>)>,
    /// Where whoever does not mean it goes.
    pub back: String,
}

#[derive(Template)]
#[template(path = "console/ask.html")]
struct AskPage<'a> {
    shell: Shell,
    asked: Question<'a>,
    form: Form,
}

/// Asks.
pub(crate) fn send(engine: &Engine, signed: &Signed<impl Grant>, asked: Question<'_>, form: Form) -> Page {
    let shell = Shell::vendor(&signed.person, &signed.csrf, asked.active, engine.now());
    page::send(&AskPage { shell, asked, form })
}
