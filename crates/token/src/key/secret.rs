use super::{
    KeyError, PublicKey,
    jwk::{self, Jwk},
    pem,
};
use crate::{base64url, pasted::pasted_secret};
use alloc::{format, string::String};
use core::fmt;
use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::Zeroizing;

/// An Ed25519 secret key with its public key.
///
/// It is wiped from memory when dropped, `Debug` shows only its id, and it can neither be compared nor cloned by
/// accident: the public key that goes into a signature is always the one derived from the secret.
pub struct SecretKey {
    key: SigningKey,
    public: PublicKey,
}

impl SecretKey {
    /// From the 32-byte seed of RFC 8032 §5.1.5, which must come from a cryptographic source of randomness.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        let key = SigningKey::from_bytes(&seed);
        // The multiple of the base point by a clamped scalar is canonical and never of small order.
        let public = PublicKey::of(key.verifying_key());
        Self { key, public }
    }

    /// The 32-byte seed.
    pub fn to_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_bytes())
    }

    /// The public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a message. Deterministic (RFC 8032 §5.1.6).
    ///
    /// Signatures of other kinds than tokens need a domain of their own, such as a prefix of the message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// From PKCS#8 PEM, `-----BEGIN PRIVATE KEY-----`: version 1, or version 2 with the public key that belongs to it. The
    /// rules for text are those of [`PublicKey::from_pem`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let der = Zeroizing::new(pem::decode(&pasted_secret(text), "PRIVATEKEY").ok_or(KeyError::Pem)?);
        let (seed, public) = split_pkcs8(&der).ok_or(KeyError::Der)?;
        Self::from_parts(seed, public)
    }

    /// As PKCS#8 version 1 PEM, with a newline at the end.
    pub fn to_pem(&self) -> Zeroizing<String> {
        let mut der = Zeroizing::new([0; 48]);
        pem::fill(&mut *der, &[PKCS8_V1, self.key.as_bytes()]);
        Zeroizing::new(pem::encode(&*der, "PRIVATE KEY"))
    }

    /// From the JSON of a JWK with `d` and its `x`. The rules are those of [`PublicKey::from_jwk`].
    pub fn from_jwk(json: &str) -> Result<Self, KeyError> {
        let json = pasted_secret(json);
        let jwk = Jwk::parse(&json)?;
        let public = jwk.public()?;
        let seed = Zeroizing::new(jwk.seed().ok_or(KeyError::Jwk)?);
        Self::from_parts(*seed, Some(public.to_bytes()))
    }

    /// The JSON of the JWK with the secret part.
    pub fn to_jwk(&self) -> Zeroizing<String> {
        let d = Zeroizing::new(jwk::text(self.key.as_bytes()));
        let x = jwk::text(&self.public.to_bytes());
        Zeroizing::new(format!(
            r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","d":"{}","kid":"{}"}}"#,
            *d,
            self.public.kid()
        ))
    }

    /// From a PASERK `k4.secret.…`, whose second half must be the public key.
    pub fn from_paserk(paserk: &str) -> Result<Self, KeyError> {
        let paserk = pasted_secret(paserk);
        let data = paserk.strip_prefix(PASERK).ok_or(KeyError::Paserk)?;
        let pair = Zeroizing::new(base64url::decode_array::<64, 66>(data).ok_or(KeyError::Paserk)?);
        let (seed, public) = pair.split_first_chunk().ok_or(KeyError::Paserk)?;
        Self::from_parts(*seed, Some(public.try_into().map_err(|_| KeyError::Paserk)?))
    }

    /// As a PASERK `k4.secret.…`.
    pub fn to_paserk(&self) -> Zeroizing<String> {
        let pair = Zeroizing::new(self.key.to_keypair_bytes());
        let mut paserk = Zeroizing::new(String::with_capacity(96));
        paserk.push_str(PASERK);
        base64url::encode_to(&*pair, &mut paserk);
        paserk
    }

    fn from_parts(seed: [u8; 32], public: Option<[u8; 32]>) -> Result<Self, KeyError> {
        let key = Self::from_seed(seed);
        match public {
            Some(public) if public != key.public.to_bytes() => Err(KeyError::Mismatch),
            _ => Ok(key),
        }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public.kid())
    }
}

const PASERK: &str = "k4.secret.";

/// PrivateKeyInfo of id-Ed25519, up to the 32 bytes of the seed (RFC 8410 §7).
const PKCS8_V1: &[u8] =
    &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// OneAsymmetricKey: where the public key is appended, and (as ring once wrote it) with an explicit tag.
const PKCS8_V2: [(u8, &[u8]); 2] = [(0x51, &[0x81, 0x21, 0x00]), (0x53, &[0xa1, 0x23, 0x03, 0x21, 0x00])];

/// The seed and, in version 2, the public key.
fn split_pkcs8(der: &[u8]) -> Option<([u8; 32], Option<[u8; 32]>)> {
    if let Some(seed) = der.strip_prefix(PKCS8_V1) {
        return Some((seed.try_into().ok()?, None));
    }
    PKCS8_V2.iter().find_map(|(length, tag)| {
        let rest = der.strip_prefix(&[0x30, *length, 0x02, 0x01, 0x01])?.strip_prefix(PKCS8_V1.get(5..)?)?;
        let (seed, rest) = rest.split_first_chunk()?;
        let public = rest.strip_prefix(*tag)?;
        Some((*seed, Some(public.try_into().ok()?)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410 §10.3.
    const RFC_8410: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    const RFC_8410_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn every_form_returns() {
        let key = SecretKey::from_pem(RFC_8410).unwrap();
        assert_eq!(key.to_pem().as_str(), RFC_8410);
        assert_eq!(key.public_key().to_pem(), RFC_8410_PUBLIC);
        assert_eq!(PublicKey::from_pem(RFC_8410_PUBLIC).unwrap(), *key.public_key());
        let seed = key.to_seed();
        assert_eq!(*SecretKey::from_jwk(&key.to_jwk()).unwrap().to_seed(), *seed);
        assert_eq!(*SecretKey::from_paserk(&key.to_paserk()).unwrap().to_seed(), *seed);
        assert_eq!(PublicKey::from_paserk(&key.public_key().to_paserk()).unwrap(), *key.public_key());
    }

    #[test]
    fn version_2_must_carry_its_own_public_key() {
        let key = SecretKey::from_seed([7; 32]);
        for (length, tag) in PKCS8_V2 {
            let der = |public: [u8; 32]| {
                [&[0x30, length, 2, 1, 1], &PKCS8_V1[5..], &[7; 32], tag, &public].concat()
            };
            let right = pem::encode(&der(key.public_key().to_bytes()), "PRIVATE KEY");
            assert_eq!(SecretKey::from_pem(&right).unwrap().public_key(), key.public_key());
            let wrong = pem::encode(&der([9; 32]), "PRIVATE KEY");
            assert_eq!(SecretKey::from_pem(&wrong).unwrap_err(), KeyError::Mismatch);
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = SecretKey::from_seed([7; 32]);
        assert_eq!(format!("{key:?}"), format!("SecretKey({})", key.public_key().kid()));
    }

    #[test]
    fn forms_are_not_confused() {
        let key = SecretKey::from_seed([7; 32]);
        assert_eq!(PublicKey::from_pem(&key.to_pem()).unwrap_err(), KeyError::SecretKey);
        assert_eq!(PublicKey::from_jwk(&key.to_jwk()).unwrap_err(), KeyError::SecretKey);
        assert_eq!(PublicKey::from_paserk(&key.to_paserk()).unwrap_err(), KeyError::SecretKey);
        assert_eq!(SecretKey::from_pem(&key.public_key().to_pem()).unwrap_err(), KeyError::Pem);
        for pem in [
            "",
            "x",
            &RFC_8410[1..],
            &RFC_8410.replace("MC4C", "MC4D"),
            &RFC_8410.replace("VhC", "VhC=="),
            &RFC_8410.repeat(2),
        ] {
            assert!(SecretKey::from_pem(pem).is_err(), "{pem}");
        }
        assert!(SecretKey::from_pem(&format!("\r\n {}", RFC_8410.replace('\n', "\r\n"))).is_ok());
    }
}
