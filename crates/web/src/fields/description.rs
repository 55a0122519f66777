//! What a request may hold, as JSON Schema (draft 2020-12): written down by the code that reads it, so that the OpenAPI
//! document says what is read.

use serde_json::{Map, Value, json};

use super::words::{Words, words};
use super::{Fields, Request, Source};

/// What is asked for so far.
#[derive(Debug, Default)]
pub(super) struct Description {
    properties: Map<String, Value>,
    required: Vec<&'static str>,
    relations: Vec<Value>,
}

impl Description {
    pub(super) fn required(&mut self, name: &'static str, schema: Value) {
        self.properties.insert(name.to_owned(), schema);
        self.required.push(name);
    }

    /// `null` is the same as nothing, or removes what there is.
    pub(super) fn optional(&mut self, name: &'static str, schema: Value) {
        self.properties.insert(name.to_owned(), nullable(schema));
    }

    pub(super) fn relation(&mut self, schema: Value) {
        self.relations.push(schema);
    }

    fn schema(mut self, about: &Words) -> Value {
        for (member, comment) in about.all_members() {
            if let Some(Value::Object(schema)) = self.properties.get_mut(member) {
                schema.extend(words(comment));
            }
        }
        let mut schema =
            json!({"type": "object", "properties": self.properties, "additionalProperties": false});
        if !self.required.is_empty() {
            schema["required"] = json!(self.required);
        }
        if !self.relations.is_empty() {
            schema["allOf"] = json!(self.relations);
        }
        if let Value::Object(members) = &mut schema {
            members.extend(words(about.about));
        }
        if about.name.is_empty() { schema } else { json!({NAME: about.name, NAMED: schema}) }
    }
}

/// Of a schema with a name of its own: the name.
pub const NAME: &str = "x-name";

/// Of a schema with a name of its own: what it is.
pub const NAMED: &str = "x-named";

/// Of a schema with a name of its own: whether it may also be `null`.
pub const OR_NULL: &str = "x-or-null";

/// The schema of a request, found by reading it from nothing.
pub fn describe<R: Request>() -> Value {
    let mut fields = Fields::new(Vec::new(), Source::Body);
    fields.description = Some(Description::default());
    // Nothing is there to be read.
    let _ = R::read(&mut fields);
    fields.description.unwrap_or_default().schema(&R::WORDS)
}

/// The same, or `null`.
pub fn nullable(mut schema: Value) -> Value {
    if schema.get(NAME).is_some() {
        schema[OR_NULL] = true.into();
        return schema;
    }
    if let Some(Value::Array(known)) = schema.get_mut("enum") {
        known.push(Value::Null);
    }
    match (schema.get("type").cloned(), schema.get_mut("anyOf")) {
        (Some(Value::String(name)), _) => schema["type"] = json!([name, "null"]),
        (None, Some(Value::Array(choices))) => choices.push(json!({"type": "null"})),
        _ => {}
    }
    schema
}

#[cfg(test)]
mod tests {
    use keyward_domain::files::FileName;
    use keyward_domain::registry::{RepositoryName, RepositoryPattern, Tag};
    use keyward_domain::template::FieldName;
    use keyward_domain::version::Pattern;
    use keyward_domain::{AddressRange, Cursor, Notes, Slug, VersionName};
    use proptest::prelude::*;
    use proptest::string::string_regex;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::fields::{Field, FromField};

    /// What the pattern of a type lets pass, the type takes.
    fn holds<T: FromField>() {
        let schema = T::schema();
        let (pattern, name) = (schema["pattern"].as_str().unwrap(), std::any::type_name::<T>());
        let most = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
        let bare = pattern.trim_start_matches('^').trim_end_matches('$');
        let texts = string_regex(bare).unwrap_or_else(|error| panic!("{name}: {error}"));
        let taken = |text: String| {
            let fits = text.chars().count() as u64 <= most;
            prop_assert!(!fits || T::from_field(&Field::Text(text.clone())).is_ok(), "{name}: {text:?}");
            Ok(())
        };
        TestRunner::default().run(&texts, taken).unwrap();
    }

    #[test]
    fn patterns_say_what_is_taken() {
        holds::<AddressRange>();
        holds::<Cursor>();
        holds::<FieldName>();
        holds::<FileName>();
        holds::<Notes>();
        holds::<Pattern>();
        holds::<RepositoryName>();
        holds::<RepositoryPattern>();
        holds::<Slug>();
        holds::<Tag>();
        holds::<VersionName>();
    }

    struct Sample;

    impl Request for Sample {
        fn read(fields: &mut Fields) -> Option<Self> {
            let (name, note) = (fields.required::<Slug>("name"), fields.optional::<bool>("note"));
            fields.immutable(&["id"]);
            (name?, note).0.as_str().is_empty().then_some(Self)
        }
    }

    #[test]
    fn a_request_is_described_by_reading_nothing() {
        let expected = json!({
            "type": "object",
            "properties": {"name": Slug::schema(), "note": {"type": ["boolean", "null"]}},
            "required": ["name"],
            "additionalProperties": false,
        });
        assert_eq!(describe::<Sample>(), expected);
    }
}
