//! Lists in an order that someone chose, in pages: continued after a mark that holds the last row's place, so that
//! rows which come, go or move meanwhile shift nothing.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Invalid, PageRequest};

/// What lists of one kind can be ordered by.
pub trait OrderBy: Copy + PartialEq + Sized + 'static {
    /// All of it, with names on the wire.
    const ALL: &'static [(&'static str, Self)];

    /// When it was created, which orders what is asked for in no order.
    const CREATED: Self;

    /// Whether the places of rows are texts; numbers otherwise.
    fn is_text(self) -> bool;
}

macro_rules! orders {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal, $is_text:literal;)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl OrderBy for $name {
            const ALL: &'static [(&'static str, Self)] = &[$(($text, Self::$variant),)+];
            const CREATED: Self = Self::Created;

            fn is_text(self) -> bool {
                match self { $(Self::$variant => $is_text,)+ }
            }
        }
    )+};
}

orders! {
    /// What licenses are ordered by.
    LicenseOrder {
        /// Their name; letter case of ASCII does not count.
        Name = "name", true;
        /// Their status at the moment: active, not yet valid, expired, suspended, revoked.
        Status = "status", false;
        /// Their end; those without end come last.
        Expires = "expires_at", false;
        /// When they were created.
        Created = "created_at", false;
    }
    /// What customers are ordered by.
    CustomerOrder {
        /// Their name; letter case of ASCII does not count.
        Name = "name", true;
        /// Their address; letter case of ASCII does not count.
        Email = "email", true;
        /// When they were created.
        Created = "created_at", false;
    }
    /// What registry keys are ordered by.
    RegistryKeyOrder {
        /// Whether they are alive: those that are come last, so first the other way round.
        Alive = "alive", false;
        /// When they were created.
        Created = "created_at", false;
    }
    /// What products are ordered by.
    ProductOrder {
        /// Their name; letter case of ASCII does not count.
        Name = "name", true;
        /// Their state, by its name.
        State = "state", true;
        /// When they were created.
        Created = "created_at", false;
    }
}

/// An order. On the wire `name`, or `-name` for the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order<K> {
    /// By what.
    pub by: K,
    /// The largest first.
    pub descending: bool,
}

impl<K: OrderBy> Default for Order<K> {
    /// The newest first.
    fn default() -> Self {
        Self { by: K::CREATED, descending: true }
    }
}

impl<K: OrderBy> fmt::Display for Order<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = K::ALL.iter().find(|(_, by)| *by == self.by).map_or("", |(name, _)| name);
        write!(f, "{}{name}", if self.descending { "-" } else { "" })
    }
}

impl<K: OrderBy> FromStr for Order<K> {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (descending, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
        let found = K::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, by)| Self { by: *by, descending }).ok_or_else(|| {
            let names: Vec<_> = K::ALL.iter().map(|(name, _)| *name).collect();
            Invalid::new(
                "unknown_order",
                format!("must be one of {}, or - and one of them", names.join(", ")),
            )
        })
    }
}

/// The place of a row in an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Place {
    /// Among numbers.
    Number(i64),
    /// Among texts, compared byte by byte.
    Text(String),
}

impl Place {
    /// Among texts, without letter case of ASCII.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_ascii_lowercase())
    }
}

/// Where a page in an order ended. Opaque to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    order: String,
    /// The place of the last row.
    pub place: Place,
    /// Its id, which tells rows in the same place apart.
    pub id: Uuid,
}

impl Mark {
    /// How it is written, as a regular expression.
    pub const PATTERN: &str = "^[A-Za-z0-9_-]+$";

    /// After a row.
    pub fn after<K: OrderBy>(order: Order<K>, place: Place, id: Uuid) -> Self {
        Self { order: order.to_string(), place, id }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = serde_json::json!([self.order, self.place, self.id.as_bytes()]);
        f.write_str(&URL_SAFE_NO_PAD.encode(parts.to_string()))
    }
}

impl FromStr for Mark {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        let parts = bytes.and_then(|bytes| serde_json::from_slice::<(String, Place, [u8; 16])>(&bytes).ok());
        let (order, place, id) = parts.ok_or_else(invalid)?;
        if matches!(&place, Place::Text(text) if text.contains('\0')) {
            return Err(invalid());
        }
        Ok(Self { order, place, id: Uuid::from_bytes(id) })
    }
}

crate::described!(Mark = crate::openapi::pattern(Self::PATTERN););

/// Which page of a list in an order is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderedRequest<K> {
    /// In which order.
    pub order: Order<K>,
    /// How many rows, 1 to [`PageRequest::MOST`].
    pub limit: u32,
    after: Option<Mark>,
}

impl<K: OrderBy> OrderedRequest<K> {
    /// A page after a mark, which must be one of the same order.
    pub fn new(order: Order<K>, limit: u32, after: Option<Mark>) -> Result<Self, Invalid> {
        let same = |mark: &Mark| {
            mark.order == order.to_string() && matches!(mark.place, Place::Text(_)) == order.by.is_text()
        };
        if after.as_ref().is_none_or(same) { Ok(Self { order, limit, after }) } else { Err(invalid()) }
    }

    /// The first page.
    pub fn first(order: Order<K>) -> Self {
        Self { order, limit: PageRequest::default().limit, after: None }
    }

    /// Where the page before ended; `None` for the first.
    pub fn after(&self) -> Option<&Mark> {
        self.after.as_ref()
    }
}

/// One page of a list in an order. As of a [`Page`](crate::Page), its rows come with where the next one begins.
#[must_use = "a page is a part of a list: what follows it begins at its mark"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered<T> {
    items: Vec<T>,
    next: Option<Mark>,
}

impl<T> Ordered<T> {
    /// These rows, and where the next page begins; `None` on the last.
    pub fn new(items: Vec<T>, next: Option<Mark>) -> Self {
        Self { items, next }
    }

    /// The rows, and where the next page begins; `None` on the last.
    pub fn into_parts(self) -> (Vec<T>, Option<Mark>) {
        (self.items, self.next)
    }
}

fn invalid() -> Invalid {
    Invalid::new("invalid_cursor", "is not a cursor from an earlier page in this order")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn orders_are_read_as_they_are_written() {
        for text in ["name", "-name", "status", "-expires_at", "created_at"] {
            assert_eq!(text.parse::<Order<LicenseOrder>>().unwrap().to_string(), text);
        }
        for text in ["", "-", "--name", "Name", "email"] {
            assert_eq!(text.parse::<Order<LicenseOrder>>().unwrap_err().code, "unknown_order");
        }
        assert_eq!(Order::<ProductOrder>::default().to_string(), "-created_at");
    }

    #[test]
    fn a_mark_belongs_to_its_order() {
        let by_name: Order<LicenseOrder> = "name".parse().unwrap();
        let mark = Mark::after(by_name, Place::text("Acme"), Uuid::nil());
        let read: Mark = mark.to_string().parse().unwrap();
        assert_eq!(read, mark);
        assert!(OrderedRequest::new(by_name, 10, Some(read.clone())).is_ok());
        assert!(
            OrderedRequest::<LicenseOrder>::new("-name".parse().unwrap(), 10, Some(read.clone())).is_err()
        );
        let forged = Mark { place: Place::Number(1), ..read };
        assert!(OrderedRequest::new(by_name, 10, Some(forged)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<Mark>();
        }
    }
}
