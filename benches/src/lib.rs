//! The same work done by Keyward and by what a user would pick instead.
//!
//! Each [`Candidate`] does one thing to the one token of [`fixture`]. `benches/tokens.rs` gives them to
//! criterion; `benches/table.rs` runs them in turn, round by round, and prints ratios and allocations.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that can't be set up should stop")]

pub mod fixture;
pub mod jsonwebtoken_backend;
pub mod refuse;
pub mod sign;
pub mod verify;

/// One way to do the work of its group.
pub struct Candidate {
    /// As it stands in tables.
    pub name: &'static str,
    /// Does it once; whether it went as expected.
    pub run: Box<dyn FnMut() -> bool>,
}

impl Candidate {
    fn new(name: &'static str, run: impl FnMut() -> bool + 'static) -> Self {
        let mut candidate = Self { name, run: Box::new(run) };
        assert!((candidate.run)(), "{name} does not do its work");
        candidate
    }
}
