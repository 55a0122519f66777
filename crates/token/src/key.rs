//! Keys, and the forms they travel in.

use crate::{Kid, jws};
use core::fmt;
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};

pub use self::error::KeyError;
#[cfg(feature = "sign")]
pub use self::secret::SecretKey;

mod error;
pub(crate) use self::jwk::Jwk;

mod jwk;
mod paserk;
mod pem;
#[cfg(feature = "prepared")]
mod prepared;
#[cfg(feature = "sign")]
mod secret;

/// An Ed25519 public key that is fit for strict verification.
///
/// Whatever form it comes from, keys of small order and non-canonical encodings are refused.
#[derive(Clone)]
pub struct PublicKey {
    key: VerifyingKey,
    kid: Kid,
    header: jws::Header,
    #[cfg(feature = "prepared")]
    prepared: Option<alloc::sync::Arc<prepared::Prepared>>,
}

impl PublicKey {
    /// From the 32 bytes of RFC 8032 §5.1.2.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        if !canonical(bytes) {
            return Err(KeyError::NotCanonical);
        }
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAPoint)?;
        if key.is_weak() {
            return Err(KeyError::Weak);
        }
        Ok(Self::of(key))
    }

    /// Of a key that was found fit, or can't be otherwise.
    fn of(key: VerifyingKey) -> Self {
        let kid = Kid::of(key.as_bytes());
        Self {
            key,
            kid,
            header: jws::header(&kid),
            #[cfg(feature = "prepared")]
            prepared: None,
        }
    }

    /// The same key, which verifies in two thirds of the time from now on, with the same verdicts. It takes 430 KiB, which its
    /// clones share, and as long as thirty verifications: for programs that verify for long, such as servers.
    #[cfg(feature = "prepared")]
    #[must_use]
    pub fn prepared(self) -> Self {
        let prepared = Some(alloc::sync::Arc::new(prepared::Prepared::of(&self.key)));
        Self { prepared, ..self }
    }

    /// The 32 bytes of RFC 8032 §5.1.2.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// The key's id, its RFC 7638 thumbprint.
    pub fn kid(&self) -> Kid {
        self.kid
    }

    /// Checks a bare Ed25519 signature, strictly: besides RFC 8032's rules, neither the key nor the signature's point
    /// may be of small order. Every signed form in this crate is checked by this function.
    ///
    /// Signatures of other kinds than tokens need a domain of their own, such as a prefix of the message.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        // The same verdict as `verify_strict` without decompressing R again: a weak key never gets here, `verify`
        // compares the encoding of R byte by byte, and these are all the canonical encodings of small order.
        if SMALL_ORDER.iter().any(|point| signature.starts_with(point)) {
            return Err(BadSignature);
        }
        #[cfg(feature = "prepared")]
        if let Some(prepared) = &self.prepared {
            return if prepared.verifies(&self.key, message, signature) { Ok(()) } else { Err(BadSignature) };
        }
        self.key.verify(message, &Signature::from_bytes(signature)).map_err(|_| BadSignature)
    }

    /// The encoded JWT header of tokens by this key, exactly as [`Signer`](crate::Signer) writes it.
    pub(crate) fn jwt_header(&self) -> &jws::Header {
        &self.header
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.kid)
    }
}

/// The signature is not by this key over this message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSignature;

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature is not by this key over this message")
    }
}

impl core::error::Error for BadSignature {}

/// Whether the y coordinate is less than the field's prime 2^255 - 19.
fn canonical(bytes: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = bytes;
    (high & 0x7f) != 0x7f || middle.iter().any(|byte| *byte != 0xff) || *low < 0xed
}

/// The canonical encodings of the eight points whose order divides eight.
const SMALL_ORDER: [[u8; 32]; 8] = [
    point(0x01, 0x00, 0x00),
    point(0xec, 0xff, 0x7f),
    point(0x00, 0x00, 0x00),
    point(0x00, 0x00, 0x80),
    ORDER_8_A,
    with_sign(ORDER_8_A),
    ORDER_8_B,
    with_sign(ORDER_8_B),
];

const ORDER_8_A: [u8; 32] = [
    0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
    0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
];

const ORDER_8_B: [u8; 32] = [
    0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
    0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
];

const fn point(low: u8, middle: u8, high: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = low;
    bytes[31] = high;
    bytes
}

const fn with_sign(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes[31] |= 0x80;
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_order_points_are_exactly_these() {
        for bytes in SMALL_ORDER {
            let key = VerifyingKey::from_bytes(&bytes).unwrap();
            assert!(key.is_weak());
            // Canonical: decompressing and compressing returns the bytes. "Negative zero" encodings do not return.
            assert_eq!(key.to_edwards().compress().to_bytes(), bytes);
            assert_eq!(PublicKey::from_bytes(&bytes).unwrap_err(), KeyError::Weak);
        }
        let distinct: alloc::collections::BTreeSet<_> = SMALL_ORDER.into_iter().collect();
        assert_eq!(distinct.len(), 8); // as many as the torsion subgroup has
    }

    #[test]
    fn non_canonical_keys_are_refused() {
        for low in 0xed..=0xff {
            for high in [0x7f, 0xff] {
                assert_eq!(
                    PublicKey::from_bytes(&point(low, 0xff, high)).unwrap_err(),
                    KeyError::NotCanonical
                );
            }
        }
        for (low, high) in [(0x01, 0x80), (0xec, 0xff)] {
            let middle = if low == 1 { 0 } else { 0xff };
            assert!(PublicKey::from_bytes(&point(low, middle, high)).is_err());
        }
    }
}
