//! The agent on a host with real engines.

mod apply;
