//! Passwords, sessions and links of people, and mail on its way.

pub(super) const STATEMENTS: &[&str] = &[
    // Argon2id, in PHC form.
    "ALTER TABLE members ADD COLUMN password TEXT",
    // The sealed secret of an authenticator app, the last code taken, and hashes of recovery codes.
    "ALTER TABLE members ADD COLUMN authenticator $BYTES",
    "ALTER TABLE members ADD COLUMN last_step BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE members ADD COLUMN recovery TEXT NOT NULL DEFAULT '[]'",
    "CREATE INDEX members_sign_in ON members (email)",
    "CREATE INDEX customers_sign_in ON customers (email) WHERE deleted_at IS NULL",
    "CREATE TABLE sessions (
        id $UUID PRIMARY KEY,
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        holder TEXT NOT NULL CHECK (holder IN ('member', 'customer', 'onboarding')),
        holder_id $UUID NOT NULL,
        hash $BYTES NOT NULL,
        address TEXT NOT NULL,
        user_agent TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        last_seen_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL
    )",
    "CREATE UNIQUE INDEX sessions_hash ON sessions (hash)",
    "CREATE INDEX sessions_holder ON sessions (organization_id, holder_id)",
    "CREATE INDEX sessions_end ON sessions (expires_at)",
    "CREATE TABLE links (
        id $UUID PRIMARY KEY,
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        purpose TEXT NOT NULL CHECK (purpose IN ('invitation', 'password_reset', 'customer_sign_in', 'onboarding')),
        target $UUID NOT NULL,
        hash $BYTES NOT NULL,
        created_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        used_at BIGINT
    )",
    "CREATE UNIQUE INDEX links_hash ON links (hash)",
    "CREATE INDEX links_target ON links (organization_id, target)",
    "CREATE TABLE mails (
        id $UUID PRIMARY KEY,
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        recipient TEXT NOT NULL,
        subject TEXT NOT NULL,
        body TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        due_at BIGINT NOT NULL,
        attempts BIGINT NOT NULL
    )",
    "CREATE INDEX mails_due ON mails (due_at)",
];
