//! The same request sent twice is carried out once (Idempotency-Key).

use std::str::FromStr;

use crate::Invalid;

/// What a client calls its request: 1 to 255 visible characters of ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The longest.
    pub const MOST: usize = 255;
    /// The characters, as a regular expression.
    pub const PATTERN: &str = "^[!-~]+$";

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if (1..=Self::MOST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("invalid_idempotency_key", "must be 1 to 255 visible ASCII characters"))
        }
    }
}

/// A named request, with what tells it from another request of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The client's name for it.
    pub key: IdempotencyKey,
    /// Hash of method, path and body.
    pub fingerprint: [u8; 32],
}
