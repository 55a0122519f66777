//! What is about a manifest is listed with its type and annotations, for as long as it is there.

pub(super) const STATEMENTS: &[&str] = &[
    // Absent in what was read before: it is read again when it is listed.
    "ALTER TABLE artifact_manifests ADD COLUMN annotations TEXT",
    "ALTER TABLE artifact_manifests ADD COLUMN artifact_type TEXT",
    "ALTER TABLE artifact_manifests ADD COLUMN gone_at BIGINT",
];
