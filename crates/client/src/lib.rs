#![doc = include_str!("../README.md")]
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

pub use self::answer::{Answer, Status};
#[cfg(feature = "http")]
pub use self::http::{
    Client, ClientBuilder, Decision, Fault, KeySource, KeysError, Listed, NetworkKind, NoCertificate,
    Problem, SetupError, Unlisted,
};
pub use self::kept::{Kept, KeptFileError, Lapsed};
pub use self::question::{Machine, Question};
pub use self::verifier::{Untrusted, Verifier};
pub use keyward_token::{
    Health, HealthState, KeyError, Keyring, License, NoClaims, PublicKey, UnixSeconds, VerifyError, pasted,
};
#[cfg(feature = "http")]
pub use keyward_token::{StatusError, StatusList};
#[cfg(feature = "http")]
pub use rustls::crypto::CryptoProvider;

#[cfg(feature = "test-kit")]
pub mod test_kit;

/// The recipes of the guide compile.
#[cfg(all(doctest, feature = "http"))]
#[doc = include_str!("../../../docs/guides/checking.md")]
mod recipes {}

mod answer;
#[cfg(feature = "http")]
mod http;
mod json;
mod kept;
mod question;
mod verifier;
