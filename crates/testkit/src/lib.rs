//! Test support: two databases, a clock and randomness in the test's hand, a vendor at work.
//!
//! ```text
//! #[database_test]
//! async fn a_license_can_be_suspended(store: Store) { … }
//! ```
//! becomes two tests, one on SQLite and one on PostgreSQL, which does nothing where there is no server: see [`database`].
#![allow(clippy::expect_used, reason = "in tests, what is missing should stop the test with its reason")]

pub mod database;
pub mod deployment;
pub mod engine;
pub mod not_run;
pub mod promtool;
pub mod receiver;

pub use engine::{TestClock, Vendor};
pub use keyward_testkit_macros::database_test;
