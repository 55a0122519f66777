use core::fmt;

/// Why a key was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// Not one PEM block of the expected label, canonically encoded.
    Pem,
    /// The DER inside is not that of an Ed25519 key in the expected structure.
    Der,
    /// Not a JWK of an Ed25519 key, or a member has a wrong type or value.
    Jwk,
    /// Not a JWK Set.
    Jwks,
    /// Not a PASERK of the expected type.
    Paserk,
    /// A secret key where a public key belongs. It should be considered disclosed.
    SecretKey,
    /// The 32 bytes are not a point on the curve.
    NotAPoint,
    /// The point is not encoded in its one canonical form.
    NotCanonical,
    /// The point has small order: it would accept signatures that nobody made.
    Weak,
    /// The public part does not belong to the secret part.
    Mismatch,
    /// The `kid` member is not the key's RFC 7638 thumbprint.
    WrongKid,
    /// The same key stands twice in one keyring.
    Duplicate,
}

impl KeyError {
    /// A stable name of the error for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Pem => "invalid_pem",
            Self::Der => "invalid_der",
            Self::Jwk => "invalid_jwk",
            Self::Jwks => "invalid_jwks",
            Self::Paserk => "invalid_paserk",
            Self::SecretKey => "secret_key",
            Self::NotAPoint => "not_a_point",
            Self::NotCanonical => "not_canonical",
            Self::Weak => "weak_key",
            Self::Mismatch => "key_mismatch",
            Self::WrongKid => "wrong_kid",
            Self::Duplicate => "duplicate_key",
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pem => "not one PEM block of the expected label",
            Self::Der => "not an Ed25519 key in the expected DER structure",
            Self::Jwk => "not a JWK of an Ed25519 key",
            Self::Jwks => "not a JWK Set",
            Self::Paserk => "not a PASERK of the expected type",
            Self::SecretKey => "a secret key where a public key belongs",
            Self::NotAPoint => "the public key is not a point on the curve",
            Self::NotCanonical => "the public key is not encoded canonically",
            Self::Weak => "the public key has small order",
            Self::Mismatch => "the public part does not belong to the secret part",
            Self::WrongKid => "the kid is not the RFC 7638 thumbprint of the key",
            Self::Duplicate => "the same key stands twice in the keyring",
        })
    }
}

impl core::error::Error for KeyError {}
