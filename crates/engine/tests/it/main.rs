//! The use-cases on both databases.
#![allow(clippy::unwrap_used, reason = "tests")]

mod access_events;
mod addresses;
mod addresses_of_people;
mod alerts;
mod applications;
mod attempts;
mod audit_chain;
mod buckets;
mod changes;
mod clocks;
mod deletion;
mod embedding;
mod erasure;
mod grace;
mod identity;
mod jobs;
mod keys;
mod licenses;
mod mails;
mod moved;
mod notices;
mod notifications;
mod once;
mod own_claims;
mod own_rows;
mod people;
mod providers;
mod registries;
mod rotation;
mod secrets;
mod sessions;
mod shares;
mod tokens;
mod views;
mod webhooks;
