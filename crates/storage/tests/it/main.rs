//! Storage on both databases.

mod concurrency;
mod fixtures;
mod lists;
mod round_trips;
mod schema;
mod scopes;
