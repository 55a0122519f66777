//! Verify Keyward license tokens offline.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(feature = "status-list")]
pub use self::status::{
    DEFAULT_MAX_LIST_BYTES, DEFAULT_MAX_LIST_TOKEN_BYTES, Status, StatusError, StatusList,
    StatusListVerifier, StatusListVerifierBuilder, StatusTable,
};
pub use self::{
    claims::{CLAIMS_VERSION, RESERVED_CLAIMS},
    error::{ClaimsMismatch, Defect, Part, VerifyError},
    key::{BadSignature, KeyError, PublicKey},
    keyring::Keyring,
    kid::{InvalidKid, Kid},
    license::{Format, License, NoClaims, StatusRef},
    time::UnixSeconds,
    unverified::UnverifiedToken,
    verifier::{DEFAULT_MAX_TOKEN_BYTES, LICENSE_AUDIENCE, Verifier, VerifierBuilder},
};
#[cfg(feature = "sign")]
pub use self::{
    issue::{ClaimsError, KeywardClaim, LicenseClaims, check_payload},
    key::SecretKey,
    signer::Signer,
};

mod base64url;
mod claims;
mod error;
#[cfg(feature = "sign")]
mod issue;
mod json;
mod jws;
mod key;
mod keyring;
mod kid;
mod license;
#[cfg(feature = "paseto")]
mod paseto;
#[cfg(feature = "sign")]
mod signer;
#[cfg(feature = "status-list")]
mod status;
mod time;
mod unverified;
mod verifier;
