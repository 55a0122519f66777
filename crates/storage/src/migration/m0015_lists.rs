//! What lists, searches and counts over all of an organization go along.

pub(super) const STATEMENTS: &[&str] = &[
    // With those that were deleted, whose licenses are still listed.
    "CREATE INDEX customers_all ON customers (organization_id, id)",
    // What counting by status reads of the terms in force, so that the rows themselves stay closed.
    "CREATE INDEX revisions_terms ON revisions (license_id, not_before, expires_at) WHERE state = 'current'",
    "CREATE INDEX licenses_held ON licenses (organization_id, customer_id, id) WHERE deleted_at IS NULL",
    "CREATE INDEX members_list ON members (organization_id, id)",
    "CREATE INDEX artifacts_list ON artifacts (organization_id, id)",
    "CREATE INDEX artifacts_registry ON artifacts (registry_id, id)",
    "CREATE INDEX artifact_entitlements_list ON artifact_entitlements (organization_id, id)",
    "CREATE INDEX registry_keys_list ON registry_keys (organization_id, id)",
    "CREATE INDEX application_entitlements_versions ON application_entitlements (application_id, id)",
];
