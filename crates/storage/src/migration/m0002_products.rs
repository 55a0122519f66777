//! Products, their usage, and what licenses of products have besides.

pub(super) const STATEMENTS: &[&str] = &[
    "ALTER TABLE organizations ADD COLUMN plan TEXT NOT NULL DEFAULT 'enterprise'",
    "ALTER TABLE organizations ADD COLUMN plan_until BIGINT",
    "ALTER TABLE organizations ADD COLUMN most_products BIGINT",
    "ALTER TABLE organizations ADD COLUMN most_validations BIGINT",
    "ALTER TABLE organizations ADD COLUMN trial_started_at BIGINT",
    "ALTER TABLE organizations ADD COLUMN suspended_at BIGINT",
    "ALTER TABLE organizations ADD COLUMN blocked TEXT NOT NULL DEFAULT '[]'",
    // Rises with every change of anything of the organization; see changes.
    "ALTER TABLE organizations ADD COLUMN generation BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE customers ADD COLUMN blocked TEXT NOT NULL DEFAULT '[]'",
    "CREATE TABLE products (
        id $UUID PRIMARY KEY,
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        name TEXT NOT NULL,
        slug TEXT NOT NULL,
        description TEXT,
        page TEXT NOT NULL,
        template TEXT NOT NULL,
        pull_roles TEXT NOT NULL,
        settings TEXT NOT NULL,
        versions TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('active', 'archived', 'disabled')),
        state_since BIGINT,
        key_hash $BYTES NOT NULL,
        key_hint TEXT NOT NULL,
        key_created_at BIGINT NOT NULL,
        previous_hash $BYTES,
        previous_until BIGINT,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        version BIGINT NOT NULL
    )",
    "CREATE UNIQUE INDEX products_name ON products (organization_id, name)",
    "CREATE UNIQUE INDEX products_slug ON products (organization_id, slug)",
    "CREATE UNIQUE INDEX products_key ON products (key_hash)",
    "CREATE INDEX products_previous_key ON products (previous_hash) WHERE previous_hash IS NOT NULL",
    "CREATE INDEX products_list ON products (organization_id, id)",
    "ALTER TABLE licenses ADD COLUMN product_id $UUID REFERENCES products (id)",
    "ALTER TABLE licenses ADD COLUMN license_key TEXT",
    "ALTER TABLE licenses ADD COLUMN max_ips BIGINT",
    "ALTER TABLE licenses ADD COLUMN pin TEXT",
    "ALTER TABLE licenses ADD COLUMN custom_response TEXT",
    "ALTER TABLE licenses ADD COLUMN blocked TEXT",
    "CREATE UNIQUE INDEX licenses_key ON licenses (license_key) WHERE license_key IS NOT NULL",
    "CREATE INDEX licenses_product ON licenses (product_id, id)",
    "ALTER TABLE revisions ADD COLUMN registry TEXT NOT NULL DEFAULT '[]'",
    "CREATE TABLE license_addresses (
        license_id $UUID NOT NULL REFERENCES licenses (id),
        address TEXT NOT NULL,
        first_seen_at BIGINT NOT NULL,
        last_seen_at BIGINT NOT NULL,
        PRIMARY KEY (license_id, address)
    )",
    // One row is one day's bucket of a product: how many were let in, and what they were answered.
    "CREATE TABLE product_usage (
        product_id $UUID NOT NULL REFERENCES products (id),
        day BIGINT NOT NULL,
        used BIGINT NOT NULL,
        answers TEXT NOT NULL,
        PRIMARY KEY (product_id, day)
    )",
    // What was changed last at which generation; caches ask for what lies after theirs.
    "CREATE TABLE changes (
        organization_id $UUID NOT NULL REFERENCES organizations (id),
        target $UUID NOT NULL,
        generation BIGINT NOT NULL,
        PRIMARY KEY (organization_id, target)
    )",
    "CREATE INDEX changes_since ON changes (organization_id, generation)",
];
