//! Verify Keyward license tokens offline.
//!
//! A software vendor issues licenses as signed tokens; the software that runs on the customer's machine checks them
//! with this crate, without asking anybody. It reads no clock, file, socket or environment, allocates little, contains
//! no `unsafe`, and panics on no input.
//!
//! ```
//! use keyward_token::{License, PublicKey, UnixSeconds, Verifier};
//!
//! #[derive(serde::Deserialize)]
//! struct Terms {
//!     seats: u32,
//! }
//!
//! # const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=\n-----END PUBLIC KEY-----\n";
//! # const TOKEN: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6Ii0tNklNNWwwT29zTGo5eVdza0lTWWhVQTNuXzNDVVJRa21yWU1TaGFfY2sifQ.eyJhdWQiOiJsaWNlbnNlLWtleSIsInNlYXRzIjoyNSwicGxhbiI6InBybyIsImJpZyI6MTIzNDU2Nzg5MDEyMzQ1Njc4OTB9.1KuiAw8fZQ5hddi7SZ7NWqiX-DJCnflpIOcEdQxKhsHF_d7rL6HuZSFuj0JeufX65YKC_ZCVYXfIIWs4bHEFDQ";
//! let verifier = Verifier::builder().key(PublicKey::from_pem(PEM)?).build();
//! let now = UnixSeconds::from(std::time::UNIX_EPOCH.elapsed()?);
//! # let now = UnixSeconds::new(1_810_000_000);
//! let license: License<Terms> = verifier.verify(TOKEN, now)?;
//! assert_eq!(license.claims().seats, 25);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How the types relate
//!
//! ```text
//! PublicKey ──► Keyring ──► Verifier ──verify(token, now)──► License<C> ──► StatusList::check
//!                  └──────► StatusListVerifier ──verify──────────────────────┘
//! SecretKey ──► Signer ◄── LicenseClaims                                   (feature `sign`)
//! ```
//!
//! Trust is a type: text becomes a [`License`] by [`Verifier::verify`] alone, and only a license shows claims.
//! [`UnverifiedToken`] shows no more than format and key. A refusal is a [`VerifyError`] that names its rule; its
//! [`code`](VerifyError::code) is stable.
//!
//! | feature | what it adds | MSRV |
//! |---|---|---|
//! | (none) | verify JWT; keys as PEM, JWK, JWKS, PASERK | 1.85 |
//! | `sign` | `SecretKey`, `Signer`, `LicenseClaims` | 1.85 |
//! | `status-list` | `StatusList`: revocation for offline verifiers | 1.85 |
//! | `paseto` | PASETO `v4.public` in the same [`Verifier`] and `Signer` | 1.88 |
//!
//! # Cookbook
//!
//! **Tell the user why.** Branch on the error:
//!
//! ```
//! use keyward_token::{NoClaims, UnixSeconds, Verifier, VerifyError};
//!
//! fn explain(verifier: &Verifier, token: &str, now: UnixSeconds) -> String {
//!     match verifier.verify::<NoClaims>(token, now) {
//!         Ok(_) => "licensed".into(),
//!         Err(VerifyError::Expired { since }) => format!("your license has expired at {since}: please renew"),
//!         Err(VerifyError::NotYetValid { until }) => format!("your license begins at {until}"),
//!         Err(error) => format!("this is no license of ours ({})", error.code()),
//!     }
//! }
//! ```
//!
//! **Read a token from a file, a variable or a form.** A file ends with a newline, an editor writes a byte order mark, a
//! mail folds lines: `verifier.verify(&pasted(&text), now)`. [`pasted`] removes what copying adds, and nothing else; the
//! verifier itself refuses whatever is not the token, byte for byte. Keys are read that way by themselves.
//!
//! **Follow a key rotation.** Ship the JWK Set instead of one PEM; the token names its key:
//! `Verifier::builder().keys(Keyring::from_jwks(json)?)`.
//!
//! **Verify without allocation.** Keep a buffer, borrow the claims from it:
//!
//! ```
//! # use keyward_token::{License, PublicKey, UnixSeconds, Verifier};
//! #[derive(serde::Deserialize)]
//! struct Terms<'a> {
//!     plan: &'a str,
//! }
//!
//! # const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=\n-----END PUBLIC KEY-----\n";
//! # const TOKEN: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6Ii0tNklNNWwwT29zTGo5eVdza0lTWWhVQTNuXzNDVVJRa21yWU1TaGFfY2sifQ.eyJhdWQiOiJsaWNlbnNlLWtleSIsInNlYXRzIjoyNSwicGxhbiI6InBybyIsImJpZyI6MTIzNDU2Nzg5MDEyMzQ1Njc4OTB9.1KuiAw8fZQ5hddi7SZ7NWqiX-DJCnflpIOcEdQxKhsHF_d7rL6HuZSFuj0JeufX65YKC_ZCVYXfIIWs4bHEFDQ";
//! # let verifier = Verifier::builder().key(PublicKey::from_pem(PEM)?).build();
//! # let now = UnixSeconds::new(1_810_000_000);
//! let mut buffer = Vec::with_capacity(4096);
//! let license: License<Terms<'_>, &str> = verifier.verify_into(&mut buffer, TOKEN, now)?;
//! assert_eq!(license.claims().plan, "pro");
//! assert_eq!(license.claim("big"), Some("12345678901234567890")); // every digit, whatever C makes of it
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A number that no type holds goes into `C` as `Box<serde_json::value::RawValue>` (serde_json's feature `raw_value`).
//!
//! **Sign.** With the feature `sign`, see `Signer`. The payload keeps its order and its digits.
//!
//! **Honour revocation.** With the feature `status-list`, see `StatusList`.
//!
//! # Rationale
//!
//! Claims text is scanned by the crate itself before serde sees it: serde cannot refuse duplicate names in a caller's
//! type, and its number types round. The signature check is dalek's `verify` behind two comparisons that give it the
//! verdict of `verify_strict` without that function's second decompression; tests hold the two together on thousands
//! of crafted signatures. The PASETO framing is that of pasetors, but its signatures go through the same check, so that
//! both formats give one verdict.
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
    bounds::{DEFAULT_MAX_TOKEN_BYTES, MAX_DEPTH, MAX_PAYLOAD_BYTES},
    claims::{CLAIMS_VERSION, RESERVED_CLAIMS},
    error::{ClaimsMismatch, Defect, Part, VerifyError},
    key::{BadSignature, KeyError, PublicKey},
    keyring::Keyring,
    kid::{InvalidKid, Kid},
    license::{Format, License, NoClaims, StatusRef},
    pasted::pasted,
    time::UnixSeconds,
    unverified::UnverifiedToken,
    verifier::{LICENSE_AUDIENCE, Verifier, VerifierBuilder},
};
#[cfg(feature = "sign")]
pub use self::{
    issue::{ClaimsError, KeywardClaim, LicenseClaims, check_payload},
    key::SecretKey,
    signer::Signer,
};

/// The example in the README compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod base64url;
mod bounds;
mod caller;
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
mod pasted;
#[cfg(feature = "sign")]
mod signer;
#[cfg(feature = "status-list")]
mod status;
mod time;
mod unverified;
mod verifier;
