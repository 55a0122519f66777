//! Reads a request's members one by one and remembers every fault, so that a client learns all at once.
//!
//! ```
//! # use keyward_domain::{Email, Name, Notes};
//! # use keyward_web::{Fields, request};
//! struct NewPerson { name: Name, email: Email, notes: Option<Notes> }
//!
//! request! {
//!     /// A person to be added.
//!     "CreatePerson" for NewPerson {
//!         /// As shown to others.
//!         name: required,
//!         /// Where the person is reached.
//!         email: required,
//!         /// Internal.
//!         notes: optional,
//!     }
//! }
//!
//! let faults = Fields::json(r#"{"name":"","mail":"a@b.example"}"#).unwrap().read::<NewPerson>();
//! assert_eq!(faults.err().unwrap().code(), keyward_web::Code::ValidationFailed);
//! ```

mod deployment;
mod description;
mod value;
mod words;

use std::collections::HashSet;
use std::fmt;

use keyward_domain::Invalid;
use keyward_domain::openapi::one_of;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use description::Description;
pub use description::{NAME, NAMED, OR_NULL, describe, nullable};
use keyward_problem::{Code, Fault, Problem};
pub(crate) use value::whole;
pub use value::{Bounded, Field, FromField, Reads, Values};
pub use words::{Words, words};

/// The most faults that are named of one request.
const MOST_FAULTS: usize = 100;

/// The most characters of an unknown member's name that are said again.
const MOST_NAME: usize = 100;

/// What can be read from a request's members.
pub trait Request: Sized {
    /// What the OpenAPI document says of it in words.
    const WORDS: Words = Words::NONE;

    /// Takes each member by its name. `None` if a required one was missing or wrong, which `fields` knows.
    ///
    /// Every member is taken, whatever is wrong with the others: so all faults are named at once, and so the OpenAPI
    /// document is made by reading nothing ([`describe`]).
    fn read(fields: &mut Fields) -> Option<Self>;

    /// Reads all of it, or names all that is wrong.
    fn finish(fields: Fields) -> Result<Self, Problem> {
        match fields.finish(Self::read) {
            (Some(request), None) => Ok(request),
            (_, problem) => Err(problem.unwrap_or_else(unread)),
        }
    }
}

/// A request of which some may be wrong. What can be read of it goes on, so that what is wrong by what is known of the
/// rest is named together with it.
#[derive(Debug)]
pub struct Partly<T> {
    /// What could be read.
    pub request: Option<T>,
    /// What is wrong.
    pub problem: Option<Problem>,
}

/// A request that could not be read, whatever the reason.
pub fn unread() -> Problem {
    Problem::new(Code::ValidationFailed)
}

impl<T: Request> Request for Partly<T> {
    const WORDS: Words = T::WORDS;

    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { request: T::read(fields), problem: None })
    }

    fn finish(fields: Fields) -> Result<Self, Problem> {
        let (request, problem) = fields.finish(T::read);
        Ok(Self { request, problem })
    }
}

/// A request without members.
#[derive(Debug, Clone, Copy)]
pub struct Nothing;

impl Request for Nothing {
    fn read(_: &mut Fields) -> Option<Self> {
        Some(Self)
    }
}

/// The members of a JSON body or a query string.
pub struct Fields {
    members: Vec<(String, Field)>,
    taken: HashSet<&'static str>,
    faults: Vec<(String, Invalid)>,
    source: Source,
    /// What is asked for, where that is all that is wanted.
    description: Option<Description>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Body,
    Query,
}

impl Fields {
    /// The members of a JSON object.
    pub fn json(text: &str) -> Result<Self, Problem> {
        let members = members(text).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            let detail = match error.classify() {
                serde_json::error::Category::Data => format!("The body must be a JSON object ({place})."),
                _ => format!("The body is not valid JSON: {error}."),
            };
            Problem::new(Code::InvalidRequest).detail(detail)
        })?;
        let fields = members.into_iter().map(|(name, value)| (name, Field::Json(value))).collect();
        Ok(Self::new(fields, Source::Body))
    }

    /// The parameters of a query string.
    pub fn query(pairs: Vec<(String, String)>) -> Self {
        Self::new(pairs.into_iter().map(|(name, value)| (name, Field::Text(value))).collect(), Source::Query)
    }

    /// The fields of a form, as they were typed.
    pub fn form(pairs: Vec<(String, String)>) -> Self {
        Self::new(pairs.into_iter().map(|(name, value)| (name, Field::Typed(value))).collect(), Source::Query)
    }

    fn new(members: Vec<(String, Field)>, source: Source) -> Self {
        Self { members, taken: HashSet::new(), faults: Vec::new(), source, description: None }
    }

    /// Reads all of `R`, or names all that is wrong.
    pub fn read<R: Request>(self) -> Result<R, Problem> {
        R::finish(self)
    }

    /// What can be read, and all that is wrong.
    fn finish<R>(mut self, read: impl FnOnce(&mut Self) -> Option<R>) -> (Option<R>, Option<Problem>) {
        let read = read(&mut self);
        let taken = std::mem::take(&mut self.taken);
        let unknown = self.members.iter().filter(|(name, _)| !taken.contains(name.as_str()));
        // A bound, so that a hostile body can't ask for a large answer.
        let room = MOST_FAULTS.saturating_sub(self.faults.len());
        let unknown = unknown.take(room).map(|(name, _)| {
            (name.chars().take(MOST_NAME).collect(), Invalid::new("unknown_field", "is not known here"))
        });
        self.faults.extend(unknown.collect::<Vec<_>>());
        let problem = (read.is_none() || !self.faults.is_empty()).then(|| self.problem());
        (read, problem)
    }

    /// A member that must be there.
    pub fn required<T: FromField>(&mut self, name: &'static str) -> Option<T> {
        if let Some(description) = &mut self.description {
            description.required(name, T::schema());
            return None;
        }
        match self.take(name) {
            Some(field) if !field.is_absent::<T>() => self.value(name, field),
            _ => {
                self.missing(name, "is required");
                None
            }
        }
    }

    /// One of some texts, which must be there.
    pub fn required_one_of(
        &mut self,
        name: &'static str,
        code: &'static str,
        known: &'static [&'static str],
    ) -> Option<&'static str> {
        if let Some(description) = &mut self.description {
            description.required(name, one_of(known.iter().copied()));
            return None;
        }
        let given: Option<String> = self.required(name);
        self.known(name, code, known, given?)
    }

    /// One of some texts, if any.
    pub fn optional_one_of(
        &mut self,
        name: &'static str,
        code: &'static str,
        known: &'static [&'static str],
    ) -> Option<&'static str> {
        if let Some(description) = &mut self.description {
            description.optional(name, one_of(known.iter().copied()));
            return None;
        }
        let given: Option<String> = self.optional(name);
        self.known(name, code, known, given?)
    }

    fn known(
        &mut self,
        name: &'static str,
        code: &'static str,
        known: &'static [&'static str],
        given: String,
    ) -> Option<&'static str> {
        let found = known.iter().copied().find(|known| *known == given);
        if found.is_none() {
            let (last, others) = known.split_last()?;
            let message = format!("must be {} or {last}", others.join(", "));
            self.fault(name, Invalid::new(code, message));
        }
        found
    }

    /// What holds between members, for the document: a JSON Schema for the whole object.
    pub fn relation(&mut self, schema: Value) {
        if let Some(description) = &mut self.description {
            description.relation(schema);
        }
    }

    /// A member that may be absent or `null`, which is the same.
    pub fn optional<T: FromField>(&mut self, name: &'static str) -> Option<T> {
        self.patch(name).flatten()
    }

    /// A member that may be absent (`None`) or, which is not the same, `null` or blank (`Some(None)`).
    pub fn patch<T: FromField>(&mut self, name: &'static str) -> Option<Option<T>> {
        if let Some(description) = &mut self.description {
            description.optional(name, T::schema());
            return None;
        }
        let field = self.take(name)?;
        if field.is_absent::<T>() {
            return Some(None);
        }
        self.value(name, field).map(|value: T| Some(value).filter(|value| !value.is_blank()))
    }

    /// Refuses members that exist but never change.
    pub fn immutable(&mut self, names: &[&'static str]) {
        for name in names {
            if self.take(name).is_some() {
                self.fault(name, Invalid::new("immutable_field", "cannot be changed after creation"));
            }
        }
    }

    fn value<T: FromField>(&mut self, name: &'static str, field: Field) -> Option<T> {
        match T::from_field(&field) {
            Ok(value) => Some(value),
            Err(faults) => {
                let room = MOST_FAULTS.saturating_sub(self.faults.len());
                self.faults.extend(faults.into_iter().take(room).map(|fault| (name.to_owned(), fault)));
                None
            }
        }
    }

    fn take(&mut self, name: &'static str) -> Option<Field> {
        self.taken.insert(name);
        let mut found =
            self.members.iter().filter(|(member, _)| member == name).map(|(_, field)| field.clone());
        let field = found.next();
        if found.next().is_some() {
            drop(found);
            self.fault(name, Invalid::new("duplicate_name", "is given twice"));
        }
        field
    }

    /// Refuses a member because it is not there.
    pub fn missing(&mut self, name: &str, message: &str) {
        self.fault(name, Invalid::new("required", message));
    }

    /// Whether a member is there, right or wrong. It must have been taken.
    pub fn is_given(&self, name: &str) -> bool {
        self.members.iter().any(|(member, field)| member == name && !field.is_null())
    }

    /// Refuses a member for a reason that its type does not know.
    pub fn fault(&mut self, name: &str, invalid: Invalid) {
        self.faults.push((name.to_owned(), invalid));
    }

    fn problem(self) -> Problem {
        let immutable = self.faults.iter().any(|(_, invalid)| invalid.code == "immutable_field");
        let code = match self.source {
            Source::Query => Code::InvalidRequest,
            Source::Body if immutable => Code::ImmutableField,
            Source::Body => Code::ValidationFailed,
        };
        let fault = |(name, invalid): (String, Invalid)| {
            let invalid = invalid.at(&name);
            let (pointer, parameter) = match self.source {
                Source::Body => (Some(invalid.pointer), None),
                Source::Query => (None, Some(name)),
            };
            Fault { pointer, parameter, code: invalid.code, detail: invalid.message }
        };
        Problem::new(code).errors(self.faults.into_iter().map(fault).collect())
    }
}

/// The members of an object with their JSON text, so that numbers stay as they were written.
fn members(text: &str) -> serde_json::Result<Vec<(String, Box<RawValue>)>> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let members = reader.deserialize_map(Members)?;
    reader.end().map(|()| members)
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, Box<RawValue>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
            members.push((name, value));
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use keyward_domain::{EndTime, Name, Notes, Payload};
    use proptest::prelude::*;

    use super::*;

    struct Sample {
        name: Name,
        payload: Option<Payload>,
        end: Option<Option<EndTime>>,
    }

    impl Request for Sample {
        fn read(fields: &mut Fields) -> Option<Self> {
            let name = fields.required("name");
            let (payload, end) = (fields.optional("payload"), fields.patch("end"));
            fields.immutable(&["id"]);
            Some(Self { name: name?, payload, end })
        }
    }

    fn faults(text: &str) -> (Code, Vec<(String, &'static str)>) {
        let problem = Fields::json(text).and_then(Fields::read::<Sample>).err().unwrap();
        let named =
            problem.faults().iter().map(|fault| (fault.pointer.clone().unwrap(), fault.code)).collect();
        (problem.code(), named)
    }

    #[test]
    fn all_faults_are_named_at_once() {
        let text = r#"{"payload":{"exp":1,"a":{"b":1,"b":2}},"end":7,"more":1,"more":2}"#;
        let expected = [
            ("/name", "required"),
            ("/payload/exp", "reserved_name"),
            ("/payload/a/b", "duplicate_name"),
            ("/end", "wrong_type"),
            ("/more", "unknown_field"),
            ("/more", "unknown_field"),
        ];
        let expected = expected.map(|(place, code)| (place.to_owned(), code)).to_vec();
        assert_eq!(faults(text), (Code::ValidationFailed, expected));
        assert_eq!(faults(r#"{"name":"a","name":"b"}"#).1, [("/name".to_owned(), "duplicate_name")]);
        assert_eq!(
            faults(r#"{"name":"a","id":1}"#),
            (Code::ImmutableField, vec![("/id".into(), "immutable_field")])
        );
    }

    #[test]
    fn a_hostile_body_asks_for_no_large_answer() {
        let many: Vec<_> = (0..10_000).map(|number| format!("\"m{number}\":1")).collect();
        let (_, named) = faults(&format!("{{\"name\":\"a\",{}}}", many.join(",")));
        assert_eq!(named.len(), MOST_FAULTS);
        let (_, named) = faults(&format!("{{\"name\":\"a\",\"{}\":1}}", "x".repeat(100_000)));
        assert_eq!(named[0].0.len(), MOST_NAME + 1);
    }

    #[test]
    fn absent_null_and_given_are_three_things() {
        let read = |text: &str| Fields::json(text).and_then(Fields::read::<Sample>).unwrap();
        assert_eq!(read(r#"{"name":"a"}"#).end, None);
        assert_eq!(read(r#"{"name":"a","end":null}"#).end, Some(None));
        let given =
            read(r#"{"name":"a","end":"2027-01-01T00:00:00Z","payload":{"n":12345678901234567890123}}"#);
        assert!(matches!(given.end, Some(Some(_))));
        assert_eq!(given.payload.unwrap().as_str(), r#"{"n":12345678901234567890123}"#);
        assert_eq!(given.name.as_str(), "a");
    }

    #[test]
    fn blank_notes_are_none_and_others_are_kept() {
        let read = |text: &str| Fields::json(text).unwrap().patch::<Notes>("notes");
        for text in [r#"{"notes":null}"#, r#"{"notes":""}"#, r#"{"notes":" \n "}"#] {
            assert_eq!(read(text), Some(None), "{text}");
        }
        assert_eq!(read(r#"{"notes":"\n a "}"#).flatten().unwrap().as_str(), "\n a ");
        let typed = |name: &str, value: &str| Fields::form(vec![(name.to_owned(), value.to_owned())]);
        assert_eq!(typed("notes", "\n a ").required::<Notes>("notes").unwrap().as_str(), "\n a ");
        assert_eq!(typed("most", " 5 ").required::<u32>("most"), Some(5));
    }

    #[test]
    fn what_is_no_object_is_a_bad_request() {
        let deep = "[".repeat(100_000);
        let member = format!("{{\"name\":{deep}");
        for text in
            ["", "[]", "1", "{", "{}x", "{\"a\":}", "\u{feff}{}", "{a:1}", "{\"a\":NaN}", &deep, &member]
        {
            let problem = Fields::json(text).err().unwrap();
            assert_eq!(problem.code(), Code::InvalidRequest, "{text:.20}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = Fields::json(&text).and_then(Fields::read::<Sample>);
        }
    }
}
