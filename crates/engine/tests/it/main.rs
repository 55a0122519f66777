//! The use-cases on both databases.
#![allow(clippy::unwrap_used, reason = "tests")]

mod alerts;
mod applications;
mod happenings;
mod keys;
mod licenses;
mod notices;
mod notifications;
mod once;
mod own_claims;
mod people;
mod providers;
mod registries;
mod rotation;
mod tokens;
mod visitors;
