//! Forms: read, and shown again with their faults.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use keyward_engine::Error;
use keyward_web::{Body, Code, Fields, Problem, Request};

use crate::signed;
use crate::trouble::Trouble;

/// What was typed, and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form {
    values: BTreeMap<String, String>,
    faults: Vec<(String, String)>,
}

impl Form {
    /// Nothing typed yet.
    pub(crate) const EMPTY: Self = Self { values: BTreeMap::new(), faults: Vec::new() };

    /// A form with values already in it.
    pub(crate) fn filled<'a>(values: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { values, faults: Vec::new() }
    }

    /// This form laid over another, for pages that hold several.
    #[must_use]
    pub(crate) fn over(self, below: Self) -> Self {
        let mut values = below.values;
        values.extend(self.values);
        Self { values, faults: self.faults }
    }

    /// Without what should not be shown again.
    #[must_use]
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        names.iter().for_each(|name| drop(self.values.remove(*name)));
        self
    }

    /// Makes a day, as date fields send it, the instant at which it begins.
    pub(crate) fn day(&mut self, name: &str) {
        if let Some(value) = self.values.get_mut(name)
            && value.len() == 10
        {
            value.push_str("T00:00:00Z");
        }
    }

    /// What was typed into a date field.
    pub(crate) fn date(&self, name: &str) -> &str {
        self.value(name).split('T').next().unwrap_or_default()
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

    /// What is wrong with a field.
    pub(crate) fn fault(&self, name: &str) -> Option<&str> {
        self.faults.iter().find(|(field, _)| field == name).map(|(_, fault)| fault.as_str())
    }

    /// What is wrong, for the top of the form.
    pub(crate) fn faults(&self) -> &[(String, String)] {
        &self.faults
    }

    /// Refuses a field.
    pub(crate) fn refuse(&mut self, name: &str, fault: impl Into<String>) {
        self.faults.push((name.to_owned(), fault.into()));
    }

    /// Reads all of `R`, with what was left empty left out. What is wrong stays in the form.
    pub(crate) fn read<R: Request>(&mut self, names: &[&str]) -> Option<R> {
        let pairs = names.iter().filter_map(|name| Some(((*name).to_owned(), self.given(name)?.to_owned())));
        match Fields::query(pairs.collect()).read() {
            Ok(read) => Some(read),
            Err(problem) => {
                for fault in problem.faults() {
                    self.refuse(fault.parameter.as_deref().unwrap_or_default(), fault.detail.clone());
                }
                None
            }
        }
    }

    /// Keeps what the engine refused because of the form's values; anything else is trouble.
    pub(crate) fn keep(&mut self, error: Error) -> Result<(), Trouble> {
        match error {
            Error::Invalid(faults) => {
                for fault in faults {
                    let name = format!("{}{}", fault.field, fault.invalid.pointer.replace('/', "."));
                    self.refuse(&name, fault.invalid.message);
                }
                Ok(())
            }
            Error::Taken { thing, field } => {
                self.refuse(field, format!("is taken by another {thing}"));
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
            Error::Changed { .. } => {
                let message =
                    "Someone else has changed it meanwhile. Look at it as it is now, then save again.";
                self.refuse("", message);
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

/// A form that came from one of our own pages.
pub(crate) struct Posted(pub Form);

impl FromRequest for Posted {
    type Error = Trouble;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Trouble>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Body::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let unreadable = || Trouble::from(Problem::new(Code::InvalidRequest));
            let body = body.await.map_err(|_| unreadable())?.0.map_err(|_| unreadable())?;
            let text = std::str::from_utf8(&body).map_err(|_| unreadable())?;
            let pairs = web::Query::<Vec<(String, String)>>::from_query(text).map_err(|_| unreadable())?;
            // Browsers send line breaks of texts as CR LF.
            let values: BTreeMap<_, _> = pairs
                .into_inner()
                .into_iter()
                .map(|(name, value)| (name, value.replace("\r\n", "\n")))
                .collect();
            if !signed::is_own(&request, values.get("csrf").map(String::as_str)) {
                return Err(Trouble::Foreign);
            }
            Ok(Self(Form { values, faults: Vec::new() }))
        })
    }
}
