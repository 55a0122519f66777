//! Failed sign-ins and mails are counted for all servers together, mails are sealed while they wait, and license keys
//! leave the names and texts they had got into.

/// A license key as people read it, put together from its column: groups of five.
macro_rules! written_key {
    () => {
        "substr(l.license_key, 1, 5) || '-' || substr(l.license_key, 6, 5) || '-' || substr(l.license_key, 11, 5) \
         || '-' || substr(l.license_key, 16, 5) || '-' || substr(l.license_key, 21, 5)"
    };
}

/// What stands in its place: the last two groups, by which two keys of a vendor hardly ever agree.
macro_rules! hint {
    () => {
        "substr(l.license_key, 16, 5) || '-' || substr(l.license_key, 21, 5)"
    };
}

pub(super) const STATEMENTS: &[&str] = &[
    "CREATE TABLE sign_in_attempts (
        account $BYTES PRIMARY KEY,
        since BIGINT NOT NULL,
        strangers BIGINT NOT NULL,
        codes BIGINT NOT NULL,
        waiting_until BIGINT NOT NULL,
        sources TEXT NOT NULL
    )",
    "CREATE INDEX sign_in_attempts_age ON sign_in_attempts (since)",
    // What is counted: an organization's mails and notices, its mails to one recipient, those that one has asked for.
    "CREATE TABLE mail_counts (
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        kind TEXT NOT NULL CHECK (kind IN ('organization', 'notices', 'recipient', 'request')),
        recipient $BYTES NOT NULL,
        since BIGINT NOT NULL,
        used BIGINT NOT NULL,
        PRIMARY KEY (organization_id, kind, recipient)
    )",
    "CREATE INDEX mail_counts_age ON mail_counts (since)",
    // Mails that were on their way stay as they are until they are handed over.
    "ALTER TABLE mails ADD COLUMN sealed $BYTES",
    concat!(
        "UPDATE audit_events SET detail = replace(detail, ",
        written_key!(),
        ", ",
        hint!(),
        ")
         FROM licenses AS l
         WHERE l.license_key IS NOT NULL AND audit_events.target = l.id"
    ),
    concat!(
        "UPDATE audit_events SET detail = replace(detail, ",
        written_key!(),
        ", ",
        hint!(),
        ")
         FROM licenses AS l, links AS k
         WHERE l.license_key IS NOT NULL AND k.target = l.id AND audit_events.target = k.id"
    ),
    concat!(
        "UPDATE outbox SET payload = replace(payload, ",
        written_key!(),
        ", ",
        hint!(),
        ")
         FROM licenses AS l, audit_events AS e
         WHERE l.license_key IS NOT NULL AND e.target = l.id AND outbox.id = e.id"
    ),
    concat!(
        "UPDATE outbox SET payload = replace(payload, ",
        written_key!(),
        ", ",
        hint!(),
        ")
         FROM licenses AS l, links AS k, audit_events AS e
         WHERE l.license_key IS NOT NULL AND k.target = l.id AND e.target = k.id AND outbox.id = e.id"
    ),
    concat!(
        "UPDATE licenses SET name = replace(licenses.name, ",
        written_key!(),
        ", ",
        hint!(),
        ")
         FROM licenses AS l
         WHERE l.license_key IS NOT NULL AND l.id = licenses.id"
    ),
];
