//! What the upstreams of registries tell, and where to look because of it.

pub(super) const STATEMENTS: &[&str] = &[
    "CREATE TABLE registry_notifications (
        registry_id $UUID PRIMARY KEY REFERENCES registries (id),
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        hash $BYTES NOT NULL,
        hint TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        heard_at BIGINT
    )",
    "CREATE UNIQUE INDEX registry_notifications_hash ON registry_notifications (hash)",
    // An empty tag is for any of the repository's.
    "CREATE TABLE registry_hints (
        id $UUID PRIMARY KEY,
        registry_id $UUID NOT NULL REFERENCES registries (id),
        repository TEXT NOT NULL,
        tag TEXT NOT NULL,
        noted_at BIGINT NOT NULL,
        due_at BIGINT NOT NULL
    )",
    "CREATE UNIQUE INDEX registry_hints_place ON registry_hints (registry_id, repository, tag)",
    "CREATE INDEX registry_hints_due ON registry_hints (due_at)",
    // When someone last wanted all of one to be looked at, and why the last look came to nothing.
    "ALTER TABLE registries ADD COLUMN wanted_at BIGINT",
    "ALTER TABLE registries ADD COLUMN sweep_fault TEXT",
    // For the log of one key or one customer.
    "CREATE INDEX registry_events_key_id ON registry_events (key_id, id)",
    "CREATE INDEX registry_events_customer_id ON registry_events (customer_id, id)",
];
