-- Hosts of customers, and the agents there.
CREATE TABLE deployment_targets (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    customer_id $UUID NOT NULL REFERENCES customers (id),
    name TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('manage', 'witness')),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'connected', 'released')),
    released_at BIGINT,
    -- The agent; the last one of a target that was released.
    agent_id $UUID,
    signing_key $BYTES,
    sealing_key $BYTES,
    agent_address TEXT,
    joined_at BIGINT,
    keys_at BIGINT,
    -- What the agent says.
    seen_at BIGINT,
    facts TEXT NOT NULL,
    paused BOOLEAN NOT NULL,
    witnessed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX deployment_targets_agent ON deployment_targets (agent_id) WHERE agent_id IS NOT NULL;
CREATE UNIQUE INDEX deployment_targets_name ON deployment_targets (customer_id, name) WHERE state <> 'released';
CREATE INDEX deployment_targets_list ON deployment_targets (organization_id, id);
CREATE INDEX deployment_targets_customer ON deployment_targets (customer_id, id);
CREATE INDEX deployment_targets_seen ON deployment_targets (seen_at) WHERE state = 'connected';

-- What opens a target to a host, once.
CREATE TABLE join_codes (
    hash $BYTES PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    target_id $UUID NOT NULL REFERENCES deployment_targets (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX join_codes_target ON join_codes (target_id);
CREATE INDEX join_codes_organization ON join_codes (organization_id);

-- One application on one target.
CREATE TABLE deployments (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    customer_id $UUID NOT NULL REFERENCES customers (id),
    target_id $UUID NOT NULL REFERENCES deployment_targets (id),
    application_id $UUID NOT NULL REFERENCES applications (id),
    name TEXT NOT NULL,
    project TEXT NOT NULL,
    -- What the agent is to do.
    ordered TEXT NOT NULL,
    revision BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    -- What the agent says.
    reported TEXT,
    reported_seq BIGINT NOT NULL DEFAULT 0,
    reported_at BIGINT,
    -- What follows from both, for lists.
    status TEXT NOT NULL,
    ended_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX deployments_name ON deployments (target_id, name) WHERE ended_at IS NULL;
CREATE INDEX deployments_list ON deployments (organization_id, id);
CREATE INDEX deployments_customer ON deployments (customer_id, id);
CREATE INDEX deployments_target ON deployments (target_id, id);
CREATE INDEX deployments_application ON deployments (application_id, id);
CREATE INDEX deployments_status ON deployments (organization_id, status, id);

-- What each was to be, only ever added.
CREATE TABLE deployment_revisions (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    deployment_id $UUID NOT NULL REFERENCES deployments (id),
    number BIGINT NOT NULL,
    application_version_id $UUID NOT NULL REFERENCES application_versions (id),
    cause TEXT NOT NULL,
    actor TEXT NOT NULL,
    actor_id $UUID,
    -- What the customer entered.
    entered TEXT NOT NULL,
    -- Image references and their digests.
    images TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX deployment_revisions_number ON deployment_revisions (deployment_id, number);
CREATE INDEX deployment_revisions_organization ON deployment_revisions (organization_id);
CREATE INDEX deployment_revisions_version ON deployment_revisions (application_version_id);

-- What has happened on the host, each transition once.
CREATE TABLE deployment_transitions (
    deployment_id $UUID NOT NULL REFERENCES deployments (id),
    seq BIGINT NOT NULL,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    transition TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (deployment_id, seq)
);
CREATE INDEX deployment_transitions_organization ON deployment_transitions (organization_id);

-- How agents bring a version up.
ALTER TABLE application_versions ADD COLUMN health_seconds BIGINT;
ALTER TABLE application_versions ADD COLUMN no_way_back BOOLEAN NOT NULL DEFAULT FALSE;
