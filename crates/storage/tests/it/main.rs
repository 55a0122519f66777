//! Storage on both databases.
#![allow(clippy::unwrap_used, reason = "tests")]

mod applications;
mod beside;
mod concurrency;
mod dump;
mod fixtures;
mod jobs;
mod lists;
mod orders;
mod products;
mod round_trips;
mod schema;
mod scopes;
mod search;
mod upgrades;
