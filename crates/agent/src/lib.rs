//! Brings deployments about on a customer's host, or looks at what runs there.
//!
//! The agent only ever asks: it listens on no port, runs no shell, and does nothing that its server has not signed.
//!
//! | to find | look in |
//! |---|---|
//! | what the customer says (`agent.toml`) | [`config`] |
//! | where things are kept, and how | [`paths`], [`disk`] |
//! | how the container engine is asked | [`engine`] |
//! | what the two halves of an agent ask of each other | [`deployer`] |

pub mod config;
pub mod deployer;
pub mod disk;
pub mod engine;
pub mod paths;
