//! What registry keys usually do, what was unusual, and keys that rotate by themselves.

pub(super) const STATEMENTS: &[&str] = &[
    // Where a key is used.
    "CREATE TABLE registry_networks (
        key_id $UUID NOT NULL,
        network TEXT NOT NULL,
        known_from BIGINT NOT NULL,
        last_at BIGINT NOT NULL,
        PRIMARY KEY (key_id, network)
    )",
    // How often something was done in each hour since 1970.
    "CREATE TABLE registry_hours (
        holder_id $UUID NOT NULL,
        deed TEXT NOT NULL,
        hour BIGINT NOT NULL,
        times BIGINT NOT NULL,
        PRIMARY KEY (holder_id, deed, hour)
    )",
    // What is old is found by these.
    "CREATE INDEX registry_networks_last ON registry_networks (last_at)",
    "CREATE INDEX registry_hours_hour ON registry_hours (hour)",
    "CREATE TABLE alerts (
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
    )",
    // Told once a day, by however many servers.
    "CREATE UNIQUE INDEX alerts_day ON alerts (holder_id, day, kind, aspect)",
    "CREATE INDEX alerts_organization ON alerts (organization_id, id)",
    "CREATE INDEX alerts_open ON alerts (organization_id, id) WHERE acknowledged_at IS NULL",
    "ALTER TABLE registry_keys ADD COLUMN every_days BIGINT",
    "ALTER TABLE registry_keys ADD COLUMN overlap_days BIGINT",
    // A new secret that waits to be collected.
    "ALTER TABLE registry_keys ADD COLUMN sealed_secret $BYTES",
    "ALTER TABLE registry_keys ADD COLUMN handover TEXT CHECK (handover IN ('waiting', 'warned', 'collected'))",
    "ALTER TABLE registry_keys ADD COLUMN collected_at BIGINT",
    "ALTER TABLE registry_keys ADD COLUMN chore_at BIGINT",
    "CREATE INDEX registry_keys_chore ON registry_keys (chore_at) WHERE chore_at IS NOT NULL",
    "ALTER TABLE notices ADD COLUMN alerts BOOLEAN NOT NULL DEFAULT TRUE",
];
