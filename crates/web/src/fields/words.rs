//! What the OpenAPI document says of a request in words: written as comments beside the code that reads it.

use serde_json::{Map, Value};

/// What is said of a request.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// The name of its schema; empty for one without.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// What its members are, in their order.
    pub members: &'static [(&'static str, &'static str)],
    /// The words of requests that it contains, whose members are its own.
    pub parts: &'static [&'static Words],
}

impl Words {
    /// Nothing.
    pub const NONE: Self = Self { name: "", about: "", members: &[], parts: &[] };

    /// What is said of all members, with those of its parts.
    pub fn all_members(&self) -> Vec<(&'static str, &'static str)> {
        let parts = self.parts.iter().flat_map(|part| part.all_members());
        self.members.iter().copied().chain(parts).collect()
    }
}

/// The words of a comment. Lines such as `Example: "Ada"` and `Default: 50` say in JSON what they name.
pub fn words(comment: &str) -> Map<String, Value> {
    let (mut found, mut lines) = (Map::new(), Vec::new());
    for line in comment.lines().map(str::trim) {
        let said = [("Example: ", "example"), ("Default: ", "default"), ("At most: ", "maxItems")];
        let said = said.iter().find_map(|(prefix, word)| Some((*word, line.strip_prefix(prefix)?)));
        match said.and_then(|(word, json)| Some((word, serde_json::from_str(json).ok()?))) {
            Some((word, value)) => drop(found.insert(word.to_owned(), value)),
            None => lines.push(line),
        }
    }
    let description = lines.join("\n").trim().to_owned();
    if !description.is_empty() {
        found.insert("description".to_owned(), description.into());
    }
    found
}

/// The [`Words`] of a request: comments, the name of its schema, and its members with theirs. After `; ..` stand requests that
/// it contains.
#[macro_export]
macro_rules! words {
    ($(#[doc = $about:literal])* $name:literal {
        $($(#[doc = $doc:literal])* $member:literal),* $(; .. $part:ty)*
    }) => {
        $crate::fields::Words {
            name: $name,
            about: concat!($($about, "\n"),*),
            members: &[$(($member, concat!($($doc, "\n"),*))),*],
            parts: &[$(&<$part as $crate::Request>::WORDS),*],
        }
    };
}

/// Says of a command how it is read from a request, and what the OpenAPI document says of it:
///
/// ```
/// # use keyward_domain::{BlockList, EndTime, Name, Notes, Timestamp};
/// struct Change { name: Name, notes: Option<Option<Notes>>, blocked: BlockList, expires_at: Option<Timestamp> }
///
/// keyward_web::request! {
///     /// What is to be changed.
///     "UpdateSomething" for Change {
///         /// What it is called.
///         /// Example: "Ada"
///         name: required,
///         /// `null` removes them.
///         notes: patch,
///         /// The wire has another name for it.
///         blocked ("blocked_addresses"): required,
///         /// Read as what people write, kept as something else.
///         expires_at: optional as EndTime,
///     }
/// }
/// ```
///
/// Members that exist but never change are named before it: `"UpdateSomething" for Change, immutable ["kind"] { … }`.
///
/// A member is `required`, `optional`, `or_default` (what is absent is the default), or `patch` (absent, `null` and given are
/// three things). After `..` stand fields that are requests themselves: their members are this one's. What is read from a query
/// string has no name.
#[macro_export]
macro_rules! request {
    ($(#[doc = $about:literal])* $($name:literal)? for $type:ty $(, immutable $immutable:tt)? {
        $($(#[doc = $doc:literal])* $field:ident $(($member:literal))? : $kind:ident $(as $as:ty)?),*
        $(, .. $part:ident : $part_type:ty $(= $part_doc:literal)?)* $(,)?
    }) => {
        impl $crate::Request for $type {
            const WORDS: $crate::fields::Words = $crate::fields::Words {
                name: concat!($($name)?),
                about: concat!($($about, "\n"),*),
                members: &[
                    $(($crate::request!(@name $field $($member)?), concat!($($doc, "\n"),*)),)*
                    $($((stringify!($part), $part_doc),)?)*
                ],
                parts: &[$(&<$part_type as $crate::Request>::WORDS),*],
            };

            fn read(fields: &mut $crate::Fields) -> Option<Self> {
                $(fields.immutable(&$immutable);)?
                $(let $field =
                    $crate::request!(@read $kind fields, $crate::request!(@name $field $($member)?) $(, $as)?);)*
                $(let $part = <$part_type as $crate::Request>::read(fields);)*
                Some(Self {
                    $($field: $crate::request!(@value $kind $field),)*
                    $($part: $part?,)*
                })
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $member:literal) => { $member };
    (@read patch $fields:ident, $name:expr) => { $fields.patch($name) };
    (@read patch $fields:ident, $name:expr, $as:ty) => {
        $fields.patch::<$as>($name).map(|given| given.map(Into::into))
    };
    (@read required $fields:ident, $name:expr) => { $fields.required($name) };
    (@read required $fields:ident, $name:expr, $as:ty) => { $fields.required::<$as>($name).map(Into::into) };
    (@read optional $fields:ident, $name:expr) => { $fields.optional($name) };
    (@read optional $fields:ident, $name:expr, $as:ty) => { $fields.optional::<$as>($name).map(Into::into) };
    (@read or_default $($rest:tt)*) => { $crate::request!(@read optional $($rest)*) };
    (@value required $value:ident) => { $value? };
    (@value or_default $value:ident) => { $value.unwrap_or_default() };
    (@value optional $value:ident) => { $value };
    (@value patch $value:ident) => { $value };
}
