//! Forms: read, and shown again with their faults.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use keyward_domain::{Idempotency, Session};
use keyward_engine::Error;
use keyward_web::{Body, Code, Fields, MOST_BYTES, Problem, Request, is_from_own_page, utf8};
use sha2::{Digest as _, Sha256};

use crate::error_page::PageError;
use crate::signed;

/// The longest form of someone who is not signed in.
const MOST_OF_STRANGERS: usize = 16 * 1024;

/// What was typed, and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form {
    values: BTreeMap<String, String>,
    faults: Vec<(String, String)>,
    /// What tells this sending of the form from any other.
    once: Option<Idempotency>,
    /// Whether it holds what was typed and is not saved.
    unsaved: bool,
}

impl Form {
    /// Nothing typed yet.
    pub(crate) const EMPTY: Self =
        Self { values: BTreeMap::new(), faults: Vec::new(), once: None, unsaved: false };

    /// A form with values already in it.
    pub(crate) fn filled<'a>(values: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { values, ..Self::EMPTY }
    }

    /// What tells this sending of the form from any other: who clicks twice has one thing made.
    pub(crate) fn once(&self) -> Option<&Idempotency> {
        self.once.as_ref()
    }

    /// This form laid over another, for pages that hold several.
    #[must_use]
    pub(crate) fn over(self, below: Self) -> Self {
        let mut values = below.values;
        values.extend(self.values);
        Self { values, ..self }
    }

    /// Without what should not be shown again.
    #[must_use]
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        names.iter().for_each(|name| drop(self.values.remove(*name)));
        self
    }

    /// What was typed into a field.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// What was typed, if anything was.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// All that was typed, for a page that asks once more before it is carried out.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        let typed = self.values.iter().filter(|(name, _)| *name != "csrf");
        typed.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether a box is checked, or a choice is this one.
    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.values.get(name).is_some_and(|given| given == value)
    }

    /// Writes down which boxes are not ticked, since browsers leave those out: shown again, the form is as it was sent
    /// and not as it was saved.
    pub(crate) fn boxes(&mut self, names: &[&str]) {
        for name in names {
            self.values.entry((*name).to_owned()).or_default();
        }
    }

    /// Whether the box of one of several things is checked.
    pub(crate) fn is_checked(&self, kind: &str, thing: &str) -> bool {
        self.is(&format!("{kind}-{thing}"), "true")
    }

    /// What is wrong with a field, or first with a part of it.
    pub(crate) fn fault(&self, name: &str) -> Option<String> {
        self.faults.iter().find_map(|(field, fault)| match field.strip_prefix(name) {
            Some("") => Some(fault.clone()),
            Some(part) => part.strip_prefix('.').map(|part| format!("{part} {fault}")),
            None => None,
        })
    }

    /// What is wrong, for the top of the form.
    pub(crate) fn faults(&self) -> Vec<Told<'_>> {
        self.faults.iter().map(|(field, fault)| Told::of(field, fault)).collect()
    }

    /// Whether it is shown again with something in it that is not saved.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.unsaved || !self.faults.is_empty()
    }

    /// It holds what was typed and is not saved.
    pub(crate) fn keep_unsaved(&mut self) {
        self.unsaved = true;
    }

    /// Puts a value into a field.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        self.values.insert(name.to_owned(), value);
    }

    /// Keeps the fields with these names alone.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.values.retain(|name, _| wanted(name));
    }

    /// Refuses a field.
    pub(crate) fn refuse(&mut self, name: &str, fault: impl Into<String>) {
        self.faults.push((name.to_owned(), fault.into()));
    }

    /// Reads all of `R`, with what was left empty left out. What is wrong stays in the form.
    pub(crate) fn read<R: Request>(&mut self, names: &[&str]) -> Option<R> {
        let typed = names.iter().map(|name| (name, self.value(name))).filter(|(_, value)| !value.is_empty());
        let pairs = typed.map(|(name, value)| ((*name).to_owned(), value.to_owned()));
        match Fields::form(pairs.collect()).read() {
            Ok(read) => Some(read),
            Err(problem) => {
                for fault in problem.faults() {
                    self.refuse(fault.parameter.as_deref().unwrap_or_default(), fault.detail.clone());
                }
                None
            }
        }
    }

    /// Keeps what the engine refused because of the form's values; anything else is an error page.
    pub(crate) fn keep(&mut self, error: Error) -> Result<(), PageError> {
        match error {
            Error::Invalid(faults) => {
                for fault in faults {
                    let name = format!("{}{}", fault.field, fault.invalid.pointer.replace('/', "."));
                    self.refuse(&name, fault.invalid.message);
                }
                Ok(())
            }
            Error::Taken { resource, field } => {
                self.refuse(field, format!("is taken by another {resource}"));
                Ok(())
            }
            Error::Transition(reason) | Error::InUse(reason) => {
                self.refuse("", reason);
                Ok(())
            }
            Error::LimitReached(limit) => {
                self.refuse("", limit.to_string());
                Ok(())
            }
            Error::PlanRequired { plan, feature } => {
                let least = feature.least();
                self.refuse(
                    "",
                    format!("The plan {plan} does not include {feature}. It is part of {least}."),
                );
                Ok(())
            }
            Error::MailLimit { limit, .. } => {
                self.refuse("", format!("Not mailed: {limit}."));
                Ok(())
            }
            Error::Changed { .. } => {
                let message =
                    "Someone else has changed it meanwhile. Look at it as it is now, then save again.";
                self.refuse("", message);
                Ok(())
            }
            Error::LastAdmin => {
                self.refuse("", "There must be at least one admin who has accepted the invitation.");
                Ok(())
            }
            Error::LastOwner => {
                self.refuse("", "An organization needs at least one owner.");
                Ok(())
            }
            other => Err(other.into()),
        }
    }
}

/// A fault as the top of a form tells it.
pub(crate) struct Told<'a> {
    /// The id of the field; empty for a fault of the whole form.
    pub place: String,
    /// What people call the field.
    pub label: String,
    pub fault: &'a str,
}

/// What fields are called whose names are not just that.
const LABELS: [(&str, &str); 13] = [
    ("again", "Once more"),
    ("confirm", "What you typed to confirm"),
    ("custom_response", "Custom response (JSON)"),
    ("custom_response_template", "Custom response (JSON)"),
    ("default_max_ips", "Max. IPs of new licenses"),
    ("email", "E-mail"),
    ("end", "Valid until"),
    ("ends_at", "Valid until"),
    ("max_ips", "Max. IPs"),
    ("new_end", "Valid until"),
    ("new_payload", "New payload"),
    ("not_before", "Valid from"),
    ("version_pin", "Versions"),
];

impl<'a> Told<'a> {
    fn of(field: &str, fault: &'a str) -> Self {
        let (root, part) = field.split_once('.').unwrap_or((field, ""));
        // The fields of a product stand in the form under names of their own.
        if root == "fields" && !part.is_empty() {
            return Self { place: format!("field_{part}"), label: words(part), fault };
        }
        let label = match row(root) {
            Some((number, column)) => format!("Row {number}, {}", words(column).to_lowercase()),
            None => {
                let known = LABELS.iter().find(|(name, _)| *name == root);
                known.map_or_else(|| words(root), |(_, label)| (*label).to_owned())
            }
        };
        let label = if part.is_empty() { label } else { format!("{label}, {part}") };
        Self { place: root.to_owned(), label, fault }
    }
}

/// The number of a row, counted from 1, and its column, of a field such as `f0_name`.
fn row(field: &str) -> Option<(usize, &str)> {
    let (row, column) = field.split_once('_')?;
    let number: usize = row.get(1..)?.parse().ok()?;
    Some((number + 1, column))
}

/// The name of a field as words: `grace_days` is “Grace days”.
fn words(name: &str) -> String {
    let mut text = name.replace(['_', '-'], " ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// A form that a member sent from a page of their session.
pub(crate) struct Posted(pub Form);

/// A form that a user of a customer sent from a page of their session.
pub(crate) struct CustomerPosted(pub Form);

impl From<Posted> for Form {
    fn from(Posted(form): Posted) -> Self {
        form
    }
}

impl From<CustomerPosted> for Form {
    fn from(CustomerPosted(form): CustomerPosted) -> Self {
        form
    }
}

/// A form that needs no session, and that none is in the way of: signing in and out, links from mail, the first start.
pub(crate) struct PublicPost(pub Form);

type Reading<T> = Pin<Box<dyn Future<Output = Result<T, PageError>>>>;

impl FromRequest for Posted {
    type Error = PageError;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Body::<MOST_BYTES>::of(request, payload.take());
        let request = request.clone();
        Box::pin(async move {
            own(&request)?;
            // Only who is signed in sends long forms.
            let person = signed::member(&request).await?;
            let person = person.ok_or_else(|| PageError::sign_in(&request, "/sign-in"))?;
            read_of(&request, body, &person.session).await.map(Self)
        })
    }
}

impl FromRequest for CustomerPosted {
    type Error = PageError;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Body::<MOST_OF_STRANGERS>::of(request, payload.take());
        let request = request.clone();
        Box::pin(async move {
            own(&request)?;
            let person = signed::customer(&request).await?;
            let person = person.ok_or_else(|| PageError::sign_in(&request, "/portal/sign-in"))?;
            read_of(&request, body, &person.session).await.map(Self)
        })
    }
}

impl FromRequest for PublicPost {
    type Error = PageError;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Body::<MOST_OF_STRANGERS>::of(request, payload.take());
        let request = request.clone();
        Box::pin(async move {
            own(&request)?;
            let form = read(&request, body).await?;
            signed::anyone(&request).await?;
            Ok(Self(form))
        })
    }
}

/// Goes on with a form that the browser says comes from one of our own pages.
fn own(request: &HttpRequest) -> Result<(), PageError> {
    if is_from_own_page(request) { Ok(()) } else { Err(PageError::Foreign) }
}

/// Reads a form that was made for a page of this session.
async fn read_of<const MOST: usize>(
    request: &HttpRequest,
    body: Body<MOST>,
    session: &Session,
) -> Result<Form, PageError> {
    let form = read(request, body).await?;
    let token = form.values.get("csrf").map(String::as_str);
    if signed::is_of(session, token) { Ok(form) } else { Err(PageError::Earlier) }
}

async fn read<const MOST: usize>(request: &HttpRequest, body: Body<MOST>) -> Result<Form, PageError> {
    let unreadable = || PageError::from(Problem::new(Code::InvalidRequest));
    let body = body.read().await.map_err(keyward_web::unreadable)?;
    let text = std::str::from_utf8(&body).map_err(|_| unreadable())?;
    let pairs = utf8::pairs(text).ok_or_else(unreadable)?;
    // Browsers send line breaks of texts as CR LF.
    let values: BTreeMap<_, _> =
        pairs.into_iter().map(|(name, value)| (name, value.replace("\r\n", "\n"))).collect();
    let once = values.contains_key("csrf").then(|| idempotency(request.path(), &body)).flatten();
    Ok(Form { values, once, ..Form::EMPTY })
}

/// The body holds what no other page's form holds, so the same body means the same form, sent twice.
fn idempotency(path: &str, body: &[u8]) -> Option<Idempotency> {
    let hash = Sha256::new().chain_update(path).chain_update("\0").chain_update(body).finalize();
    let text: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Idempotency { key: format!("form-{text}").parse().ok()?, fingerprint: hash.into() })
}
