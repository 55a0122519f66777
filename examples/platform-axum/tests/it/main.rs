//! The service as it runs.
#![allow(clippy::unwrap_used, reason = "tests")]

mod shop;

const PROGRAM: &str = env!("CARGO_BIN_EXE_example-platform-axum");
