//! Since when the lifetimes of registry keys count, of which ends it was told, and how many days before.

pub(super) const STATEMENTS: &[&str] = &[
    "ALTER TABLE registry_keys ADD COLUMN lives_since BIGINT",
    "ALTER TABLE registry_keys ADD COLUMN told_end BIGINT",
    "ALTER TABLE registry_keys ADD COLUMN told_days BIGINT",
    "CREATE INDEX registry_keys_end ON registry_keys (organization_id, expires_at)",
];
