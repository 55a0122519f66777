//! The agent beside a server of its protocol, and on a host with real engines.
#![allow(clippy::unwrap_used, reason = "tests")]

mod answers;
mod apply;
mod host;
mod join;
mod life;
mod outbox;
mod process;
mod proxy;
mod rotation;
mod server;
mod witness;
