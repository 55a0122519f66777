//! What the dashboard counts is read from indexes alone.

pub(super) const STATEMENTS: &[&str] = &[
    "DROP INDEX revisions_end",
    "CREATE INDEX revisions_end ON revisions (organization_id, expires_at, not_before, license_id) WHERE state = 'current'",
    "CREATE INDEX licenses_out ON licenses (organization_id, id) WHERE state <> 'active' OR deleted_at IS NOT NULL",
];
