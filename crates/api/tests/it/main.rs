//! The API over HTTP, on both databases.
#![allow(clippy::unwrap_used, reason = "tests")]

mod client;
mod concurrency;
mod documents;
mod licenses;
mod refusals;
mod tenants;
