//! The agent of Keyward on a customer's host.

fn main() {}
