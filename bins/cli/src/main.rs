//! keyward: verify, inspect and sign licenses, and manage a server.
fn main() {}
