//! Registries, their keys, what is in them, who may pull it, and what happened there.

pub(super) const STATEMENTS: &[&str] = &[
    "CREATE TABLE registries (
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
        deleted_at BIGINT,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        version BIGINT NOT NULL
    )",
    "CREATE UNIQUE INDEX registries_host ON registries (host) WHERE deleted_at IS NULL",
    "CREATE INDEX registries_organization ON registries (organization_id)",
    "CREATE TABLE registry_keys (
        id $UUID PRIMARY KEY,
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        registry_id $UUID NOT NULL REFERENCES registries (id),
        name TEXT NOT NULL,
        owner TEXT NOT NULL,
        access TEXT NOT NULL CHECK (access IN ('read', 'read_write', 'read_write_delete')),
        hash $BYTES NOT NULL,
        hint TEXT NOT NULL,
        secret_created_at BIGINT NOT NULL,
        previous_hash $BYTES,
        previous_until BIGINT,
        expires_at BIGINT,
        revoked_at BIGINT,
        last_used_at BIGINT,
        last_address TEXT,
        last_client TEXT,
        created_at BIGINT NOT NULL
    )",
    "CREATE UNIQUE INDEX registry_keys_hash ON registry_keys (hash)",
    "CREATE INDEX registry_keys_previous ON registry_keys (previous_hash)",
    "CREATE INDEX registry_keys_registry ON registry_keys (organization_id, registry_id)",
    "CREATE TABLE artifacts (
        id $UUID PRIMARY KEY,
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        registry_id $UUID NOT NULL REFERENCES registries (id),
        repository TEXT NOT NULL,
        created_at BIGINT NOT NULL
    )",
    "CREATE UNIQUE INDEX artifacts_repository ON artifacts (registry_id, repository)",
    "CREATE INDEX artifacts_organization ON artifacts (organization_id, repository)",
    // What a tag points to, and what it pointed to before.
    "CREATE TABLE artifact_tags (
        id $UUID PRIMARY KEY,
        artifact_id $UUID NOT NULL REFERENCES artifacts (id),
        tag TEXT NOT NULL,
        digest TEXT NOT NULL,
        since BIGINT NOT NULL,
        until BIGINT
    )",
    "CREATE UNIQUE INDEX artifact_tags_current ON artifact_tags (artifact_id, tag) WHERE until IS NULL",
    "CREATE INDEX artifact_tags_digest ON artifact_tags (artifact_id, digest)",
    "CREATE TABLE artifact_manifests (
        artifact_id $UUID NOT NULL REFERENCES artifacts (id),
        digest TEXT NOT NULL,
        media_type TEXT NOT NULL,
        size BIGINT NOT NULL,
        total BIGINT NOT NULL,
        PRIMARY KEY (artifact_id, digest)
    )",
    // What a digest belongs to. Content is addressed by what it is, so an edge is true for ever.
    "CREATE TABLE artifact_edges (
        artifact_id $UUID NOT NULL REFERENCES artifacts (id),
        child TEXT NOT NULL,
        parent TEXT NOT NULL,
        kind TEXT NOT NULL,
        size BIGINT NOT NULL,
        platform TEXT,
        PRIMARY KEY (artifact_id, child, parent)
    )",
    "CREATE INDEX artifact_edges_parent ON artifact_edges (artifact_id, parent)",
    "CREATE TABLE artifact_entitlements (
        id $UUID PRIMARY KEY,
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        customer_id $UUID NOT NULL REFERENCES customers (id),
        description TEXT,
        grants TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        version BIGINT NOT NULL
    )",
    "CREATE INDEX artifact_entitlements_customer ON artifact_entitlements (organization_id, customer_id)",
    // Of those organizations that have another than the first.
    "CREATE TABLE artifact_policies (
        organization_id $UUID PRIMARY KEY REFERENCES organizations (id),
        policy TEXT NOT NULL
    )",
    "CREATE TABLE registry_events (
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
    )",
    "CREATE INDEX registry_events_registry ON registry_events (registry_id, id)",
    "CREATE INDEX registry_events_organization ON registry_events (organization_id, id)",
    "CREATE INDEX registry_events_key ON registry_events (key_id, at)",
    "CREATE INDEX registry_events_license ON registry_events (license_id, at)",
];
