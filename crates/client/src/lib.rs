#![doc = include_str!("../README.md")]

mod answer;
#[cfg(feature = "http")]
mod http;
mod kept;

pub use answer::{Answer, Question, Untrusted, Verifier};
#[cfg(feature = "http")]
pub use http::{Client, ClientBuilder, Decision, Fault, NoCertificate};
pub use kept::{Kept, Lapsed};
pub use keyward_token::{KeyError, Keyring, PublicKey, UnixSeconds, pasted};
