//! The API over HTTP, on both databases.
#![allow(clippy::unwrap_used, reason = "tests")]

mod agents;
mod alerts;
mod applications;
mod audit_events;
mod audit_log;
mod authority;
mod client;
mod concurrency;
mod contract;
mod documents;
mod ends;
mod licenses;
mod own_deployments;
mod products;
mod refusals;
mod registry_keys;
mod tenants;
mod texts_and_times;
mod validation;
