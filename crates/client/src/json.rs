//! What is asked of an answer's JSON beside its grammar: that every reader finds the same in it.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How deep arrays and objects may nest; the outermost object is depth one.
const MOST_DEPTH: usize = 64;

/// Whether a text is one JSON value that names no member twice and is not nested too deep.
pub(crate) fn is_unambiguous(text: &str) -> bool {
    let mut reader = serde_json::Deserializer::from_str(text);
    Level(MOST_DEPTH).deserialize(&mut reader).is_ok() && reader.end().is_ok()
}

/// How many levels there may be from here on.
struct Level(usize);

impl Level {
    fn inner<E: Error>(&self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom("nested too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
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

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self.inner()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        let mut names = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a name stands twice"));
            }
            members.next_value_seed(Self(inner.0))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_find_the_same_in_it() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(is_unambiguous(r#" {"a":[1,-1,1.5,true,null,"\u00e9",{"a":{}}],"b":{"a":1}} "#));
        assert!(is_unambiguous(&nested(63)) && !is_unambiguous(&nested(64)));
        for text in ["", "{", "{}x", r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"{"x":[{"a":1,"a":1}]}"#]
        {
            assert!(!is_unambiguous(text), "{text}");
        }
        for text in [r#"{"a":1e999}"#, r#"{"a":"\ud800"}"#, r#"{"a":01}"#, r#"{"a":NaN}"#] {
            assert!(!is_unambiguous(text), "{text}");
        }
    }
}
