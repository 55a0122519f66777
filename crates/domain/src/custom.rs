//! What a vendor adds to the answers of a validation: a JSON object, of the product and of the license.

use serde_json::{Map, Value};

use crate::Invalid;

/// A JSON object in its canonical form (RFC 8785), so that it can be signed as part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomResponse(Box<str>);

crate::described!(composed CustomResponse;);

impl CustomResponse {
    /// The longest, in its canonical form.
    pub const MOST_BYTES: usize = 16 * 1024;

    /// The deepest nesting; the object itself is 1.
    pub const MOST_DEPTH: usize = 32;

    /// The largest whole number that every JSON reader keeps: 2^53 - 1 (RFC 7493).
    const MOST_EXACT: u64 = (1 << 53) - 1;

    /// Checks `text`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let object: Map<String, Value> = serde_json::from_str(text)
            .map_err(|_| Invalid::new("wrong_type", "is no JSON object that can be read"))?;
        object.iter().try_for_each(|(name, value)| exact(value, 2).map_err(|fault| fault.at(name)))?;
        Self::canonical(&object)
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This with the members of `over`, which win.
    pub fn merged(&self, over: &Self) -> Self {
        let read = |text| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
        let mut object = read(&self.0);
        object.extend(read(&over.0));
        // Both are canonical and bounded, so their union can be written.
        Self::write(&object).unwrap_or_else(|| self.clone())
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        &*self.0 == "{}"
    }

    fn canonical(object: &Map<String, Value>) -> Result<Self, Invalid> {
        let written =
            Self::write(object).ok_or_else(|| Invalid::new("wrong_type", "must be a JSON object"))?;
        if written.0.len() > Self::MOST_BYTES {
            return Err(Invalid::new("too_long", format!("has more than {} bytes", Self::MOST_BYTES)));
        }
        Ok(written)
    }

    fn write(object: &Map<String, Value>) -> Option<Self> {
        serde_json_canonicalizer::to_string(object).ok().map(|text| Self(text.into()))
    }
}

/// Refuses numbers that would change on their way through the canonical form, and what is nested too deep for
/// readers of the answer around it.
fn exact(value: &Value, depth: usize) -> Result<(), Invalid> {
    if depth > CustomResponse::MOST_DEPTH {
        return Err(Invalid::new(
            "too_deep",
            format!("is nested deeper than {}", CustomResponse::MOST_DEPTH),
        ));
    }
    match value {
        Value::Number(number) => {
            let whole = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            let most = CustomResponse::MOST_EXACT;
            // Whole numbers are written as such, however they came: 1e16 too.
            let beyond = whole.map_or_else(
                || number.as_f64().is_none_or(|number| number.fract() == 0.0 && number.abs() > most as f64),
                |whole| whole > most,
            );
            let message = "is beyond 2^53 - 1, which JSON readers round: write it as a string";
            if beyond { Err(Invalid::new("inexact_number", message)) } else { Ok(()) }
        }
        Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
            exact(item, depth + 1).map_err(|fault| fault.at(&index.to_string()))
        }),
        Value::Object(members) => {
            members.iter().try_for_each(|(name, item)| exact(item, depth + 1).map_err(|fault| fault.at(name)))
        }
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_license_wins_member_by_member() {
        let product = CustomResponse::parse(r#"{"plan":"basic","limits":{"a":1,"b":2}}"#).unwrap();
        let license = CustomResponse::parse(r#"{"limits":{"a":9},"x":null}"#).unwrap();
        assert_eq!(product.merged(&license).as_str(), r#"{"limits":{"a":9},"plan":"basic","x":null}"#);
        assert!(CustomResponse::parse("{ }").unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_signed_exactly_is_refused() {
        let code = |text: &str| CustomResponse::parse(text).unwrap_err();
        assert_eq!(code("[]").code, "wrong_type");
        assert_eq!(code(r#"{"a":{"b":[1,9007199254740992]}}"#).pointer, "/a/b/1");
        for number in ["1e16", "9007199254740992.0", "-1e17", "1e300", "18446744073709551616"] {
            assert_eq!(code(&format!("{{\"a\":{number}}}")).code, "inexact_number", "{number}");
        }
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(code(&nested(32)).code, "too_deep");
        assert!(CustomResponse::parse(&nested(31)).is_ok());
        assert_eq!(code(&format!(r#"{{"a":"{}"}}"#, "x".repeat(16 * 1024))).code, "too_long");
        assert_eq!(
            CustomResponse::parse(r#"{"b":1.0,"a":9007199254740991}"#).unwrap().as_str(),
            r#"{"a":9007199254740991,"b":1}"#
        );
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own(names in prop::collection::vec("\\PC{0,8}", 0..6), number: f64) {
            let object: Map<_, _> = names.into_iter().map(|name| (name, Value::from(number))).collect();
            if let Ok(first) = CustomResponse::parse(&Value::Object(object).to_string()) {
                prop_assert_eq!(CustomResponse::parse(first.as_str()).unwrap(), first);
            }
        }
    }
}
