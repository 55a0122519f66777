//! Verify Keyward license tokens offline.
//!
//! A software vendor issues licenses as signed tokens; the software that runs on the customer's machine checks them
//! with this crate, without asking anybody. It reads no clock, file, socket or environment, allocates little, contains
//! no `unsafe`, and panics on no input.
//!
//! ```
//! use keyward_token::{Keyring, License, UnixSeconds, Verifier, pasted};
//!
//! #[derive(serde::Deserialize)]
//! struct Terms {
//!     seats: u32,
//! }
//!
//! # const PRODUCT: &str = "0192f0c1-7a00-7000-8000-00000000000b";
//! # const JWKS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw"}]}"#;
//! # const TOKEN: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6Ii0tNklNNWwwT29zTGo5eVdza0lTWWhVQTNuXzNDVVJRa21yWU1TaGFfY2sifQ.eyJhdWQiOlsibGljZW5zZS1rZXkiXSwia2V5d2FyZCI6eyJ2IjoxLCJvcmciOiIwMTkyZjBjMS03YTAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMGEiLCJjdXN0b21lciI6bnVsbCwicHJvZHVjdCI6IjAxOTJmMGMxLTdhMDAtNzAwMC04MDAwLTAwMDAwMDAwMDAwYiIsInJlZ2lzdHJ5IjpbXX0sInNlYXRzIjoyNSwicGxhbiI6InBybyIsImJpZyI6MTIzNDU2Nzg5MDEyMzQ1Njc4OTB9.yVckg7fPjSDI4mo2sMbk17tQTQ4lZISu6_BOHqkIwOdec4pocBcN-fSU3UejjYjfl2GvRWsDaCiP9jVeIj3pBg";
//! let verifier = Verifier::for_product(PRODUCT).keys(Keyring::from_jwks(JWKS)?).build();
//! let now = UnixSeconds::from(std::time::UNIX_EPOCH.elapsed()?);
//! # let now = UnixSeconds::new(1_810_000_000);
//! let license: License<Terms> = verifier.verify(&pasted(TOKEN), now)?;
//! assert_eq!(license.claims().seats, 25);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How the types relate
//!
//! ```text
//! PublicKey ──► Keyring ──► Verifier ──verify(token, now)──► License<C> ──health(now)──► Health
//!                  │            └─────authenticate(token)──► AuthenticLicense ──health(now)──► Health
//!                  └──────► StatusListVerifier ──check(lists, license, now)──► StatusList, or a refusal
//! ClockFloor ──observe(now, ran)──► Clock                                  (feature `clock-floor`)
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
//! | `clock-floor` | `ClockFloor`: a clock that was set back is noticed | 1.85 |
//! | `prepared` | keys that are prepared once verify in two thirds of the time | 1.85 |
//! | `paseto` | PASETO `v4.public` in the same [`Verifier`] and `Signer` | 1.89 |
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
//!         Err(VerifyError::WrongProduct { .. }) => "your license is for another product of ours".into(),
//!         // Says so if it is a license key, a key, or a token with a line end.
//!         Err(error) => format!("{error} ({})", error.code()),
//!     }
//! }
//! ```
//!
//! **Read a token from a file, a variable or a form.** A file ends with a newline, an editor writes a byte order mark, a
//! mail folds lines: `verifier.verify(&pasted(&text), now)`. [`pasted`] removes what copying adds, and nothing else; the
//! verifier itself refuses whatever is not the token, byte for byte. Keys are read that way by themselves.
//!
//! **Choose the product.** All products of a vendor have the same keys and the same audience, so
//! [`Verifier::for_product`] names the one that the application is. Editions that are products of their own:
//! [`or_product`](VerifierBuilder::or_product). A license that you made with a payload of your own is for no product:
//! [`or_without_product`](VerifierBuilder::or_without_product) accepts it, in every application that says so.
//!
//! **Follow a key rotation.** Ship the JWK Set instead of one PEM; a token names its key. A new key is published before it
//! signs. Whoever can fetch or read the set again does so when a key is unknown, once, and not more often than every few
//! minutes, since anybody can write a token with an unknown key:
//!
//! ```
//! # use keyward_token::{Keyring, License, NoClaims, UnixSeconds, Verifier, VerifyError};
//! use std::{error::Error, fs, path::Path};
//!
//! fn verifier(jwks: &Path) -> Result<Verifier, Box<dyn Error>> {
//!     let keys = Keyring::from_jwks(&fs::read_to_string(jwks)?)?;
//!     Ok(Verifier::for_product("0192f0c1-7a00-7000-8000-00000000000b").keys(keys).build())
//! }
//!
//! /// The file is replaced by an update of the application; keep the verifier that it leads to.
//! fn verify(
//!     current: &mut Verifier,
//!     jwks: &Path,
//!     token: &str,
//!     now: UnixSeconds,
//! ) -> Result<License<NoClaims>, Box<dyn Error>> {
//!     match current.verify(token, now) {
//!         Err(VerifyError::UnknownKey { .. }) => {
//!             *current = verifier(jwks)?;
//!             Ok(current.verify(token, now)?)
//!         }
//!         judged => Ok(judged?),
//!     }
//! }
//! ```
//!
//! The set must come from the vendor, over TLS or with the application: whoever writes it writes licenses. A key that is gone
//! from it was revoked, and so are its tokens.
//!
//! **Verify without allocation.** Keep a buffer, borrow the claims from it:
//!
//! ```
//! # use keyward_token::{Keyring, License, UnixSeconds, Verifier};
//! #[derive(serde::Deserialize)]
//! struct Terms<'a> {
//!     plan: &'a str,
//! }
//!
//! # const PRODUCT: &str = "0192f0c1-7a00-7000-8000-00000000000b";
//! # const JWKS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw"}]}"#;
//! # const TOKEN: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6Ii0tNklNNWwwT29zTGo5eVdza0lTWWhVQTNuXzNDVVJRa21yWU1TaGFfY2sifQ.eyJhdWQiOlsibGljZW5zZS1rZXkiXSwia2V5d2FyZCI6eyJ2IjoxLCJvcmciOiIwMTkyZjBjMS03YTAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMGEiLCJjdXN0b21lciI6bnVsbCwicHJvZHVjdCI6IjAxOTJmMGMxLTdhMDAtNzAwMC04MDAwLTAwMDAwMDAwMDAwYiIsInJlZ2lzdHJ5IjpbXX0sInNlYXRzIjoyNSwicGxhbiI6InBybyIsImJpZyI6MTIzNDU2Nzg5MDEyMzQ1Njc4OTB9.yVckg7fPjSDI4mo2sMbk17tQTQ4lZISu6_BOHqkIwOdec4pocBcN-fSU3UejjYjfl2GvRWsDaCiP9jVeIj3pBg";
//! # let verifier = Verifier::for_product(PRODUCT).keys(Keyring::from_jwks(JWKS)?).build();
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
//! **See the end before it comes.** A license has two ends: the one of the contract, and the one after its grace, until which it
//! is valid. `license.health(now)` says whether the first is near or over, and when that changes; the application warns,
//! and goes on. A license that has ended is no [`License`], and its health is that of an [`AuthenticLicense`]. See [`Health`].
//!
//! **Sign.** With the feature `sign`, see `Signer`. The payload keeps its order and its digits.
//!
//! **Honour revocation.** With the feature `status-list`, see `StatusList`: `lists.check(text, &license, now)?` refuses
//! whatever the list does not clear.
//!
//! **Verify for long.** A server prepares its keys once, with the feature `prepared`: `keys.prepared()` takes 430 KiB a key,
//! and each verification two thirds of the time, with the same verdicts.
//!
//! **Notice a clock that was set back.** With the feature `clock-floor`, see `ClockFloor`.
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

#[cfg(feature = "audit")]
pub use self::audit::{AuditCheckpoint, MAX_CHECKPOINT_BYTES};
#[cfg(feature = "clock-floor")]
pub use self::clock::{Clock, ClockFloor, ClockFloorError};
#[cfg(feature = "status-list")]
pub use self::status::{
    DEFAULT_MAX_LIST_BYTES, DEFAULT_MAX_LIST_TOKEN_BYTES, Status, StatusError, StatusList,
    StatusListVerifier, StatusListVerifierBuilder, StatusTable,
};
pub use self::{
    authentic::AuthenticLicense,
    bounds::{DEFAULT_MAX_TOKEN_BYTES, MAX_DEPTH, MAX_PAYLOAD_BYTES},
    claims::{CLAIMS_VERSION, RESERVED_CLAIMS},
    error::{ClaimsMismatch, Defect, Part, VerifyError},
    health::{DEFAULT_WARNING_DAYS, Health, HealthCheck, HealthState, UnknownStatus},
    key::{BadSignature, KeyError, PublicKey},
    keyring::Keyring,
    kid::{InvalidKid, Kid},
    license::{Format, License, NoClaims, StatusRef},
    mistaken::Mistaken,
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

/// The examples in the READMEs and in the guide compile.
#[cfg(doctest)]
mod readme {
    #[doc = include_str!("../README.md")]
    mod of_the_crate {}
    #[doc = include_str!("../../../README.md")]
    mod of_the_project {}
    #[cfg(all(feature = "status-list", feature = "clock-floor"))]
    #[doc = include_str!("../../../docs/guides/verifying.md")]
    mod guide {}
}

#[cfg(feature = "audit")]
mod audit;
mod authentic;
mod base64url;
mod bounds;
mod caller;
mod claims;
#[cfg(feature = "clock-floor")]
mod clock;
mod error;
mod health;
#[cfg(feature = "sign")]
mod issue;
mod json;
mod jws;
mod key;
mod keyring;
mod kid;
mod license;
mod mistaken;
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
