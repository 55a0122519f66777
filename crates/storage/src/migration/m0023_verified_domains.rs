//! Domains of whose addresses a sign-in provider need not say that it has verified them.

pub(super) const STATEMENTS: &[&str] =
    &["ALTER TABLE sign_in_providers ADD COLUMN verified_domains TEXT NOT NULL DEFAULT ''"];
