//! The token format as a program outside of the crate sees it.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

mod clock;
mod differential;
mod domains;
mod health;
mod hostile;
mod license;
mod properties;
mod readme;
mod signature;
mod status_list;
mod tree;
mod vectors;
