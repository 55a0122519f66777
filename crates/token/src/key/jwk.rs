//! JSON Web Keys (RFC 7517, RFC 8037).

use super::{KeyError, PublicKey};
use crate::{
    base64url,
    json::{self, Fault, Node, Text},
    pasted::pasted,
};
use alloc::{format, string::String};

impl PublicKey {
    /// From the JSON of a public JWK: `kty` `OKP`, `crv` `Ed25519`, `x`. `use`, `alg` and `kid`, when present, must be
    /// `sig`, `EdDSA` or `Ed25519`, and the thumbprint. A JWK with a secret part is refused. What copying adds is
    /// ignored, as [`pasted`](crate::pasted) says.
    pub fn from_jwk(json: &str) -> Result<Self, KeyError> {
        let json = pasted(json);
        let jwk = Jwk::parse(&json)?;
        if jwk.is_secret() {
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

/// The members of a JWK that matter, of whatever type they are: those of a foreign key are not ours to judge.
#[derive(Default)]
pub(crate) struct Jwk<'a> {
    kty: Option<Node<'a>>,
    crv: Option<Node<'a>>,
    x: Option<Node<'a>>,
    d: Option<Node<'a>>,
    kid: Option<Node<'a>>,
    usage: Option<Node<'a>>,
    alg: Option<Node<'a>>,
    secret: bool,
}

impl<'a> Jwk<'a> {
    pub(crate) fn parse(json: &'a str) -> Result<Self, KeyError> {
        let mut jwk = Self::default();
        json::object(json, |name, value| {
            jwk.member(name, value);
            Ok::<(), KeyError>(())
        })?;
        Ok(jwk)
    }

    /// Whether this is an Ed25519 key, be it well made or not.
    pub(crate) fn is_ed25519(&self) -> bool {
        is(self.kty, "OKP") && is(self.crv, "Ed25519")
    }

    /// Whether it says that it is for something else than EdDSA signatures. What says so in another type than text does
    /// not: it is broken.
    pub(crate) fn is_for_another_use(&self) -> bool {
        let other = |member: Option<Node<'_>>, values: &[&str]| {
            member.is_some_and(|node| node.as_text().is_some())
                && !values.iter().any(|value| is(member, value))
        };
        other(self.usage, &["sig"]) || other(self.alg, &["EdDSA", "Ed25519"])
    }

    pub(crate) fn public(&self) -> Result<PublicKey, KeyError> {
        let texts = [self.kid, self.usage, self.alg].into_iter().flatten();
        if !self.is_ed25519()
            || self.is_for_another_use()
            || texts.map(|node| node.as_text()).any(|text| text.is_none())
        {
            return Err(KeyError::Jwk);
        }
        let key = PublicKey::from_bytes(&self.x.and_then(bytes).ok_or(KeyError::Jwk)?)?;
        if self.kid.is_some() && !is(self.kid, key.kid().as_str()) {
            return Err(KeyError::WrongKid);
        }
        Ok(key)
    }

    /// The 32 bytes of `d`.
    #[cfg(feature = "sign")]
    pub(super) fn seed(&self) -> Option<[u8; 32]> {
        self.d.and_then(bytes)
    }

    /// Whether it has a member of a private or symmetric key of whatever type (RFC 7518 §6, RFC 8037 §2).
    pub(crate) fn is_secret(&self) -> bool {
        self.secret
    }

    fn member(&mut self, name: Text<'a>, value: Node<'a>) {
        self.secret |= SECRET.into_iter().any(|secret| name.is(secret));
        let slots = [
            ("kty", &mut self.kty),
            ("crv", &mut self.crv),
            ("x", &mut self.x),
            ("d", &mut self.d),
            ("kid", &mut self.kid),
            ("use", &mut self.usage),
            ("alg", &mut self.alg),
        ];
        if let Some((_, slot)) = slots.into_iter().find(|(member, _)| name.is(member)) {
            *slot = Some(value);
        }
    }
}

/// The members that only private and symmetric keys have: of OKP, EC and RSA keys, of `oct`, and of `AKP`.
const SECRET: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

fn is(member: Option<Node<'_>>, value: &str) -> bool {
    member.and_then(|node| node.as_text()).is_some_and(|text| text.is(value))
}

impl From<Fault> for KeyError {
    fn from(_: Fault) -> Self {
        Self::Jwk
    }
}

/// The bytes of a 32-byte member.
fn bytes(member: Node<'_>) -> Option<[u8; 32]> {
    base64url::decode_array::<32, 33>(&member.as_text()?.decode())
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
            (r#""kty":"OKP","use":1"#, KeyError::Jwk),
            (r#""kty":"OKP","kid":1"#, KeyError::Jwk),
            (r#""kty":["OKP"]"#, KeyError::Jwk),
            (r#""kty":"OKP","d":1"#, KeyError::SecretKey),
            (r#""kty":"OKP","\u0064":"AA""#, KeyError::SecretKey),
            (r#""kty":"OKP","kty":"OKP""#, KeyError::Jwk),
            (r#""kty":"OKP","kid":"mine""#, KeyError::WrongKid),
            (r#""kty":"OKP","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A""#, KeyError::SecretKey),
        ] {
            let jwk = RFC_8037.replace(r#""kty":"OKP""#, change);
            assert_eq!(PublicKey::from_jwk(&jwk).unwrap_err(), error, "{jwk}");
        }
    }
}
