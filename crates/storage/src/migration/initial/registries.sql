-- Registries, their keys, what is in them, who may pull it, and what happened there.

CREATE TABLE registries (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    host TEXT NOT NULL,
    upstream TEXT NOT NULL,
    prefix TEXT,
    credential TEXT NOT NULL CHECK (credential IN ('token', 'basic', 'none')),
    upstream_user TEXT,
    sealed_password $BYTES,
    service TEXT NOT NULL,
    pass_redirects BOOLEAN NOT NULL,
    direct BOOLEAN NOT NULL,
    certificate $BYTES NOT NULL,
    sealed_key $BYTES NOT NULL,
    swept_at BIGINT,
    -- When someone last wanted all of it to be swept, and why the last sweep came to nothing.
    wanted_at BIGINT,
    sweep_fault TEXT,
    sweep_claimed_until BIGINT,
    deleted_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX registries_host ON registries (host) WHERE deleted_at IS NULL;
CREATE INDEX registries_organization ON registries (organization_id);

-- What two organizations want at the same moment is decided by who locks this row.
CREATE TABLE upstream_endpoints (endpoint TEXT PRIMARY KEY);

CREATE TABLE upstream_claims (
    registry_id $UUID NOT NULL REFERENCES registries (id),
    endpoint TEXT NOT NULL,
    PRIMARY KEY (registry_id, endpoint)
);
CREATE INDEX upstream_claims_endpoint ON upstream_claims (endpoint);

CREATE TABLE registry_keys (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    registry_id $UUID NOT NULL REFERENCES registries (id),
    name TEXT NOT NULL,
    -- The name, for as long as no other key may have it. An index can't know when a key runs out: whoever wants the name takes
    -- it from the dead.
    living_name TEXT,
    owner TEXT NOT NULL,
    access TEXT NOT NULL CHECK (access IN ('read', 'read_write', 'read_write_delete')),
    hash $BYTES NOT NULL,
    hint TEXT NOT NULL,
    secret_created_at BIGINT NOT NULL,
    previous_hash $BYTES,
    previous_until BIGINT,
    -- How it rotates by itself, and the new secret that waits to be collected.
    every_days BIGINT,
    overlap_days BIGINT,
    sealed_secret $BYTES,
    handover TEXT CHECK (handover IN ('waiting', 'warned', 'collected')),
    collected_at BIGINT,
    next_step_at BIGINT,
    -- Since when its lifetime counts.
    lives_since BIGINT,
    expires_at BIGINT,
    -- The end of which a notice was written, and for which window of days before it.
    notified_end BIGINT,
    notified_days BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT,
    last_address TEXT,
    last_client TEXT,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX registry_keys_hash ON registry_keys (hash);
CREATE UNIQUE INDEX registry_keys_living_name ON registry_keys (registry_id, living_name) WHERE living_name IS NOT NULL;
CREATE INDEX registry_keys_previous ON registry_keys (previous_hash);
CREATE INDEX registry_keys_registry ON registry_keys (organization_id, registry_id);
CREATE INDEX registry_keys_list ON registry_keys (organization_id, id);
CREATE INDEX registry_keys_next_step ON registry_keys (next_step_at) WHERE next_step_at IS NOT NULL;
CREATE INDEX registry_keys_end ON registry_keys (organization_id, expires_at);
CREATE INDEX registry_keys_secret ON registry_keys (secret_created_at);

CREATE TABLE artifacts (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    registry_id $UUID NOT NULL REFERENCES registries (id),
    repository TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX artifacts_repository ON artifacts (registry_id, repository);
CREATE INDEX artifacts_organization ON artifacts (organization_id, repository);
CREATE INDEX artifacts_list ON artifacts (organization_id, id);
CREATE INDEX artifacts_registry ON artifacts (registry_id, id);

-- What a tag points to, and what it pointed to before.
CREATE TABLE artifact_tags (
    id $UUID PRIMARY KEY,
    artifact_id $UUID NOT NULL REFERENCES artifacts (id),
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT
);
CREATE UNIQUE INDEX artifact_tags_current ON artifact_tags (artifact_id, tag) WHERE until IS NULL;
CREATE INDEX artifact_tags_digest ON artifact_tags (artifact_id, digest);

CREATE TABLE artifact_manifests (
    artifact_id $UUID NOT NULL REFERENCES artifacts (id),
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    total BIGINT NOT NULL,
    annotations TEXT,
    artifact_type TEXT,
    gone_at BIGINT,
    PRIMARY KEY (artifact_id, digest)
);

-- What a digest belongs to. Content is addressed by what it is, so an edge is true for ever.
CREATE TABLE artifact_edges (
    artifact_id $UUID NOT NULL REFERENCES artifacts (id),
    child TEXT NOT NULL,
    parent TEXT NOT NULL,
    kind TEXT NOT NULL,
    size BIGINT NOT NULL,
    platform TEXT,
    PRIMARY KEY (artifact_id, child, parent)
);
CREATE INDEX artifact_edges_parent ON artifact_edges (artifact_id, parent);

CREATE TABLE artifact_entitlements (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    customer_id $UUID NOT NULL REFERENCES customers (id),
    description TEXT,
    grants TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX artifact_entitlements_customer ON artifact_entitlements (organization_id, customer_id);
CREATE INDEX artifact_entitlements_list ON artifact_entitlements (organization_id, id);
CREATE INDEX artifact_entitlements_holder ON artifact_entitlements (customer_id);

-- Of those organizations that have another than the first.
CREATE TABLE artifact_policies (
    organization_id $UUID PRIMARY KEY REFERENCES organizations (id),
    policy TEXT NOT NULL
);

CREATE TABLE registry_events (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    registry_id $UUID NOT NULL REFERENCES registries (id),
    key_id $UUID,
    license_id $UUID,
    customer_id $UUID,
    operation TEXT NOT NULL,
    decision TEXT NOT NULL,
    repository TEXT NOT NULL,
    reference TEXT NOT NULL,
    digest TEXT,
    bytes BIGINT NOT NULL,
    address TEXT NOT NULL,
    client TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX registry_events_registry ON registry_events (registry_id, id);
CREATE INDEX registry_events_organization ON registry_events (organization_id, id);
CREATE INDEX registry_events_key ON registry_events (key_id, at);
CREATE INDEX registry_events_license ON registry_events (license_id, at);
-- For the log of one key or one customer.
CREATE INDEX registry_events_key_id ON registry_events (key_id, id);
CREATE INDEX registry_events_customer_id ON registry_events (customer_id, id);

-- With which secret an upstream notifies, and when it last did.
CREATE TABLE registry_notifications (
    registry_id $UUID PRIMARY KEY REFERENCES registries (id),
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    hash $BYTES NOT NULL,
    hint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    heard_at BIGINT
);
CREATE UNIQUE INDEX registry_notifications_hash ON registry_notifications (hash);

-- Where an upstream is to be looked at soon. An empty tag is for any of the repository's.
CREATE TABLE registry_hints (
    id $UUID PRIMARY KEY,
    registry_id $UUID NOT NULL REFERENCES registries (id),
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    noted_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX registry_hints_place ON registry_hints (registry_id, repository, tag);
CREATE INDEX registry_hints_due ON registry_hints (due_at);

-- The baseline of a key or license: in which networks it is used, and how often it did something in each hour since 1970.
CREATE TABLE registry_networks (
    key_id $UUID NOT NULL,
    network TEXT NOT NULL,
    known_from BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, network)
);
CREATE INDEX registry_networks_last ON registry_networks (last_at);

CREATE TABLE registry_hours (
    holder_id $UUID NOT NULL,
    operation TEXT NOT NULL,
    hour BIGINT NOT NULL,
    times BIGINT NOT NULL,
    PRIMARY KEY (holder_id, operation, hour)
);
CREATE INDEX registry_hours_hour ON registry_hours (hour);

CREATE TABLE alerts (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    registry_id $UUID NOT NULL REFERENCES registries (id),
    holder TEXT NOT NULL CHECK (holder IN ('key', 'license')),
    holder_id $UUID NOT NULL,
    customer_id $UUID,
    kind TEXT NOT NULL,
    aspect TEXT NOT NULL,
    day BIGINT NOT NULL,
    detail TEXT NOT NULL,
    address TEXT,
    client TEXT,
    acknowledged_at BIGINT,
    actor TEXT,
    actor_id $UUID,
    created_at BIGINT NOT NULL
);
-- Raised once a day, by however many servers.
CREATE UNIQUE INDEX alerts_day ON alerts (holder_id, day, kind, aspect);
CREATE INDEX alerts_organization ON alerts (organization_id, id);
CREATE INDEX alerts_open ON alerts (organization_id, id) WHERE acknowledged_at IS NULL;
