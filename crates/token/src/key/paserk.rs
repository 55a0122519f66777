//! PASERK (Platform-Agnostic Serialized Keys), `k4.public`.

use super::{KeyError, PublicKey};
use crate::{base64url, pasted::pasted};
use alloc::string::String;

impl PublicKey {
    /// From a PASERK `k4.public.…`. What copying adds is ignored, as [`pasted`](crate::pasted) says.
    pub fn from_paserk(paserk: &str) -> Result<Self, KeyError> {
        let paserk = pasted(paserk);
        if paserk.starts_with("k4.secret.") {
            return Err(KeyError::SecretKey);
        }
        let data = paserk.strip_prefix(PUBLIC).ok_or(KeyError::Paserk)?;
        Self::from_bytes(&base64url::decode_array::<32, 33>(data).ok_or(KeyError::Paserk)?)
    }

    /// As a PASERK `k4.public.…`.
    pub fn to_paserk(&self) -> String {
        let mut paserk = String::from(PUBLIC);
        base64url::encode_to(&self.to_bytes(), &mut paserk);
        paserk
    }
}

const PUBLIC: &str = "k4.public.";
