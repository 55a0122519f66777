//! Brings deployments about on a customer's host, or looks at what runs there.

pub mod deployer;
