use crate::base64url;
use core::{fmt, str::FromStr};
use sha2::{Digest as _, Sha256};

/// The id of a key: its RFC 7638 thumbprint, 43 characters of base64url.
///
/// The same in every format: JWT header, PASETO footer, JWKS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kid([u8; 43]);

impl Kid {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        // Always base64url.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The thumbprint itself: a SHA-256 hash.
    pub fn to_bytes(&self) -> [u8; 32] {
        // Always base64url of 32 bytes.
        base64url::decode_array::<32, 33>(self.as_str()).unwrap_or_default()
    }

    /// The thumbprint of an Ed25519 public key (RFC 8037 appendix A.3: members `crv`, `kty`, `x`).
    pub(crate) fn of(public: &[u8; 32]) -> Self {
        let x: [u8; 43] = base64url::encode_array(public);
        let mut hash = Sha256::new();
        hash.update(br#"{"crv":"Ed25519","kty":"OKP","x":""#);
        hash.update(x);
        hash.update(br#""}"#);
        Self(base64url::encode_array(&hash.finalize()))
    }
}

/// The text is not a thumbprint: 43 characters of canonical base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidKid;

impl FromStr for Kid {
    type Err = InvalidKid;

    fn from_str(text: &str) -> Result<Self, InvalidKid> {
        base64url::decode_array::<32, 33>(text).ok_or(InvalidKid)?;
        text.as_bytes().try_into().map(Self).map_err(|_| InvalidKid)
    }
}

impl fmt::Display for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kid({self})")
    }
}

impl fmt::Display for InvalidKid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a key id: expected 43 characters of base64url")
    }
}

impl core::error::Error for InvalidKid {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_thumbprints_parse() {
        let kid = Kid::of(&[7; 32]);
        assert_eq!(kid.as_str().parse(), Ok(kid));
        for text in [
            "",
            "abc",
            &"A".repeat(42),
            &"A".repeat(44),
            &"=".repeat(43),
            &alloc::format!("{}B", "A".repeat(42)),
        ] {
            assert_eq!(text.parse::<Kid>(), Err(InvalidKid), "{text}");
        }
    }
}
