//! Asks over HTTP, and falls back on the last answer.

pub use self::builder::{ClientBuilder, NoCertificate, SetupError};
pub use self::client::Client;
pub use self::decision::{Decision, Fault, NetworkKind, Problem};
pub use self::keys::{KeySource, KeysError};
pub use self::lists::{Listed, Unlisted};

mod builder;
mod client;
mod decision;
pub(crate) mod file;
mod keys;
mod lists;
mod store;
mod task;
mod wire;
