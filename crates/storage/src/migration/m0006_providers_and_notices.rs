//! Who vouches for members, and what is told of licenses that are about to end.

pub(super) const STATEMENTS: &[&str] = &[
    "CREATE TABLE sign_in_providers (
        organization_id $UUID PRIMARY KEY REFERENCES organizations (id),
        issuer TEXT NOT NULL,
        client_id TEXT NOT NULL,
        client_secret $BYTES NOT NULL,
        domain TEXT,
        exclusive BOOLEAN NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        version BIGINT NOT NULL
    )",
    // Someone on the way to a provider and back.
    "CREATE TABLE departures (
        state $BYTES PRIMARY KEY,
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        browser $BYTES NOT NULL,
        expires_at BIGINT NOT NULL
    )",
    "CREATE INDEX departures_end ON departures (expires_at)",
    "CREATE TABLE notices (
        organization_id $UUID PRIMARY KEY REFERENCES organizations (id),
        members BOOLEAN NOT NULL,
        customers BOOLEAN NOT NULL,
        days TEXT NOT NULL,
        checked_at BIGINT NOT NULL,
        digest_day BIGINT NOT NULL,
        version BIGINT NOT NULL
    )",
    "INSERT INTO notices (organization_id, members, customers, days, checked_at, digest_day, version)
        SELECT id, TRUE, FALSE, '[30,7]', 0, 0, 1 FROM organizations",
    "CREATE INDEX notices_next ON notices (checked_at)",
    // The shortest window of days in which the end of these terms was told.
    "ALTER TABLE revisions ADD COLUMN members_told BIGINT",
    "ALTER TABLE revisions ADD COLUMN customer_told BIGINT",
    "CREATE INDEX revisions_end ON revisions (organization_id, expires_at) WHERE state = 'current' AND expires_at IS NOT NULL",
];
