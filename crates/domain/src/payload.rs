//! The custom claims of a license: a JSON object that Keyward keeps, signs and never interprets.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::Invalid;

/// Names that the token itself uses.
pub const RESERVED: [&str; 9] = ["exp", "nbf", "iss", "sub", "aud", "iat", "jti", "status", "keyward"];

/// A JSON object, kept as its text: members in the order given, numbers and strings as written, only the
/// white space between them removed. No reserved name, no name twice, no number beyond the range of a double, at most
/// [`Payload::MOST_BYTES`] long and [`Payload::MOST_DEPTH`] deep: the bounds of the token's format, so that what may be
/// signed is what may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload(String);

crate::described!(composed Payload;);

impl Payload {
    /// The longest payload, without white space.
    pub const MOST_BYTES: usize = 32 * 1024;
    /// The deepest nesting; the payload itself is 1.
    pub const MOST_DEPTH: usize = 32;

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
        match serde_json::from_str::<&RawValue>(text) {
            Ok(object) => walk(object.get(), 1, &mut faults),
            Err(error) => faults.add("invalid_json", format!("is not valid JSON: {error}")),
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

/// Walks one JSON value, whose syntax was checked before, and notes what is wrong with it. It goes by the text and not by
/// values: those would round numbers.
fn walk(text: &str, depth: usize, faults: &mut Faults) {
    let within = |fits: bool, faults: &mut Faults| {
        if !fits {
            faults.add("too_deep", format!("is nested deeper than {}", Payload::MOST_DEPTH));
        }
        fits
    };
    match text.as_bytes().first() {
        Some(b'{') if within(depth <= Payload::MOST_DEPTH, faults) => match serde_json::from_str(text) {
            Ok(Members(members)) => walk_members(members, depth, faults),
            Err(_) => faults.add("invalid_json", "has a name that is not Unicode"),
        },
        Some(b'[') if within(depth <= Payload::MOST_DEPTH, faults) => {
            let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            for (index, item) in items.into_iter().enumerate() {
                faults.path.push(index.to_string());
                walk(item.get(), depth + 1, faults);
                faults.path.pop();
            }
        }
        Some(b'"') if serde_json::from_str::<String>(text).is_err() => {
            faults.add("invalid_json", "is text that is not Unicode");
        }
        Some(b'-' | b'0'..=b'9') if !text.parse().is_ok_and(f64::is_finite) => {
            faults.add("number_out_of_range", "is beyond ±1.8e308, the range of a double");
        }
        _ => {}
    }
}

fn walk_members(members: Vec<(String, &RawValue)>, depth: usize, faults: &mut Faults) {
    let mut seen = HashSet::new();
    for (name, value) in members {
        faults.path.push(name.clone());
        if depth == 1 && RESERVED.contains(&name.as_str()) {
            faults.add("reserved_name", format!("“{name}” is a claim of the token itself"));
        }
        if !seen.insert(name) {
            faults.add("duplicate_name", "stands twice in the same object");
        }
        walk(value.get(), depth + 1, faults);
        faults.path.pop();
    }
}

/// The members of one object in their order, also those that stand twice.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
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
            ["{", "{}{}", "{'a':1}", "{\"a\":NaN}", "{\"a\":\"\\ud800\"}", "{\"\\ud800\":1}", "{\"a\":01}"]
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
        assert_eq!(codes(r#"{"a":[1e308,-1e999]}"#), [("number_out_of_range", "/a/1".into())]);
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
