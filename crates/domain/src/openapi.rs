//! What values look like in JSON, for the documents of an API and for whoever reads requests. Each type says it beside its
//! rules, with [`described`](crate::described).

use serde_json::{Value, json};
use utoipa::PartialSchema as _;
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{Ref, RefOr, Schema};

#[doc(hidden)]
pub use {serde_json, utoipa};

use crate::Invalid;
use crate::order::{Order, OrderBy};

/// A value that is written as one text.
pub trait Described: std::str::FromStr<Err = Invalid> {
    /// Whether white space at the ends of what was typed is part of it.
    const EXACT: bool = false;

    /// Its JSON Schema (draft 2020-12), by the constants by which it is checked, as far as a schema can say.
    fn described() -> Value;

    /// Whether nothing is written in it, which is the same as if it were not given.
    fn is_blank(&self) -> bool {
        false
    }
}

/// What a request may hold.
pub trait Input: Sized {
    /// How it is read: [`Text`], [`Object`] or [`Composed`].
    type Kind;
}

/// Inputs that are read from one text by their `FromStr`.
#[derive(Debug)]
pub enum Text {}

/// Inputs that are objects, whose members are read one by one.
#[derive(Debug)]
pub enum Object {}

/// Inputs that are read in a way of their own.
#[derive(Debug)]
pub enum Composed {}

/// A text of a length and a pattern.
pub fn text(most: usize, pattern: &str) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": most, "pattern": pattern})
}

/// A text in a format that JSON Schema knows.
pub fn formatted(format: &str) -> Value {
    json!({"type": "string", "format": format})
}

/// A text of which a pattern says all.
pub fn pattern(pattern: &str) -> Value {
    json!({"type": "string", "pattern": pattern})
}

/// One of some texts.
pub fn one_of<'a>(known: impl IntoIterator<Item = &'a str>) -> Value {
    json!({"type": "string", "enum": known.into_iter().collect::<Vec<_>>()})
}

/// A whole number within bounds.
pub fn integer(least: u32, most: u32) -> Value {
    json!({"type": "integer", "format": "int64", "minimum": least, "maximum": most})
}

/// An array of so many items.
pub fn array(items: Value, least: usize, most: usize) -> Value {
    json!({"type": "array", "items": items, "minItems": least, "maxItems": most})
}

/// An address of HTTP. Which hosts there are, no pattern can say.
pub fn http_url(most: usize) -> Value {
    json!({"type": "string", "format": "uri", "maxLength": most, "pattern": "^[hH][tT][tT][pP][sS]?://[^/?#@]"})
}

/// Whether a schema of this name is that of a value, which documents write where it is used.
pub fn is_value(name: &str) -> bool {
    name.starts_with("value.")
}

/// What is said of a value in an answer: type and format. Its bounds may change.
pub fn outline(schema: &Value) -> RefOr<Schema> {
    if let Some(items) = schema.get("items") {
        return ArrayBuilder::new().items(outline(items)).into();
    }
    if schema["type"] == "integer" {
        return u32::schema();
    }
    if let Some(target) = schema["$ref"].as_str() {
        return Ref::new(target).into();
    }
    let kind = if schema["type"] == "object" { Type::Object } else { Type::String };
    let format = match schema["format"].as_str() {
        Some("uuid") => Some(KnownFormat::Uuid),
        Some("date-time") => Some(KnownFormat::DateTime),
        Some("email") => Some(KnownFormat::Email),
        _ => None,
    };
    ObjectBuilder::new().schema_type(kind).format(format.map(SchemaFormat::KnownFormat)).into()
}

impl<K: OrderBy> Described for Order<K> {
    fn described() -> Value {
        let names = K::ALL.iter().flat_map(|(name, _)| [(*name).to_owned(), format!("-{name}")]);
        json!({"type": "string", "enum": names.collect::<Vec<_>>()})
    }
}

impl<K: OrderBy> Input for Order<K> {
    type Kind = Text;
}

macro_rules! composed {
    ($($name:ty),+) => {$(
        impl Input for $name {
            type Kind = Composed;
        }
    )+};
}

composed!(String, bool, u32, Box<serde_json::value::RawValue>);

impl<T> Input for Vec<T> {
    type Kind = Composed;
}

impl<T> Input for std::collections::BTreeSet<T> {
    type Kind = Composed;
}
