-- Where audit logs are streamed to.
CREATE TABLE audit_sinks (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    ca_certificates TEXT,
    -- Sealed, where there is one, and what is told of it.
    credential $BYTES,
    client_certificate BOOLEAN NOT NULL,
    header_names TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('enabled', 'paused')),
    state_since BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX audit_sinks_list ON audit_sinks (organization_id, id);

-- How each sink takes what it is sent, those of the operator too, which belong to no organization.
CREATE TABLE audit_sink_health (
    sink_id $UUID PRIMARY KEY,
    organization_id $UUID REFERENCES organizations (id),
    -- Until when it is left alone, because of failures or because a server is at it.
    rests_until BIGINT NOT NULL DEFAULT 0,
    failures BIGINT NOT NULL DEFAULT 0,
    failing_since BIGINT,
    fault TEXT,
    succeeded_at BIGINT,
    told_at BIGINT
);
CREATE INDEX audit_sink_health_organization ON audit_sink_health (organization_id);

-- How far each has come in the chain of an organization: what it has taken, and what it had taken some time before.
CREATE TABLE audit_sink_cursors (
    sink_id $UUID NOT NULL,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    seq BIGINT NOT NULL,
    signed BIGINT NOT NULL,
    reached_at BIGINT NOT NULL,
    mark_seq BIGINT NOT NULL,
    mark_signed BIGINT NOT NULL,
    mark_at BIGINT NOT NULL,
    settled_seq BIGINT NOT NULL,
    settled_signed BIGINT NOT NULL,
    -- Events that it will never have.
    missed BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (sink_id, organization_id)
);
CREATE INDEX audit_sink_cursors_organization ON audit_sink_cursors (organization_id);

-- Alerts of things that are no registries. Older servers know those alone, and each has one in their table.
CREATE TABLE subject_alerts (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    subject TEXT NOT NULL,
    subject_id $UUID NOT NULL,
    kind TEXT NOT NULL,
    aspect TEXT NOT NULL,
    day BIGINT NOT NULL,
    detail TEXT NOT NULL,
    acknowledged_at BIGINT,
    actor TEXT,
    actor_id $UUID,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX subject_alerts_day ON subject_alerts (subject_id, day, kind, aspect);
CREATE INDEX subject_alerts_organization ON subject_alerts (organization_id, id);
CREATE INDEX subject_alerts_open ON subject_alerts (organization_id, id) WHERE acknowledged_at IS NULL;
