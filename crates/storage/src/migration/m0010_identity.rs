//! What proves who someone is: confirmed sessions, links that went out by mail, and secrets that wait to be shown once.

pub(super) const STATEMENTS: &[&str] = &[
    // What forms are bound to while the cookie is renewed; of a session that was never renewed, its hash.
    "ALTER TABLE sessions ADD COLUMN form_key $BYTES",
    "ALTER TABLE sessions ADD COLUMN confirmed_at BIGINT",
    "ALTER TABLE links ADD COLUMN mailed BOOLEAN NOT NULL DEFAULT FALSE",
    // Of links made before, it is not known: they count as mailed, and end too early rather than too late.
    "UPDATE links SET mailed = TRUE",
    // Someone who went to the provider to confirm who they are, and the page to go on with.
    "ALTER TABLE departures ADD COLUMN session_id $UUID",
    "ALTER TABLE departures ADD COLUMN next_page TEXT",
    "CREATE INDEX departures_organization ON departures (organization_id)",
    // Sealed; shown once, on one page of one session.
    "CREATE TABLE shown_once (
        session_id $UUID NOT NULL,
        page TEXT NOT NULL,
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        sealed $BYTES NOT NULL,
        expires_at BIGINT NOT NULL,
        PRIMARY KEY (session_id, page)
    )",
    "CREATE INDEX shown_once_end ON shown_once (expires_at)",
];
