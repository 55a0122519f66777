//! Brings deployments about on a customer's host, or looks at what runs there.
//!
//! The agent only ever asks: it listens on no port, runs no shell, and does nothing that its server has not signed.
//!
//! | to find | look in |
//! |---|---|
//! | what the customer says (`agent.toml`) | [`config`] |
//! | where things are kept, and how | [`paths`], [`disk`] |
//! | how the container engine is asked | [`engine`] |
//! | who this agent is, with its keys | [`identity`] |
//! | how the server is asked | [`server`] |
//! | what the server has not been told yet | [`outbox`] |
//! | the whole of an agent's life | [`run`] |
//! | what a witness sees | [`witness`] |
//! | what the host is, and its Docker Compose | [`facts`], [`compose_program`] |
//! | how an order is brought about | [`apply`] |
//! | how secrets are taken out of what leaves the host | [`redact`] |
//! | what the two halves of an agent ask of each other | [`deployer`] |

pub mod apply;
pub mod clock;
pub mod compose_program;
pub mod config;
pub mod deployer;
pub mod disk;
pub mod engine;
pub mod facts;
pub mod identity;
pub mod outbox;
pub mod paths;
pub mod redact;
pub mod run;
pub mod server;
pub mod witness;

pub use keyward_protocol as protocol;
