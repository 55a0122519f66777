//! Under which addresses revisions were issued, found without reading them all.

pub(super) const STATEMENTS: &[&str] =
    &["CREATE INDEX revisions_issuers ON revisions (organization_id, issuer, expires_at)"];
