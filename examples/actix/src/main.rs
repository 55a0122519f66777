//! A web service gated by a license.
fn main() {}
