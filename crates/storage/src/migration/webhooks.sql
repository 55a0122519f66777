-- Where events go, and each on its way. What is sent stands in the outbox, in the transaction of what it tells.
CREATE TABLE webhooks (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    url TEXT NOT NULL,
    description TEXT,
    events TEXT NOT NULL,
    products TEXT NOT NULL,
    -- Sealed.
    secret $BYTES NOT NULL,
    previous_secret $BYTES,
    previous_until BIGINT,
    state TEXT NOT NULL CHECK (state IN ('enabled', 'paused', 'disabled')),
    state_since BIGINT,
    disabled_reason TEXT,
    failures BIGINT NOT NULL DEFAULT 0,
    failing_since BIGINT,
    succeeded_at BIGINT,
    -- Until when it is left alone, because of failures or because a server is at it.
    rests_until BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    version BIGINT NOT NULL
);
CREATE INDEX webhooks_list ON webhooks (organization_id, id) WHERE deleted_at IS NULL;
CREATE INDEX webhooks_enabled ON webhooks (rests_until, id) WHERE state = 'enabled' AND deleted_at IS NULL;

CREATE TABLE webhook_deliveries (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    webhook_id $UUID NOT NULL REFERENCES webhooks (id),
    message_id $UUID NOT NULL REFERENCES outbox (id),
    -- That of the message in its organization.
    sequence BIGINT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    due_at BIGINT NOT NULL,
    finished_at BIGINT,
    attempts BIGINT NOT NULL,
    -- Those since it was written or replayed.
    failures BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX webhook_deliveries_list ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, sequence) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_failed ON webhook_deliveries (webhook_id, id) WHERE state = 'failed';
CREATE INDEX webhook_deliveries_message ON webhook_deliveries (message_id);

CREATE TABLE webhook_attempts (
    delivery_id $UUID NOT NULL REFERENCES webhook_deliveries (id),
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    status BIGINT,
    fault TEXT,
    response TEXT,
    PRIMARY KEY (delivery_id, number)
);

-- How many messages there were of an organization, or about a license.
CREATE TABLE event_sequences (
    subject $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    value BIGINT NOT NULL
);
CREATE INDEX event_sequences_organization ON event_sequences (organization_id);

-- The shortest time before its end, in days, of which endpoints were told; 0 once it has ended by its contract, -1 once it has expired.
ALTER TABLE revisions ADD COLUMN webhooks_notified_days BIGINT;

-- What endpoints were told of a product's validations: on which day, and how many of each answer.
CREATE TABLE validation_reports (
    product_id $UUID PRIMARY KEY REFERENCES products (id),
    day BIGINT NOT NULL,
    answers TEXT NOT NULL
);
