//! The use-cases on both databases.
#![allow(clippy::unwrap_used, reason = "tests")]

mod alerts;
mod applications;
mod happenings;
mod identity;
mod keys;
mod licenses;
mod notices;
mod notifications;
mod once;
mod people;
mod providers;
mod registries;
mod rotation;
mod tokens;
mod visitors;
