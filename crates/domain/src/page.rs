//! Lists in pages: newest first, continued after a cursor, so that rows added meanwhile shift nothing.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::Invalid;

/// Where a page ended. Opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(Uuid);

impl Cursor {
    /// How it is written, as a regular expression: 16 bytes in base64url.
    pub const PATTERN: &str = "^[A-Za-z0-9_-]{21}[AQgw]$";

    /// After the row with this id.
    pub fn after(id: Uuid) -> Self {
        Self(id)
    }

    /// The id of the row after which the page begins.
    pub fn id(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0.as_bytes()))
    }
}

impl FromStr for Cursor {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| Uuid::from_slice(&bytes).ok());
        bytes.map(Self).ok_or_else(|| Invalid::new("invalid_cursor", "is not a cursor from an earlier page"))
    }
}

crate::described!(Cursor = crate::openapi::pattern(Self::PATTERN););

/// Which page is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// How many rows, 1 to [`PageRequest::MOST`].
    pub limit: u32,
    /// Where the page before ended; `None` for the first.
    pub after: Option<Cursor>,
}

impl PageRequest {
    /// The largest page.
    pub const MOST: u32 = 200;
}

impl PageRequest {
    /// The page of a list that is whole in memory, in whatever order; from its beginning if the row after which it
    /// should begin has gone.
    pub fn of_all<T: Clone>(self, all: &[T], id: impl Fn(&T) -> Uuid) -> Page<T> {
        let after = self.after.and_then(|cursor| all.iter().position(|one| id(one) == cursor.id()));
        let rest = all.get(after.map_or(0, |last| last + 1)..).unwrap_or_default();
        let limit = rest.len().min(self.limit as usize);
        let (items, more) = rest.split_at(limit);
        let next = items.last().filter(|_| !more.is_empty()).map(|last| Cursor::after(id(last)));
        Page::new(items.to_vec(), next)
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: 50, after: None }
    }
}

/// One page of a list. The rows are given together with where the next page begins, so that nobody takes the first
/// page for the whole list.
#[must_use = "a page is a part of a list: what follows it begins at its cursor"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    items: Vec<T>,
    next: Option<Cursor>,
}

impl<T> Page<T> {
    /// These rows, newest first, and where the next page begins; `None` on the last.
    pub fn new(items: Vec<T>, next: Option<Cursor>) -> Self {
        Self { items, next }
    }

    /// The rows, newest first, and where the next page begins; `None` on the last.
    pub fn into_parts(self) -> (Vec<T>, Option<Cursor>) {
        (self.items, self.next)
    }

    /// The rows alone, where only the newest few are wanted, whatever comes after them.
    pub fn newest(self) -> Vec<T> {
        self.items
    }

    /// The same page of what each row becomes.
    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(each).collect(), next: self.next }
    }
}
