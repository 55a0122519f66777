//! Test support: two databases, a clock and randomness in the test's hand, a vendor at work.
//!
//! ```text
//! keyward_testkit::databases! {
//!     async fn a_license_can_be_suspended(store: Store) { … }
//! }
//! ```
//! becomes two tests, one on SQLite and one on PostgreSQL. PostgreSQL is the server that
//! `KEYWARD_TEST_POSTGRES` names, which `cargo xtask test` starts; without it those tests fail.
#![allow(clippy::expect_used, reason = "in tests, what is missing should stop the test with its reason")]

pub mod authority;
pub mod database;
pub mod engine;

pub use engine::{TestClock, Vendor};

/// Makes two tests of each function: `sqlite` and `postgres`, in a module of the function's name.
#[macro_export]
macro_rules! databases {
    ($($(#[$attribute:meta])* async fn $name:ident($store:ident: Store) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $(#[$attribute])*
            async fn run($store: $crate::database::Store) $body

            #[test]
            fn sqlite() {
                $crate::database::on_sqlite(run);
            }

            #[test]
            fn postgres() {
                $crate::database::on_postgres(run);
            }
        }
    )+};
}
