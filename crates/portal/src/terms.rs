//! The terms of a license, as people read them: vendors all of them, customers those that are not hidden.

use std::fmt;

use keyward_domain::template::FieldKind;
use keyward_domain::{Payload, Product};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One field with its value.
pub(crate) struct Term {
    /// As the product labels it.
    pub label: String,
    /// The value in words.
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

/// The fields of a payload in their order, called as the product calls them now. What is nested stands in fields of its own, so that
/// nobody has to read JSON.
pub(crate) fn terms(payload: &Payload, product: Option<&Product>) -> Vec<Term> {
    let fields = product.map(|product| product.template.fields()).unwrap_or_default();
    let mut terms = Vec::new();
    for (name, raw) in
        serde_json::from_str::<Members>(payload.as_str()).map(|members| members.0).unwrap_or_default()
    {
        let field = fields.iter().find(|field| field.name.as_str() == name);
        let (hidden, kind) = (field.is_some_and(|field| field.hidden), field.map(|field| &field.kind));
        let label = field.map_or(name, |field| field.label.to_string());
        add(&mut terms, Term { label, value: String::new(), hidden }, kind, &raw);
    }
    terms
}

/// Those that the customer sees.
pub(crate) fn seen(payload: &Payload, product: Option<&Product>) -> Vec<Term> {
    let mut terms = terms(payload, product);
    terms.retain(|term| !term.hidden);
    terms
}

/// Adds a value under its label, or each of its parts. Payloads are nested 32 deep at most.
fn add(terms: &mut Vec<Term>, term: Term, kind: Option<&FieldKind>, raw: &RawValue) {
    let parts = match raw.get().as_bytes().first() {
        Some(b'{') => serde_json::from_str::<Members>(raw.get()).map(|members| members.0),
        Some(b'[') => match serde_json::from_str::<Vec<Box<RawValue>>>(raw.get()) {
            Ok(items) if items.iter().all(|item| !item.get().starts_with(['{', '['])) => {
                let items: Vec<_> = items.iter().map(|item| words(item, None)).collect();
                let value = if items.is_empty() { "none".to_owned() } else { items.join(", ") };
                return terms.push(Term { value, ..term });
            }
            items => items.map(|items| {
                (1..).zip(items).map(|(number, item): (u32, _)| (number.to_string(), item)).collect()
            }),
        },
        _ => return terms.push(Term { value: words(raw, kind), ..term }),
    };
    let parts = parts.unwrap_or_default();
    if parts.is_empty() {
        terms.push(Term { value: "none".to_owned(), ..term });
    } else {
        for (name, part) in parts {
            let label = format!("{} › {name}", term.label);
            add(terms, Term { label, value: String::new(), hidden: term.hidden }, None, &part);
        }
    }
}

/// A text, number, “yes” or “no”, as its field says. Numbers keep every digit.
fn words(raw: &RawValue, kind: Option<&FieldKind>) -> String {
    match raw.get() {
        "true" => "yes".to_owned(),
        "false" => "no".to_owned(),
        "null" | "\"\"" => "none".to_owned(),
        json => {
            let text = serde_json::from_str(json).unwrap_or_else(|_| json.to_owned());
            match kind {
                Some(FieldKind::Date) => date(&text).unwrap_or(text),
                _ => text,
            }
        }
    }
}

/// A calendar day in words.
fn date(text: &str) -> Option<String> {
    let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.format("%-d %B %Y").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(payload: &str) -> Vec<String> {
        let terms = terms(&Payload::parse(payload).unwrap(), None).into_iter();
        terms.map(|term| format!("{}={}", term.label, term.value)).collect()
    }

    #[test]
    fn values_are_words_and_numbers_keep_every_digit() {
        let payload = r#"{"z":12345678901234567890,"a":true,"b":"x","n":null,"o":{"k":[1]}}"#;
        assert_eq!(told(payload), ["z=12345678901234567890", "a=yes", "b=x", "n=none", "o › k=1"]);
    }

    #[test]
    fn what_is_nested_is_told_part_by_part() {
        let payload =
            r#"{"hosts":["a","b"],"none":[],"empty":{},"text":"","in":[{"a":1.50},[true,[false]]]}"#;
        let parts = ["in › 1 › a=1.50", "in › 2 › 1=yes", "in › 2 › 2=no"];
        assert_eq!(told(payload)[..4], ["hosts=a, b", "none=none", "empty=none", "text=none"]);
        assert_eq!(told(payload)[4..], parts);
    }

    #[test]
    fn a_day_is_told_in_words_where_the_field_is_a_date() {
        let raw = RawValue::from_string("\"2027-01-31\"".to_owned()).unwrap();
        assert_eq!(words(&raw, Some(&FieldKind::Date)), "31 January 2027");
        assert_eq!(words(&raw, Some(&FieldKind::Text)), "2027-01-31");
        assert_eq!(words(&raw, None), "2027-01-31");
    }
}
