//! Speaks to the server: every request signed, and no answer believed that the vendor has not signed for it.

pub use self::address::{Address, AddressError};
pub use self::client::{Known, OpenError, Server};
pub use self::connection::{ConnectionError, connect};
pub use self::exchange::{Answered, AskError, Problem, Unsigned};
pub(crate) use self::files::hex;
pub use self::join::{Join, JoinError, forget};

mod address;
mod client;
mod connection;
mod exchange;
mod files;
mod join;
mod rotation;
