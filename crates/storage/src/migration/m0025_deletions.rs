//! Organizations that are to be deleted, and those that were: their slugs are not given again.

pub(super) const STATEMENTS: &[&str] = &[
    // Without a foreign key: it outlives its organization.
    "CREATE TABLE deletions (
        organization_id $UUID PRIMARY KEY,
        slug TEXT NOT NULL,
        requested_at BIGINT NOT NULL,
        due_at BIGINT NOT NULL,
        begun_at BIGINT,
        finished_at BIGINT
    )",
    "CREATE INDEX deletions_slug ON deletions (slug)",
    "CREATE INDEX deletions_due ON deletions (due_at) WHERE finished_at IS NULL",
    // By which all of one organization is found.
    "CREATE INDEX outbox_organization ON outbox (organization_id)",
    "CREATE INDEX artifact_entitlements_holder ON artifact_entitlements (customer_id)",
];
