//! Reads the caller's type from claims that were scanned before.
//!
//! serde_json does the work for each claim that the type wants. Those that it does not want are stepped over here:
//! serde_json would allocate to skip nested ones.

use crate::{
    ClaimsMismatch,
    json::{Members, Node, Text},
};
use alloc::borrow::Cow;
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, MapAccess, Visitor,
        value::{BorrowedStrDeserializer, StringDeserializer},
    },
};
use serde_json::Error;

/// The caller's type from the text of one object.
pub(crate) fn read<'de, C: Deserialize<'de>>(json: &'de str) -> Result<C, ClaimsMismatch> {
    let mut unfit = None;
    let read = C::deserialize(Claims { json, unfit: &mut unfit });
    read.map_err(|error| ClaimsMismatch::new(unfit.as_deref(), error))
}

struct Claims<'de, 'u> {
    json: &'de str,
    /// Receives the name of the claim whose value does not fit.
    unfit: &'u mut Option<Cow<'de, str>>,
}

struct Access<'de, 'u> {
    members: Members<'de>,
    at: Option<(Text<'de>, Node<'de>)>,
    unfit: &'u mut Option<Cow<'de, str>>,
}

struct Value<'de> {
    json: &'de str,
}

/// Hands methods on to serde_json as they are.
macro_rules! forward {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, Error> {
            serde_json::Deserializer::from_str(self.json).$method($($argument,)* visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Claims<'de, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Access { members: Members::of(self.json), at: None, unfit: self.unfit })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward! {
        deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128() deserialize_f32()
        deserialize_f64() deserialize_char() deserialize_str() deserialize_string() deserialize_bytes()
        deserialize_byte_buf() deserialize_option() deserialize_unit() deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str) deserialize_seq() deserialize_tuple(length: usize)
        deserialize_tuple_struct(name: &'static str, length: usize)
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) deserialize_identifier()
    }
}

impl<'de> MapAccess<'de> for Access<'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((name, value)) = self.members.next() else { return Ok(None) };
        self.at = Some((name, value));
        match name.decode() {
            Cow::Borrowed(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
            Cow::Owned(name) => seed.deserialize(StringDeserializer::new(name)),
        }
        .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let at = self.at.take();
        let json = at.as_ref().map_or("null", |(_, value)| value.text);
        let read = seed.deserialize(Value { json });
        if read.is_err() {
            *self.unfit = at.map(|(name, _)| name.decode());
        }
        read
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Error;

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward! {
        deserialize_any() deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64()
        deserialize_i128() deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_char() deserialize_str() deserialize_string()
        deserialize_bytes() deserialize_byte_buf() deserialize_option() deserialize_unit()
        deserialize_unit_struct(name: &'static str) deserialize_newtype_struct(name: &'static str) deserialize_seq()
        deserialize_tuple(length: usize) deserialize_tuple_struct(name: &'static str, length: usize) deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) deserialize_identifier()
    }
}
