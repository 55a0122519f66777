//! How one member becomes a value of the domain.

use std::collections::BTreeSet;

use keyward_domain::openapi::{Composed, Described, Input, Object, Text, array, integer};
use keyward_domain::payload::RESERVED;
use keyward_domain::{AddressRange, BlockList, CustomResponse, Invalid, Payload};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::description::describe;
use super::{Fields, MOST_FAULTS, Request, members};

/// One member as it came.
#[derive(Debug, Clone)]
pub enum Field {
    /// From a body: JSON text.
    Json(Box<RawValue>),
    /// From a query string.
    Text(String),
    /// From a form, as it was typed: white space at the ends counts in texts alone.
    Typed(String),
}

/// What can be read from one member: what has a [`Described`] text by that, anything else as [`Reads`] says.
pub trait FromField: Sized {
    /// Whether white space at the ends of what was typed is part of it.
    const EXACT: bool;

    /// Reads it. Names every fault that it finds.
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>>;

    /// What it may be in JSON, `null` left aside: by the constants by which it is checked, as far as a JSON Schema can say.
    fn schema() -> Value;

    /// Whether nothing is written in it, which is the same as if it were not given.
    fn is_blank(&self) -> bool;
}

impl<T: Input> FromField for T
where
    T::Kind: Reads<T>,
{
    const EXACT: bool = T::Kind::EXACT;

    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        T::Kind::read(field)
    }

    fn schema() -> Value {
        T::Kind::schema()
    }

    fn is_blank(&self) -> bool {
        T::Kind::is_blank(self)
    }
}

/// How inputs of one kind are read; see [`FromField`].
pub trait Reads<T> {
    /// Whether white space at the ends of what was typed is part of it.
    const EXACT: bool = false;

    /// Reads it.
    fn read(field: &Field) -> Result<T, Vec<Invalid>>;

    /// What it may be in JSON.
    fn schema() -> Value;

    /// Whether nothing is written in it.
    fn is_blank(_: &T) -> bool {
        false
    }
}

impl<T: Described> Reads<T> for Text {
    const EXACT: bool = T::EXACT;

    fn read(field: &Field) -> Result<T, Vec<Invalid>> {
        let text = if T::EXACT { field.exact() } else { field.text() };
        text.and_then(|text| text.parse()).map_err(|fault| vec![fault])
    }

    fn schema() -> Value {
        T::described()
    }

    fn is_blank(value: &T) -> bool {
        value.is_blank()
    }
}

/// A request within a request.
impl<T: Request> Reads<T> for Object {
    fn read(field: &Field) -> Result<T, Vec<Invalid>> {
        let wrong = |_| vec![Invalid::new("wrong_type", "must be a JSON object")];
        let read = Fields::json(field.literal()).map_err(wrong)?.read();
        read.map_err(|problem| problem.faults().iter().map(|fault| fault.clone().into()).collect())
    }

    fn schema() -> Value {
        describe::<T>()
    }
}

impl Field {
    pub(super) fn is_absent<T: FromField>(&self) -> bool {
        match self {
            Self::Json(raw) => raw.get() == "null",
            Self::Text(_) => false,
            Self::Typed(text) if T::EXACT => text.is_empty(),
            Self::Typed(text) => text.trim().is_empty(),
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Json(raw) if raw.get() == "null")
    }

    pub(crate) fn text(&self) -> Result<String, Invalid> {
        match self {
            Self::Json(raw) => {
                serde_json::from_str(raw.get()).map_err(|_| Invalid::new("wrong_type", "must be a string"))
            }
            Self::Text(text) => Ok(text.clone()),
            Self::Typed(text) => Ok(text.trim().to_owned()),
        }
    }

    /// The text with the white space at its ends.
    fn exact(&self) -> Result<String, Invalid> {
        match self {
            Self::Typed(text) => Ok(text.clone()),
            Self::Json(_) | Self::Text(_) => self.text(),
        }
    }

    /// The JSON text; a query parameter stands for itself.
    pub(crate) fn literal(&self) -> &str {
        match self {
            Self::Json(raw) => raw.get(),
            Self::Text(text) => text,
            Self::Typed(text) => text.trim(),
        }
    }
}

impl Reads<String> for Composed {
    fn read(field: &Field) -> Result<String, Vec<Invalid>> {
        let text = field.text().map_err(|fault| vec![fault])?;
        if text.contains('\0') {
            // Neither of the two databases can look for it.
            return Err(vec![Invalid::new("control_character", "contains a control character")]);
        }
        Ok(text)
    }

    fn schema() -> Value {
        json!({"type": "string", "pattern": r"^[^\u0000]*$"})
    }
}

impl Reads<bool> for Composed {
    fn read(field: &Field) -> Result<bool, Vec<Invalid>> {
        field.literal().parse().map_err(|_| vec![Invalid::new("wrong_type", "must be true or false")])
    }

    fn schema() -> Value {
        json!({"type": "boolean"})
    }
}

impl Reads<u32> for Composed {
    fn read(field: &Field) -> Result<u32, Vec<Invalid>> {
        let wrong = || vec![Invalid::new("wrong_type", "must be a whole number")];
        field.literal().parse().or_else(|_| whole_number(field).ok_or_else(wrong))
    }

    fn schema() -> Value {
        integer(u32::MIN, u32::MAX)
    }
}

/// A whole number that is written with a fraction or an exponent: to JSON, `30.0` is one.
fn whole_number(field: &Field) -> Option<u32> {
    let Field::Json(raw) = field else { return None };
    let number: f64 = serde_json::from_str(raw.get()).ok()?;
    let fits = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it fits")]
    fits.then_some(number as u32)
}

/// A whole number within bounds.
#[derive(Debug, Clone, Copy)]
pub struct Bounded<const LEAST: u32, const MOST: u32>(pub u32);

impl<const LEAST: u32, const MOST: u32> Input for Bounded<LEAST, MOST> {
    type Kind = Composed;
}

impl<const LEAST: u32, const MOST: u32> From<Bounded<LEAST, MOST>> for u32 {
    fn from(Bounded(number): Bounded<LEAST, MOST>) -> Self {
        number
    }
}

impl<const LEAST: u32, const MOST: u32> Reads<Bounded<LEAST, MOST>> for Composed {
    fn read(field: &Field) -> Result<Bounded<LEAST, MOST>, Vec<Invalid>> {
        let number = u32::from_field(field)?;
        if (LEAST..=MOST).contains(&number) {
            Ok(Bounded(number))
        } else {
            Err(vec![Invalid::new("out_of_range", format!("must be {LEAST} to {MOST}"))])
        }
    }

    fn schema() -> Value {
        integer(LEAST, MOST)
    }
}

/// Any JSON, kept as it is written.
impl Reads<Box<RawValue>> for Composed {
    fn read(field: &Field) -> Result<Box<RawValue>, Vec<Invalid>> {
        match field {
            Field::Json(raw) => Ok(raw.clone()),
            Field::Text(_) | Field::Typed(_) => Err(vec![Invalid::new("wrong_type", "must be JSON")]),
        }
    }

    fn schema() -> Value {
        json!({})
    }
}

/// The items of an array, all faults with their places.
impl<T: FromField> Reads<Vec<T>> for Composed {
    fn read(field: &Field) -> Result<Vec<T>, Vec<Invalid>> {
        let items: Vec<Box<RawValue>> = serde_json::from_str(field.literal())
            .map_err(|_| vec![Invalid::new("wrong_type", "must be an array")])?;
        let (mut read, mut faults) = (Vec::new(), Vec::new());
        for (index, item) in items.into_iter().enumerate() {
            match T::from_field(&Field::Json(item)) {
                Ok(item) => read.push(item),
                Err(found) => faults.extend(found.into_iter().map(|fault| fault.at(&index.to_string()))),
            }
            if faults.len() >= MOST_FAULTS {
                break;
            }
        }
        if faults.is_empty() { Ok(read) } else { Err(faults) }
    }

    fn schema() -> Value {
        json!({"type": "array", "items": T::schema()})
    }
}

/// Checks as a whole what has the shape of `W`, so that what is wrong between its parts is named with what is wrong in
/// them. Of what has another shape, each part is read by itself.
pub(crate) fn whole<W: DeserializeOwned, T>(
    field: &Field,
    check: impl FnOnce(W) -> Result<T, Vec<Invalid>>,
    parts: impl FnOnce() -> Result<W, Vec<Invalid>>,
) -> Result<T, Vec<Invalid>> {
    match serde_json::from_str(field.literal()) {
        Ok(shaped) => check(shaped),
        Err(_) => check(parts()?),
    }
}

impl Reads<BlockList> for Composed {
    fn read(field: &Field) -> Result<BlockList, Vec<Invalid>> {
        BlockList::new(Vec::from_field(field)?).map_err(|fault| vec![fault])
    }

    fn schema() -> Value {
        array(AddressRange::schema(), 0, BlockList::MOST)
    }
}

impl Reads<CustomResponse> for Composed {
    fn read(field: &Field) -> Result<CustomResponse, Vec<Invalid>> {
        CustomResponse::parse(field.literal()).map_err(|fault| vec![fault])
    }

    fn schema() -> Value {
        json!({"type": "object"})
    }
}

/// The members of an object as their JSON text, a name that is given twice twice.
#[derive(Debug, Clone)]
pub struct Values(pub Vec<(String, Box<RawValue>)>);

impl Input for Values {
    type Kind = Composed;
}

impl From<Values> for Vec<(String, Box<RawValue>)> {
    fn from(Values(values): Values) -> Self {
        values
    }
}

impl Reads<Values> for Composed {
    fn read(field: &Field) -> Result<Values, Vec<Invalid>> {
        let wrong = |_| vec![Invalid::new("wrong_type", "must be a JSON object")];
        members(field.literal()).map(Values).map_err(wrong)
    }

    fn schema() -> Value {
        json!({"type": "object"})
    }
}

impl<T: FromField + Ord> Reads<BTreeSet<T>> for Composed {
    fn read(field: &Field) -> Result<BTreeSet<T>, Vec<Invalid>> {
        Ok(Vec::from_field(field)?.into_iter().collect())
    }

    fn schema() -> Value {
        Vec::<T>::schema()
    }
}

impl Reads<Payload> for Composed {
    fn read(field: &Field) -> Result<Payload, Vec<Invalid>> {
        Payload::parse(field.literal())
    }

    fn schema() -> Value {
        json!({"type": "object", "propertyNames": {"not": {"enum": RESERVED}}})
    }
}
