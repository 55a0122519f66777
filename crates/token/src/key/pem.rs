//! PEM (RFC 7468) around the fixed DER of Ed25519 keys (RFC 8410).

use super::{KeyError, PublicKey};
use crate::pasted::pasted;
use alloc::{string::String, vec::Vec};
use base64::{Engine as _, engine::general_purpose::STANDARD};

impl PublicKey {
    /// From SPKI PEM, `-----BEGIN PUBLIC KEY-----`: one block. What copying adds is ignored, as [`pasted`](crate::pasted)
    /// says, and so is text before and after the block (RFC 7468 §2).
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let pem = pasted(pem);
        if pem.contains("PRIVATEKEY-----") {
            return Err(KeyError::SecretKey);
        }
        let der = decode(&pem, "PUBLICKEY").ok_or(KeyError::Pem)?;
        let bytes = der.strip_prefix(SPKI).ok_or(KeyError::Der)?;
        Self::from_bytes(bytes.try_into().map_err(|_| KeyError::Der)?)
    }

    /// As SPKI PEM, with a newline at the end.
    pub fn to_pem(&self) -> String {
        let mut der = [0; 44];
        fill(&mut der, &[SPKI, &self.to_bytes()]);
        encode(&der, "PUBLIC KEY")
    }
}

/// SubjectPublicKeyInfo of id-Ed25519 without parameters, up to the 32 bytes of the key.
const SPKI: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The bytes of the only block in a text without white space, whose label must be this one, without its spaces.
pub(super) fn decode(pem: &str, label: &str) -> Option<Vec<u8>> {
    let (_, block) = pem.split_once("-----BEGIN")?;
    if block.contains("-----BEGIN") {
        return None;
    }
    let (body, end) = block.strip_prefix(label)?.strip_prefix("-----")?.split_once("-----END")?;
    end.strip_prefix(label)?.strip_prefix("-----")?;
    STANDARD.decode(body).ok()
}

pub(super) fn encode(der: &[u8], label: &str) -> String {
    // Ed25519 keys fit into one or two lines of 64 characters.
    let mut text = STANDARD.encode(der);
    let mut pem = String::with_capacity(text.len().saturating_add(80));
    for part in ["-----BEGIN ", label, "-----\n"] {
        pem.push_str(part);
    }
    for (count, digit) in text.chars().enumerate() {
        if count > 0 && count % 64 == 0 {
            pem.push('\n');
        }
        pem.push(digit);
    }
    for part in ["\n-----END ", label, "-----\n"] {
        pem.push_str(part);
    }
    wipe_text(&mut text);
    pem
}

/// Writes the parts one after the other.
pub(super) fn fill(target: &mut [u8], parts: &[&[u8]]) {
    for (slot, byte) in target.iter_mut().zip(parts.iter().copied().flatten()) {
        *slot = *byte;
    }
}

#[cfg(feature = "sign")]
fn wipe_text(text: &mut String) {
    zeroize::Zeroize::zeroize(text);
}

#[cfg(not(feature = "sign"))]
fn wipe_text(_: &mut String) {}
