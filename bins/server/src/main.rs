//! Keyward's server.
fn main() {}
