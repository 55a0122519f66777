//! The terms of a license, as people read them.

use std::fmt;

use keyward_domain::template::FieldKind;
use keyward_domain::{Payload, Product};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One field with its value.
pub(super) struct Term {
    /// As the product labels it.
    pub label: String,
    /// The value in words, or its JSON where it is nested.
    pub value: String,
    /// Whether customers don't see it.
    pub hidden: bool,
}

/// The members of a JSON object in their order, each value as its text, so that no number is rounded.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// The fields of a payload in their order, called as the product calls them now.
pub(super) fn terms(payload: &Payload, product: Option<&Product>) -> Vec<Term> {
    let members = serde_json::from_str::<Members>(payload.as_str()).map(|members| members.0);
    let fields = product.map(|product| product.template.fields()).unwrap_or_default();
    let term = |(name, raw): (String, Box<RawValue>)| {
        let field = fields.iter().find(|field| field.name.as_str() == name);
        let is_box = field.is_none_or(|field| field.kind == FieldKind::Checkbox);
        Term {
            value: words(&raw, is_box),
            hidden: field.is_some_and(|field| field.hidden),
            label: field.map_or(name, |field| field.label.to_string()),
        }
    };
    members.unwrap_or_default().into_iter().map(term).collect()
}

fn words(raw: &RawValue, is_box: bool) -> String {
    match raw.get() {
        "true" if is_box => "yes".to_owned(),
        "false" if is_box => "no".to_owned(),
        "null" => "none".to_owned(),
        json => serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_words_and_numbers_keep_every_digit() {
        let payload = r#"{"z":12345678901234567890,"a":true,"b":"x","n":null,"o":{"k":[1]}}"#;
        let told: Vec<_> = terms(&Payload::parse(payload).unwrap(), None)
            .into_iter()
            .map(|term| format!("{}={}", term.label, term.value))
            .collect();
        assert_eq!(told, ["z=12345678901234567890", "a=yes", "b=x", "n=none", "o={\"k\":[1]}"]);
    }
}
