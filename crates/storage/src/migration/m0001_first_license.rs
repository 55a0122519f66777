//! The first tables.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_first_license"
    }
}

#[expect(elided_lifetimes_in_paths, reason = "the trait's own signature")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run(manager, TABLES).await
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        super::no_way_back()
    }
}

const TABLES: &[&str] = &[
    "CREATE TABLE organizations (
        id $UUID PRIMARY KEY,
        name TEXT NOT NULL,
        slug TEXT NOT NULL,
        status_window BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        version BIGINT NOT NULL
    )",
    "CREATE UNIQUE INDEX organizations_slug ON organizations (slug)",
    "CREATE TABLE members (
        id $UUID PRIMARY KEY,
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        email TEXT NOT NULL,
        name TEXT NOT NULL,
        role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        version BIGINT NOT NULL
    )",
    "CREATE UNIQUE INDEX members_email ON members (organization_id, email)",
    "CREATE TABLE management_tokens (
        id $UUID PRIMARY KEY,
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        name TEXT NOT NULL,
        hint TEXT NOT NULL,
        hash $BYTES NOT NULL,
        scopes TEXT NOT NULL,
        expires_at BIGINT,
        last_used_at BIGINT,
        revoked_at BIGINT,
        created_at BIGINT NOT NULL
    )",
    "CREATE UNIQUE INDEX management_tokens_hash ON management_tokens (hash)",
    "CREATE INDEX management_tokens_list ON management_tokens (organization_id, id)",
    "CREATE TABLE customers (
        id $UUID PRIMARY KEY,
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        name TEXT NOT NULL,
        email TEXT NOT NULL,
        notes TEXT,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        deleted_at BIGINT,
        version BIGINT NOT NULL
    )",
    "CREATE INDEX customers_list ON customers (organization_id, id) WHERE deleted_at IS NULL",
    "CREATE TABLE signing_keys (
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        kid $BYTES NOT NULL,
        public $BYTES NOT NULL,
        sealed $BYTES NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'active', 'retired', 'revoked')),
        state_since BIGINT,
        created_at BIGINT NOT NULL,
        PRIMARY KEY (organization_id, kid)
    )",
    "CREATE UNIQUE INDEX signing_keys_active ON signing_keys (organization_id) WHERE state = 'active'",
    "CREATE TABLE licenses (
        id $UUID PRIMARY KEY,
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        name TEXT NOT NULL,
        description TEXT,
        customer_id $UUID REFERENCES customers (id),
        state TEXT NOT NULL CHECK (state IN ('active', 'suspended', 'revoked')),
        state_since BIGINT,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        deleted_at BIGINT,
        version BIGINT NOT NULL
    )",
    "CREATE UNIQUE INDEX licenses_live_name ON licenses (organization_id, name) WHERE deleted_at IS NULL",
    "CREATE INDEX licenses_list ON licenses (organization_id, id) WHERE deleted_at IS NULL",
    "CREATE INDEX licenses_customer ON licenses (customer_id, id)",
    "CREATE TABLE revisions (
        id $UUID PRIMARY KEY,
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        license_id $UUID NOT NULL REFERENCES licenses (id),
        number BIGINT NOT NULL,
        not_before BIGINT NOT NULL,
        expires_at BIGINT CHECK (expires_at > not_before),
        payload TEXT NOT NULL,
        issuer TEXT NOT NULL,
        kid $BYTES NOT NULL,
        status_index BIGINT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('current', 'superseded', 'revoked')),
        state_since BIGINT,
        created_at BIGINT NOT NULL,
        UNIQUE (license_id, number),
        FOREIGN KEY (organization_id, kid) REFERENCES signing_keys (organization_id, kid)
    )",
    "CREATE UNIQUE INDEX revisions_current ON revisions (license_id) WHERE state = 'current'",
    "CREATE UNIQUE INDEX revisions_status_index ON revisions (organization_id, status_index)",
    "CREATE TABLE audit_events (
        id $UUID PRIMARY KEY,
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        actor TEXT NOT NULL,
        actor_id $UUID,
        action TEXT NOT NULL,
        target $UUID,
        detail TEXT NOT NULL,
        at BIGINT NOT NULL
    )",
    "CREATE INDEX audit_events_list ON audit_events (organization_id, id)",
    "CREATE TABLE outbox (
        id $UUID PRIMARY KEY,
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        kind TEXT NOT NULL,
        payload TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        delivered_at BIGINT,
        attempts BIGINT NOT NULL
    )",
    "CREATE INDEX outbox_pending ON outbox (created_at) WHERE delivered_at IS NULL",
    "CREATE TABLE idempotency_keys (
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        key TEXT NOT NULL,
        fingerprint $BYTES NOT NULL,
        resource $UUID,
        created_at BIGINT NOT NULL,
        PRIMARY KEY (organization_id, key)
    )",
    "CREATE INDEX idempotency_keys_age ON idempotency_keys (organization_id, created_at)",
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
];
