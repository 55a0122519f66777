//! How one member becomes a value of the domain.

use std::str::FromStr;

use keyward_domain::{
    CustomerId, Email, Invalid, LicenseStatus, Name, Notes, Payload, Permission, Role, Scopes, Timestamp,
};
use serde_json::value::RawValue;

/// One member as it came.
#[derive(Debug, Clone)]
pub enum Field {
    /// From a body: JSON text.
    Json(Box<RawValue>),
    /// From a query string.
    Text(String),
}

/// What can be read from one member. Names every fault that it finds.
pub trait FromField: Sized {
    /// Reads it.
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>>;
}

impl Field {
    pub(super) fn is_null(&self) -> bool {
        match self {
            Self::Json(raw) => raw.get() == "null",
            Self::Text(_) => false,
        }
    }

    fn text(&self) -> Result<String, Invalid> {
        match self {
            Self::Json(raw) => {
                serde_json::from_str(raw.get()).map_err(|_| Invalid::new("wrong_type", "must be a string"))
            }
            Self::Text(text) => Ok(text.clone()),
        }
    }

    /// The JSON text; a query parameter stands for itself.
    fn literal(&self) -> &str {
        match self {
            Self::Json(raw) => raw.get(),
            Self::Text(text) => text,
        }
    }
}

macro_rules! from_text {
    ($($type:ty),+ $(,)?) => {$(
        impl FromField for $type {
            fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
                field.text().and_then(|text| <$type>::from_str(&text)).map_err(|fault| vec![fault])
            }
        }
    )+};
}

from_text!(CustomerId, Email, LicenseStatus, Name, Notes, Role, Timestamp, keyward_domain::Cursor);

impl FromField for String {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        field.text().map_err(|fault| vec![fault])
    }
}

impl FromField for bool {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        field.literal().parse().map_err(|_| vec![Invalid::new("wrong_type", "must be true or false")])
    }
}

impl FromField for u32 {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        field.literal().parse().map_err(|_| vec![Invalid::new("wrong_type", "must be a whole number")])
    }
}

impl FromField for Payload {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        Self::parse(field.literal())
    }
}

impl FromField for Scopes {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let names: Vec<String> = serde_json::from_str(field.literal())
            .map_err(|_| vec![Invalid::new("wrong_type", "must be an array of strings")])?;
        let (mut scopes, mut faults) = (Self::NONE, Vec::new());
        for (index, name) in names.iter().enumerate() {
            match name.parse::<Permission>() {
                Ok(permission) => scopes = scopes.with(permission),
                Err(fault) => faults.push(fault.at(&index.to_string())),
            }
        }
        if faults.is_empty() { Ok(scopes) } else { Err(faults) }
    }
}
