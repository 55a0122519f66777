//! The agent on a host with real engines.
#![allow(clippy::unwrap_used, reason = "tests")]

mod apply;
