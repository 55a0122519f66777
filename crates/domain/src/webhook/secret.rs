//! The secret that an endpoint shares with us, as Standard Webhooks writes it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// 32 random bytes; in text `whsec_` and their base64 (RFC 4648, section 4).
pub struct WebhookSecret(Zeroizing<[u8; 32]>);

impl WebhookSecret {
    /// From its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key of HMAC-SHA256.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The text, for its owner's eyes.
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("whsec_{}", STANDARD.encode(*self.0)))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}
