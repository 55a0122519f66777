//! How the commands of the engine are read from requests and forms: one shape each, from the wire to the use-case.
//!
//! A file for each noun. What is read here is what the OpenAPI document says; see [`request!`](crate::request!).

mod application;
mod audit_sink;
mod customer;
mod customer_user;
mod deployment;
mod entitlement;
mod license;
mod member;
mod organization;
mod overlap;
mod page;
mod product;
mod registry;
mod signing_key;
mod token;
mod webhook;

pub use deployment::RenameTarget;
pub use overlap::Overlap;
