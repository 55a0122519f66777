//! The agent's own keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use curve25519_dalek::MontgomeryPoint;
use keyward_protocol::enrolment::AgentKeys;
use keyward_protocol::fingerprint;
use keyward_token::SecretKey;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// An Ed25519 key that requests are signed by, and an X25519 key that secrets for this agent are sealed to. They are wiped from
/// memory when dropped.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Kept", into = "Kept")]
pub struct Keys {
    signing: Zeroizing<[u8; 32]>,
    sealing: Zeroizing<[u8; 32]>,
    made_at: i64,
}

/// As they are in the file.
#[derive(Serialize, Deserialize)]
struct Kept {
    signing: Zeroizing<String>,
    sealing: Zeroizing<String>,
    made_at: i64,
}

impl Keys {
    /// Makes two keys.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn make(now: i64) -> Result<Self, getrandom::Error> {
        let mut keys =
            Self { signing: Zeroizing::new([0; 32]), sealing: Zeroizing::new([0; 32]), made_at: now };
        getrandom::fill(&mut *keys.signing)?;
        getrandom::fill(&mut *keys.sealing)?;
        Ok(keys)
    }

    /// The same keys, made at another time: the server's, once it is known.
    #[must_use]
    pub fn dated(self, made_at: i64) -> Self {
        Self { made_at, ..self }
    }

    /// The key that requests are signed by.
    pub fn signing(&self) -> SecretKey {
        SecretKey::from_seed(*self.signing)
    }

    /// When they were made, by the server's clock as far as it was known.
    pub fn made_at(&self) -> i64 {
        self.made_at
    }

    /// What the server is told of them.
    pub fn public(&self) -> AgentKeys {
        AgentKeys {
            signing: URL_SAFE_NO_PAD.encode(self.signing().public_key().to_bytes()),
            sealing: URL_SAFE_NO_PAD.encode(MontgomeryPoint::mul_base_clamped(*self.sealing).to_bytes()),
        }
    }

    /// The thumbprint of the signing key.
    pub fn kid(&self) -> String {
        self.signing().public_key().kid().to_string()
    }

    /// Four words that a person compares with those on the page.
    pub fn fingerprint(&self) -> String {
        let thumbprint = self.signing().public_key().kid().to_bytes();
        fingerprint::words(thumbprint.first_chunk().copied().unwrap_or_default())
    }
}

impl From<Keys> for Kept {
    fn from(keys: Keys) -> Self {
        let text = |bytes: &[u8; 32]| Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes));
        Self { signing: text(&keys.signing), sealing: text(&keys.sealing), made_at: keys.made_at }
    }
}

impl TryFrom<Kept> for Keys {
    type Error = &'static str;

    fn try_from(kept: Kept) -> Result<Self, Self::Error> {
        let bytes = |text: &str| {
            let mut bytes = Zeroizing::new([0; 32]);
            match URL_SAFE_NO_PAD.decode_slice(text, &mut *bytes) {
                Ok(32) => Ok(bytes),
                _ => Err("a key is 32 bytes in base64url"),
            }
        };
        Ok(Self { signing: bytes(&kept.signing)?, sealing: bytes(&kept.sealing)?, made_at: kept.made_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_kept_as_they_are() {
        let keys = Keys::make(7).unwrap();
        let text = serde_json::to_string(&keys).unwrap();
        let again: Keys = serde_json::from_str(&text).unwrap();
        assert_eq!(again.public(), keys.public());
        assert_eq!(again.made_at(), 7);
        assert_ne!(Keys::make(7).unwrap().public(), keys.public());
        assert!(serde_json::from_str::<Keys>(&text.replace("signing\":\"", "signing\":\"AA")).is_err());
    }

    /// The example of RFC 7748 §6.1.
    #[test]
    fn the_sealing_key_is_x25519() {
        let bytes = |text: &str| -> Vec<u8> {
            (0..32).map(|at| u8::from_str_radix(&text[2 * at..][..2], 16).unwrap()).collect()
        };
        let secret = bytes("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
        let public = bytes("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
        let mut keys = Keys::make(7).unwrap();
        keys.sealing = Zeroizing::new(secret.try_into().unwrap());
        assert_eq!(keys.public().sealing, URL_SAFE_NO_PAD.encode(public));
    }
}
