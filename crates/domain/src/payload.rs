//! The custom claims of a license: a JSON object that Keyward keeps, signs and never interprets.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::Invalid;

/// Names that the token itself uses.
pub const RESERVED: [&str; 9] = ["exp", "nbf", "iss", "sub", "aud", "iat", "jti", "status", "keyward"];

/// A JSON object, kept as its text: members in the order given, numbers and strings as written, only the
/// white space between them removed. No reserved name, no name twice, at most [`Payload::MOST_BYTES`] long
/// and [`Payload::MOST_DEPTH`] deep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload(String);

impl Payload {
    /// The longest payload, without white space.
    pub const MOST_BYTES: usize = 32 * 1024;
    /// The deepest nesting; the payload itself is 1.
    pub const MOST_DEPTH: usize = 30;

    /// Checks `text`, naming every fault it can.
    pub fn parse(text: &str) -> Result<Self, Vec<Invalid>> {
        if !text.trim_start().starts_with('{') {
            return Err(vec![Invalid::new("not_an_object", "must be a JSON object")]);
        }
        let compact = compact(text);
        let mut faults = Faults::default();
        if compact.len() > Self::MOST_BYTES {
            // Not looked at any further.
            faults.add("too_long", format!("has more than {} bytes", Self::MOST_BYTES));
            return Err(faults.found);
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let read =
            Value { depth: 1, faults: &mut faults }.deserialize(&mut reader).and_then(|()| reader.end());
        if let Err(error) = read {
            faults.add("invalid_json", format!("is not valid JSON: {error}"));
        }
        if faults.found.is_empty() { Ok(Self(compact)) } else { Err(faults.found) }
    }

    /// The object's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self("{}".to_owned())
    }
}

/// Removes white space outside strings from valid JSON.
fn compact(text: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let keep = |c: &char| {
        let kept = in_string || !c.is_ascii_whitespace();
        in_string = match c {
            '"' if !escaped => !in_string,
            _ => in_string,
        };
        escaped = in_string && *c == '\\' && !escaped;
        kept
    };
    text.chars().filter(keep).collect()
}

#[derive(Default)]
struct Faults {
    path: Vec<String>,
    found: Vec<Invalid>,
}

impl Faults {
    /// A bound, so that a hostile body can't ask for a large answer.
    const MOST: usize = 20;

    fn add(&mut self, code: &'static str, message: impl Into<String>) {
        if self.found.len() < Self::MOST {
            let fault = Invalid::new(code, message);
            self.found.push(self.path.iter().rev().fold(fault, |fault, name| fault.at(name)));
        }
    }
}

/// Walks one JSON value and notes what is wrong with it.
struct Value<'a> {
    depth: usize,
    faults: &'a mut Faults,
}

impl Value<'_> {
    fn too_deep(&mut self) -> bool {
        let too_deep = self.depth > Payload::MOST_DEPTH;
        if too_deep {
            self.faults.add("too_deep", format!("is nested deeper than {}", Payload::MOST_DEPTH));
        }
        too_deep
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        if self.too_deep() {
            while items.next_element::<serde::de::IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        let mut index = 0_usize;
        loop {
            self.faults.path.push(index.to_string());
            let item = items.next_element_seed(Value { depth: self.depth + 1, faults: self.faults })?;
            self.faults.path.pop();
            if item.is_none() {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        if self.too_deep() {
            while members.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        let mut seen = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            self.faults.path.push(name.clone());
            if self.depth == 1 && RESERVED.contains(&name.as_str()) {
                self.faults.add("reserved_name", format!("“{name}” is a claim of the token itself"));
            }
            if !seen.insert(name) {
                self.faults.add("duplicate_name", "stands twice in the same object");
            }
            members.next_value_seed(Value { depth: self.depth + 1, faults: self.faults })?;
            self.faults.path.pop();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn codes(text: &str) -> Vec<(&'static str, String)> {
        Payload::parse(text).unwrap_err().into_iter().map(|fault| (fault.code, fault.pointer)).collect()
    }

    #[test]
    fn text_is_kept_as_written() {
        let given =
            r#" { "big" : 12345678901234567890123, "e":1.50e1, "s":" a \" b ", "t":"\u00e9\\", "n":[ ] } "#;
        let kept = r#"{"big":12345678901234567890123,"e":1.50e1,"s":" a \" b ","t":"\u00e9\\","n":[]}"#;
        assert_eq!(Payload::parse(given).unwrap().as_str(), kept);
        assert_eq!(Payload::parse("{}").unwrap(), Payload::default());
    }

    #[test]
    fn every_fault_is_named_with_its_place() {
        assert_eq!(
            codes(r#"{"exp":1,"a/b":{"x":1,"x":2},"e\u0078p":2,"ok":[{"k":0,"k":0}]}"#),
            [
                ("reserved_name", "/exp".into()),
                ("duplicate_name", "/a~1b/x".into()),
                ("reserved_name", "/exp".into()),
                ("duplicate_name", "/exp".into()),
                ("duplicate_name", "/ok/0/k".into()),
            ]
        );
        for name in RESERVED {
            assert_eq!(codes(&format!("{{\"{name}\":null}}")), [("reserved_name", format!("/{name}"))]);
        }
    }

    #[test]
    fn reserved_names_are_free_further_down() {
        assert!(Payload::parse(r#"{"limits":{"exp":1,"status":"x"}}"#).is_ok());
    }

    #[test]
    fn only_objects() {
        for text in ["[]", "1", "\"{}\"", "null", "true", "", " "] {
            assert_eq!(codes(text)[0].0, "not_an_object", "{text}");
        }
        for text in
            ["{", "{}{}", "{'a':1}", "{\"a\":NaN}", "{\"a\":1e999}", "{\"a\":\"\\ud800\"}", "{\"a\":01}"]
        {
            assert_eq!(codes(text)[0].0, "invalid_json", "{text}");
        }
    }

    #[test]
    fn bounds() {
        let deep = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(Payload::parse(&deep(Payload::MOST_DEPTH - 1)).is_ok());
        assert_eq!(codes(&deep(Payload::MOST_DEPTH))[0].0, "too_deep");
        assert!(!codes(&deep(100_000)).is_empty());
        let long = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
        assert!(Payload::parse(&long(Payload::MOST_BYTES)).is_ok());
        assert_eq!(codes(&long(Payload::MOST_BYTES + 1))[0].0, "too_long");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[{}\\[\\]\",:\\\\a0-9eu .-]{0,60}") {
            let _ = Payload::parse(&text);
        }

        #[test]
        fn white_space_changes_nothing(text in "[a-z \"\\\\\t]{0,20}", number in any::<u64>()) {
            let text = serde_json::to_string(&text).unwrap();
            let tight = format!("{{\"t\":{text},\"n\":[{number}]}}");
            let loose = format!(" {{\n\"t\" : {text}\t,\r\n\"n\": [ {number} ] }} ");
            let kept = Payload::parse(&loose).unwrap();
            prop_assert_eq!(kept.as_str(), tight.as_str());
            prop_assert_eq!(Payload::parse(&tight).unwrap(), kept);
        }
    }
}
