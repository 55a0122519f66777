use crate::{
    Kid, PublicKey,
    json::{self, Kind},
    key::{Jwk, KeyError},
    pasted::pasted,
};
use alloc::{format, string::String, vec::Vec};

/// The public keys a verifier trusts, found by `kid`.
///
/// A token whose `kid` is not here is refused; no other key is tried. A token without `kid` is accepted only by a
/// keyring of exactly one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyring {
    keys: Vec<PublicKey>,
}

impl Keyring {
    /// A keyring without keys, which refuses every token.
    pub fn new() -> Self {
        Self::default()
    }

    /// From the JSON of a JWK Set (RFC 7517 §5). Public keys that are not for EdDSA signatures are ignored; a set with a
    /// private or symmetric key of whatever type, an Ed25519 key twice, or a broken Ed25519 key is refused. What copying
    /// adds is ignored, as [`pasted`](crate::pasted) says.
    pub fn from_jwks(json: &str) -> Result<Self, KeyError> {
        let json = pasted(json);
        let mut keys = None;
        json::object(&json, |name, value| {
            if name.is("keys") && value.kind == Kind::Array {
                keys = Some(value.text);
            }
            Ok(())
        })
        .map_err(|_: KeyError| KeyError::Jwks)?;
        let mut keyring = Self::new();
        json::array(keys.ok_or(KeyError::Jwks)?, |value| {
            let jwk = Jwk::parse(value.text).map_err(|_| KeyError::Jwks)?;
            if jwk.is_secret() {
                return Err(KeyError::SecretKey);
            }
            if !jwk.is_ed25519() || jwk.is_for_another_use() {
                return Ok(());
            }
            keyring.insert(jwk.public()?)
        })?;
        Ok(keyring)
    }

    /// From SPKI PEM (RFC 7468), one block for each key. A block of another kind, a secret key or a key twice is refused, and so
    /// is a text without a block. What copying adds is ignored, and so is text between the blocks.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        const BEGIN: &str = "-----BEGIN";
        let pem = pasted(pem);
        let mut keyring = Self::new();
        for block in pem.split(BEGIN).skip(1) {
            keyring.insert(PublicKey::from_pem(&format!("{BEGIN}{block}"))?)?;
        }
        if keyring.is_empty() { Err(KeyError::Pem) } else { Ok(keyring) }
    }

    /// As SPKI PEM, one block for each key in the order of insertion.
    pub fn to_pem(&self) -> String {
        self.keys.iter().map(PublicKey::to_pem).collect()
    }

    /// The JSON of the JWK Set, in the order of insertion.
    pub fn to_jwks(&self) -> String {
        let mut jwks = String::from(r#"{"keys":["#);
        for (count, key) in self.keys.iter().enumerate() {
            if count > 0 {
                jwks.push(',');
            }
            jwks.push_str(&key.to_jwk());
        }
        jwks.push_str("]}");
        jwks
    }

    /// The same keys, each [prepared](PublicKey::prepared) to verify in two thirds of the time.
    #[cfg(feature = "prepared")]
    #[must_use]
    pub fn prepared(self) -> Self {
        Self { keys: self.keys.into_iter().map(PublicKey::prepared).collect() }
    }

    /// Adds a key; the same key twice is refused.
    pub fn insert(&mut self, key: PublicKey) -> Result<(), KeyError> {
        if self.get(&key.kid()).is_some() {
            return Err(KeyError::Duplicate);
        }
        self.keys.push(key);
        Ok(())
    }

    /// The key with this id.
    pub fn get(&self, kid: &Kid) -> Option<&PublicKey> {
        self.keys.iter().find(|key| key.kid() == *kid)
    }

    /// The key, if it is the only one.
    pub fn only(&self) -> Option<&PublicKey> {
        match self.keys.as_slice() {
            [key] => Some(key),
            _ => None,
        }
    }

    /// The keys in the order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.iter()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl IntoIterator for Keyring {
    type Item = PublicKey;
    type IntoIter = alloc::vec::IntoIter<PublicKey>;

    fn into_iter(self) -> Self::IntoIter {
        self.keys.into_iter()
    }
}

impl From<PublicKey> for Keyring {
    fn from(key: PublicKey) -> Self {
        Self { keys: alloc::vec![key] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    #[test]
    fn a_set_keeps_only_our_keys() {
        let foreign = r#"{"kty":"RSA","n":1,"e":"AQAB"},{"kty":"OKP","crv":"X25519","x":"AA"}"#;
        let keyring = Keyring::from_jwks(&format!(r#"{{"keys":[{foreign},{KEY}],"more":1}}"#)).unwrap();
        assert_eq!(keyring.len(), 1);
        assert_eq!(Keyring::from_jwks(&keyring.to_jwks()).unwrap(), keyring);
        assert!(Keyring::from_jwks(r#"{"keys":[]}"#).unwrap().is_empty());
    }

    #[test]
    fn a_bundle_is_one_pem_after_the_other() {
        let other = "\"x\":\"6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw\"";
        let other = format!(r#"{{"kty":"OKP","crv":"Ed25519",{other}}}"#);
        let keyring = Keyring::from_jwks(&format!(r#"{{"keys":[{KEY},{other}]}}"#)).unwrap();
        let pem = keyring.to_pem();
        assert_eq!(pem.matches("-----BEGIN PUBLIC KEY-----").count(), 2);
        assert_eq!(Keyring::from_pem(&pem).unwrap(), keyring);
        let told = pem.replace("-----BEGIN", "of this year:\r\n-----BEGIN");
        assert_eq!(Keyring::from_pem(&told).unwrap(), keyring);
        assert_eq!(Keyring::from_pem(&format!("{pem}{pem}")), Err(KeyError::Duplicate));
        assert_eq!(Keyring::from_pem(""), Err(KeyError::Pem));
        let cut = &pem[..pem.len() - 30];
        assert_eq!(Keyring::from_pem(cut), Err(KeyError::Pem));
        for (label, error) in [("CERTIFICATE", KeyError::Pem), ("PRIVATE KEY", KeyError::SecretKey)] {
            let foreign = format!("{pem}-----BEGIN {label}-----\nAA==\n-----END {label}-----\n");
            assert_eq!(Keyring::from_pem(&foreign), Err(error), "{label}");
        }
    }

    #[test]
    fn broken_sets_are_refused() {
        for json in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}x"#, r#"{"keys":[],"keys":[]}"#] {
            assert_eq!(Keyring::from_jwks(json), Err(KeyError::Jwks), "{json}");
        }
        assert_eq!(Keyring::from_jwks(&format!(r#"{{"keys":[{KEY},{KEY}]}}"#)), Err(KeyError::Duplicate));
        let short = KEY.replace("HURo", "");
        assert_eq!(Keyring::from_jwks(&format!(r#"{{"keys":[{short}]}}"#)), Err(KeyError::Jwk));
        for key in [
            KEY.replace("\"x\"", r#""d":"AA","x""#),
            KEY.replace("\"x\"", r#""d":1,"x""#),
            KEY.replace("\"x\"", r#""\u0064":"AA","x""#),
            KEY.replace("\"x\"", r#""use":"enc","d":"AA","x""#),
            r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}"#.into(),
            r#"{"kty":"RSA","n":"AA","e":"AQAB","p":"AA","q":"AA"}"#.into(),
            r#"{"kty":"OKP","crv":"X25519","x":"AA","d":"AA"}"#.into(),
            r#"{"kty":"oct","k":"AA"}"#.into(),
        ] {
            assert_eq!(
                Keyring::from_jwks(&format!(r#"{{"keys":[{key},{KEY}]}}"#)),
                Err(KeyError::SecretKey),
                "{key}"
            );
        }
        for member in [r#""kid":1"#, r#""kid":null"#, r#""use":["sig"]"#, r#""alg":{}"#] {
            let key = KEY.replace("\"x\"", &format!(r#"{member},"x""#));
            assert_eq!(Keyring::from_jwks(&format!(r#"{{"keys":[{key}]}}"#)), Err(KeyError::Jwk), "{key}");
        }
        let typed = KEY.replace("\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"", "1");
        assert_eq!(Keyring::from_jwks(&format!(r#"{{"keys":[{typed}]}}"#)), Err(KeyError::Jwk));
        assert_eq!(Keyring::from_jwks(r#"{"keys":[1]}"#), Err(KeyError::Jwks));
    }
}
