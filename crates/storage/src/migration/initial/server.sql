-- What was done, what is to be done, and what the server keeps for itself.

CREATE TABLE audit_events (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    -- The generation of the change. The log is ordered by it instead of by the clock.
    sequence BIGINT NOT NULL DEFAULT 0,
    actor TEXT NOT NULL,
    actor_id $UUID,
    action TEXT NOT NULL,
    target $UUID,
    detail TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE UNIQUE INDEX audit_events_list ON audit_events (organization_id, sequence);

CREATE TABLE outbox (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    delivered_at BIGINT,
    attempts BIGINT NOT NULL
);
CREATE INDEX outbox_pending ON outbox (created_at) WHERE delivered_at IS NULL;
CREATE INDEX outbox_organization ON outbox (organization_id);

CREATE TABLE idempotency_keys (
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    key TEXT NOT NULL,
    fingerprint $BYTES NOT NULL,
    resource $UUID,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

-- Of which ends an organization's members and customers are notified, and when that was last looked after.
CREATE TABLE notices (
    organization_id $UUID PRIMARY KEY REFERENCES organizations (id),
    members BOOLEAN NOT NULL,
    customers BOOLEAN NOT NULL,
    alerts BOOLEAN NOT NULL DEFAULT TRUE,
    days TEXT NOT NULL,
    checked_at BIGINT NOT NULL,
    digest_day BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX notices_next ON notices (checked_at);

-- Mails on their way. The text is sealed.
CREATE TABLE mails (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    sealed $BYTES,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL
);
CREATE INDEX mails_due ON mails (due_at);

-- An organization's mails and notices, its mails to one recipient, and those that one has asked for.
CREATE TABLE mail_counts (
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    kind TEXT NOT NULL CHECK (kind IN ('organization', 'notices', 'recipient', 'request')),
    recipient $BYTES NOT NULL,
    since BIGINT NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (organization_id, kind, recipient)
);
CREATE INDEX mail_counts_age ON mail_counts (since);

-- What the servers do by themselves from time to time, one row for each kind.
CREATE TABLE jobs (
    name TEXT PRIMARY KEY,
    period BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    claimed_by $UUID,
    claimed_until BIGINT,
    started_at BIGINT,
    finished_at BIGINT,
    done BIGINT NOT NULL,
    succeeded_at BIGINT,
    failures BIGINT NOT NULL,
    failing_since BIGINT,
    failed_at BIGINT,
    last_error TEXT,
    put_off BOOLEAN NOT NULL
);

-- Organizations that are to be deleted, and those that were: their slugs are not given again. Without a foreign key, since a row
-- outlives its organization.
CREATE TABLE deletions (
    organization_id $UUID PRIMARY KEY,
    slug TEXT NOT NULL,
    requested_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    begun_at BIGINT,
    finished_at BIGINT
);
CREATE INDEX deletions_slug ON deletions (slug);
CREATE INDEX deletions_due ON deletions (due_at) WHERE finished_at IS NULL;

-- What was seen of the clock. One row, which also makes servers take turns.
CREATE TABLE clock_record (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    seen_at BIGINT NOT NULL,
    steady_since BIGINT NOT NULL
);
INSERT INTO clock_record (id, seen_at, steady_since) VALUES (1, 0, 0);

CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
