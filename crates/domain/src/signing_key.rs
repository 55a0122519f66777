//! The Ed25519 keys of an organization, as far as the rules know them: the pair itself stays sealed.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Serialize, Serializer};

use crate::{Invalid, OrganizationId, Timestamp};

/// RFC 7638 thumbprint of a public key (SHA-256); 43 characters of base64url as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kid([u8; 32]);

crate::described!(shown Kid = serde_json::json!({"type": "string"}););

impl Kid {
    /// From the thumbprint's bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The thumbprint.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl FromStr for Kid {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| Invalid::new("invalid_kid", "is not an RFC 7638 thumbprint"))
    }
}

impl Serialize for Kid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A signing key of one organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Its name in token headers.
    pub kid: Kid,
    /// Whose key it is.
    pub organization: OrganizationId,
    /// The public half (RFC 8032, 32 bytes).
    pub public: [u8; 32],
    /// The secret half, sealed with the master key.
    pub sealed: Vec<u8>,
    /// Its place in life.
    pub state: SigningKeyState,
    /// When it was created or imported.
    pub created_at: Timestamp,
}

/// The life of a signing key. Published from `Pending` to `Retired`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningKeyState {
    /// Published, so that verifiers learn it before it signs.
    Pending,
    /// Signs new revisions; one per organization.
    Active {
        /// Since when.
        since: Timestamp,
    },
    /// Signs nothing new; its tokens still verify and can still be fetched.
    Retired {
        /// Since when.
        since: Timestamp,
    },
    /// Published no more; its tokens verify nowhere that keeps up with the JWKS.
    Revoked {
        /// Since when.
        since: Timestamp,
    },
}

impl SigningKeyState {
    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active { .. } => "active",
            Self::Retired { .. } => "retired",
            Self::Revoked { .. } => "revoked",
        }
    }

    /// When the key came into this state, where that is kept.
    pub fn since(self) -> Option<Timestamp> {
        match self {
            Self::Pending => None,
            Self::Active { since } | Self::Retired { since } | Self::Revoked { since } => Some(since),
        }
    }
}

/// The key's state does not allow what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key that is {state} cannot be {wanted}")]
pub struct KeyTransitionError {
    state: &'static str,
    wanted: &'static str,
}

impl SigningKey {
    /// Makes the key sign from now on. The one before it is [retired](Self::retire) in the same transaction.
    pub fn activate(self, now: Timestamp) -> Result<Self, KeyTransitionError> {
        match self.state {
            SigningKeyState::Pending | SigningKeyState::Retired { .. } => {
                Ok(Self { state: SigningKeyState::Active { since: now }, ..self })
            }
            SigningKeyState::Active { .. } | SigningKeyState::Revoked { .. } => Err(self.refuse("activated")),
        }
    }

    /// Lets the key sign nothing new.
    pub fn retire(self, now: Timestamp) -> Result<Self, KeyTransitionError> {
        match self.state {
            SigningKeyState::Active { .. } => {
                Ok(Self { state: SigningKeyState::Retired { since: now }, ..self })
            }
            SigningKeyState::Pending | SigningKeyState::Retired { .. } | SigningKeyState::Revoked { .. } => {
                Err(self.refuse("retired"))
            }
        }
    }

    /// Withdraws the key for ever. An active key must be replaced first, so that licenses can be issued.
    pub fn revoke(self, now: Timestamp) -> Result<Self, KeyTransitionError> {
        match self.state {
            SigningKeyState::Pending | SigningKeyState::Retired { .. } => {
                Ok(Self { state: SigningKeyState::Revoked { since: now }, ..self })
            }
            SigningKeyState::Active { .. } | SigningKeyState::Revoked { .. } => Err(self.refuse("revoked")),
        }
    }

    /// Whether the JWKS shows it.
    pub fn is_published(&self) -> bool {
        !matches!(self.state, SigningKeyState::Revoked { .. })
    }

    fn refuse(&self, wanted: &'static str) -> KeyTransitionError {
        KeyTransitionError { state: self.state.as_str(), wanted }
    }
}
