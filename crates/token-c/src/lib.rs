//! The checks of `keyward-token` for C, and for whatever calls C: [`include/keyward.h`](../include/keyward.h) is made of this crate.
//!
//! What is written there for C holds here: a function that may refuse returns a code, or null if it does not; texts are pointer and
//! length; a handle is freed by the function of its name, once. No function keeps what it is given. Handles other than clock floors
//! and builders may be used by several threads at once.
//!
//! This is the one crate with `unsafe`. It holds no rule of its own: every function reads its arguments, asks the two crates below, and
//! hands over what they say. A panic, which none of them has, would come out as the code `internal_error`.

mod answer;
mod boundary;
mod clock;
mod codes;
mod health;
mod keys;
mod license;
mod lists;
mod verifier;

pub use self::{
    answer::{KeywardAnswer, KeywardQuestion},
    boundary::{KeywardCode, KeywardText},
    clock::KeywardClockFloor,
    health::{KeywardHealth, KeywardHealthCheck},
    keys::KeywardKeys,
    license::KeywardLicense,
    lists::{KeywardListOptions, KeywardStatusList},
    verifier::{KeywardVerifier, KeywardVerifierBuilder},
};

/// An instant that does not come: the end of a license without end.
pub const KEYWARD_NEVER: i64 = i64::MAX;
