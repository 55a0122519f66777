//! One page of a list that an upstream gives. No more of it is kept than there is room for, whatever it holds.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The most bytes of an entry: no name of a repository and no tag has more.
const MOST_BYTES: usize = 255;

/// Reads the entries of `member`, at most `room`. More are a fault, for what is left out would be taken for deleted.
pub(crate) fn read(bytes: &[u8], member: &str, room: usize) -> serde_json::Result<Vec<String>> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let items = Page { member, room }.deserialize(&mut json)?;
    json.end()?;
    Ok(items)
}

struct Page<'a> {
    member: &'a str,
    room: usize,
}

impl<'de> DeserializeSeed<'de> for Page<'_> {
    type Value = Vec<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Page<'_> {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with {}", self.member)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == self.member {
                items = map.next_value_seed(Items(self.room))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(items)
    }
}

struct Items(usize);

impl<'de> DeserializeSeed<'de> for Items {
    type Value = Vec<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Items {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of names")
    }

    /// A repository without tags has `null`.
    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Cow<'de, str>>()? {
            if items.len() == self.0 {
                return Err(A::Error::custom("it has more entries than are looked at"));
            }
            if item.len() <= MOST_BYTES {
                items.push(item.into_owned());
            }
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_far_as_there_is_room() {
        let tags = |json: &str, room| read(json.as_bytes(), "tags", room).ok();
        let two = Some(vec!["a".to_owned(), "b\n".to_owned()]);
        assert_eq!(tags(r#"{"name":{"x":[1]},"tags":["a","b\n"]}"#, 2), two);
        assert_eq!(tags(r#"{"tags":["a","b\n"]}"#, 1), None);
        assert_eq!(tags(r#"{"tags":null}"#, 0), Some(vec![]));
        assert_eq!(tags("{}", 0), Some(vec![]));
        assert_eq!(tags(&format!(r#"{{"tags":["{}"]}}"#, "a".repeat(256)), 2), Some(vec![]));
        for bad in ["", "[]", r#"{"tags":[1]}"#, r#"{"tags":["a"]}x"#, r#"{"tags":"a"}"#, r#"{"tags":["a"#] {
            assert_eq!(tags(bad, 2), None, "{bad}");
        }
        let deep = format!(r#"{{"x":{}}}"#, "[".repeat(100_000));
        assert_eq!(tags(&deep, 2), None);
    }
}
