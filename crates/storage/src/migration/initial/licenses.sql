-- Customers, products, and licenses with their terms, keys and use.

CREATE TABLE customers (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    -- By which addresses are compared.
    email_key TEXT NOT NULL,
    notes TEXT,
    blocked TEXT NOT NULL DEFAULT '[]',
    -- The folded texts of the row, one a line. Databases fold letters in ways of their own, so the server does it.
    search TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    version BIGINT NOT NULL
);
CREATE INDEX customers_list ON customers (organization_id, id) WHERE deleted_at IS NULL;
-- With those that were deleted, whose licenses are still listed.
CREATE INDEX customers_all ON customers (organization_id, id);
CREATE INDEX customers_sign_in ON customers (email) WHERE deleted_at IS NULL;
CREATE INDEX customers_email_key ON customers (email_key) WHERE deleted_at IS NULL;

CREATE TABLE products (
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
    search TEXT NOT NULL,
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
);
CREATE UNIQUE INDEX products_name ON products (organization_id, name);
CREATE UNIQUE INDEX products_slug ON products (organization_id, slug);
CREATE UNIQUE INDEX products_key ON products (key_hash);
CREATE INDEX products_previous_key ON products (previous_hash) WHERE previous_hash IS NOT NULL;
CREATE INDEX products_list ON products (organization_id, id);

-- A product's validations of one day: how many were counted, and what they were answered.
CREATE TABLE product_usage (
    product_id $UUID NOT NULL REFERENCES products (id),
    day BIGINT NOT NULL,
    used BIGINT NOT NULL,
    answers TEXT NOT NULL,
    PRIMARY KEY (product_id, day)
);

CREATE TABLE signing_keys (
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    kid $BYTES NOT NULL,
    public $BYTES NOT NULL,
    sealed $BYTES NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'active', 'retired', 'revoked')),
    state_since BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, kid)
);
CREATE UNIQUE INDEX signing_keys_active ON signing_keys (organization_id) WHERE state = 'active';

CREATE TABLE licenses (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    description TEXT,
    customer_id $UUID REFERENCES customers (id),
    product_id $UUID REFERENCES products (id),
    license_key TEXT,
    -- What differs from the product's settings.
    max_ips BIGINT,
    pin TEXT,
    custom_response TEXT,
    blocked TEXT,
    search TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'suspended', 'revoked')),
    state_since BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX licenses_live_name ON licenses (organization_id, name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX licenses_key ON licenses (license_key) WHERE license_key IS NOT NULL;
CREATE INDEX licenses_list ON licenses (organization_id, id) WHERE deleted_at IS NULL;
CREATE INDEX licenses_customer ON licenses (customer_id, id);
CREATE INDEX licenses_live_customer ON licenses (organization_id, customer_id, id) WHERE deleted_at IS NULL;
CREATE INDEX licenses_product ON licenses (product_id, id);
-- The few that are suspended, revoked or deleted.
CREATE INDEX licenses_out ON licenses (organization_id, id) WHERE state <> 'active' OR deleted_at IS NOT NULL;

-- The terms of licenses, of which one revision is in force. Revisions are only ever added.
CREATE TABLE revisions (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    license_id $UUID NOT NULL REFERENCES licenses (id),
    number BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    expires_at BIGINT CHECK (expires_at > not_before),
    payload TEXT NOT NULL,
    -- The pull roles that the license has.
    registry TEXT NOT NULL DEFAULT '[]',
    issuer TEXT NOT NULL,
    kid $BYTES NOT NULL,
    status_index BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('current', 'superseded', 'revoked')),
    state_since BIGINT,
    -- The shortest window of days before the end for which a notice was written.
    members_notified_days BIGINT,
    customer_notified_days BIGINT,
    created_at BIGINT NOT NULL,
    UNIQUE (license_id, number),
    FOREIGN KEY (organization_id, kid) REFERENCES signing_keys (organization_id, kid)
);
CREATE UNIQUE INDEX revisions_current ON revisions (license_id) WHERE state = 'current';
CREATE UNIQUE INDEX revisions_status_index ON revisions (organization_id, status_index);
-- What counting by status reads, so that the rows themselves stay closed.
CREATE INDEX revisions_terms ON revisions (license_id, not_before, expires_at) WHERE state = 'current';
-- What the dashboard counts is read from this index and licenses_out alone.
CREATE INDEX revisions_end ON revisions (organization_id, expires_at, not_before, license_id) WHERE state = 'current';
-- Under which addresses revisions were issued, found without reading them all.
CREATE INDEX revisions_issuers ON revisions (organization_id, issuer, expires_at);

-- From where a license was validated.
CREATE TABLE license_addresses (
    license_id $UUID NOT NULL REFERENCES licenses (id),
    address TEXT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    PRIMARY KEY (license_id, address)
);
