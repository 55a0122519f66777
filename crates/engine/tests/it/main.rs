//! The use-cases on both databases.

mod keys;
mod licenses;
mod once;
mod people;
mod tokens;
