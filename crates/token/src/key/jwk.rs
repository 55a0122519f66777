//! JSON Web Keys (RFC 7517, RFC 8037).

use super::{KeyError, PublicKey};
use crate::{
    base64url,
    json::{self, Fault, Node, Text},
};
use alloc::{format, string::String};

impl PublicKey {
    /// From the JSON of a public JWK: `kty` `OKP`, `crv` `Ed25519`, `x`. `use`, `alg` and `kid`, when present, must be
    /// `sig`, `EdDSA` or `Ed25519`, and the thumbprint. A JWK with a secret part is refused.
    pub fn from_jwk(json: &str) -> Result<Self, KeyError> {
        let jwk = Jwk::parse(json)?;
        if jwk.d.is_some() {
            return Err(KeyError::SecretKey);
        }
        jwk.public()
    }

    /// The JSON of the public JWK, with `kid`, `use` and `alg`.
    pub fn to_jwk(&self) -> String {
        let x = text(&self.to_bytes());
        format!(
            r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","kid":"{}","use":"sig","alg":"EdDSA"}}"#,
            self.kid()
        )
    }
}

/// The members of a JWK that matter.
#[derive(Default)]
pub(crate) struct Jwk<'a> {
    kty: Option<Text<'a>>,
    crv: Option<Text<'a>>,
    x: Option<Text<'a>>,
    pub(super) d: Option<Text<'a>>,
    kid: Option<Text<'a>>,
    usage: Option<Text<'a>>,
    alg: Option<Text<'a>>,
}

impl<'a> Jwk<'a> {
    pub(crate) fn parse(json: &'a str) -> Result<Self, KeyError> {
        let mut jwk = Self::default();
        json::object(json, |name, value| jwk.member(name, value))?;
        Ok(jwk)
    }

    /// Whether this is an Ed25519 signature key; a set may hold others, which are not ours to judge.
    pub(crate) fn is_ours(&self) -> bool {
        let is = |member: &Option<Text<'_>>, value| member.is_some_and(|text| text.is(value));
        let absent_or = |member: &Option<Text<'_>>, value| member.is_none_or(|text| text.is(value));
        is(&self.kty, "OKP")
            && is(&self.crv, "Ed25519")
            && absent_or(&self.usage, "sig")
            && (absent_or(&self.alg, "EdDSA") || is(&self.alg, "Ed25519"))
    }

    pub(crate) fn public(&self) -> Result<PublicKey, KeyError> {
        if !self.is_ours() {
            return Err(KeyError::Jwk);
        }
        let x = self.x.and_then(|x| bytes(&x)).ok_or(KeyError::Jwk)?;
        let key = PublicKey::from_bytes(&x)?;
        if self.kid.is_some_and(|kid| !kid.is(key.kid().as_str())) {
            return Err(KeyError::WrongKid);
        }
        Ok(key)
    }

    pub(crate) fn is_secret(&self) -> bool {
        self.d.is_some()
    }

    fn member(&mut self, name: Text<'a>, value: Node<'a>) -> Result<(), KeyError> {
        let slot = match name.plain() {
            Some("kty") => &mut self.kty,
            Some("crv") => &mut self.crv,
            Some("x") => &mut self.x,
            Some("d") => &mut self.d,
            Some("kid") => &mut self.kid,
            Some("use") => &mut self.usage,
            Some("alg") => &mut self.alg,
            _ => return Ok(()),
        };
        *slot = Some(value.as_text().ok_or(KeyError::Jwk)?);
        Ok(())
    }
}

impl From<Fault> for KeyError {
    fn from(_: Fault) -> Self {
        Self::Jwk
    }
}

/// The bytes of a 32-byte member.
pub(super) fn bytes(text: &Text<'_>) -> Option<[u8; 32]> {
    base64url::decode_array::<32, 33>(text.plain()?)
}

/// A 32-byte member as text; the form of a kid is the same.
pub(super) fn text(bytes: &[u8; 32]) -> String {
    let mut text = String::with_capacity(43);
    base64url::encode_to(bytes, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kid;
    use core::str::FromStr as _;

    /// RFC 8037 appendix A.2 and A.3.
    const RFC_8037: &str =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037() {
        let key = PublicKey::from_jwk(RFC_8037).unwrap();
        assert_eq!(key.kid(), Kid::from_str("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k").unwrap());
        assert_eq!(PublicKey::from_jwk(&key.to_jwk()).unwrap(), key);
    }

    #[test]
    fn wrong_members_are_refused() {
        for (change, error) in [
            (r#""kty":"EC""#, KeyError::Jwk),
            (r#""kty":"OKP","use":"enc""#, KeyError::Jwk),
            (r#""kty":"OKP","alg":"ES256""#, KeyError::Jwk),
            (r#""kty":"OKP","alg":1"#, KeyError::Jwk),
            (r#""kty":"OKP","kty":"OKP""#, KeyError::Jwk),
            (r#""kty":"OKP","kid":"mine""#, KeyError::WrongKid),
            (r#""kty":"OKP","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A""#, KeyError::SecretKey),
        ] {
            let jwk = RFC_8037.replace(r#""kty":"OKP""#, change);
            assert_eq!(PublicKey::from_jwk(&jwk).unwrap_err(), error, "{jwk}");
        }
    }
}
