//! A command-line tool gated by a license.
fn main() {}
