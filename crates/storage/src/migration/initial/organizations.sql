-- Vendors, their people and programs, and how these show who they are.
--
-- Instants are seconds since 1970, days are days since 1970. $UUID, $BYTES, $NIL and $EMPTY are written as each database has them.

CREATE TABLE organizations (
    id $UUID PRIMARY KEY,
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    -- How many indexes its status list has.
    status_window BIGINT NOT NULL,
    plan TEXT NOT NULL DEFAULT 'enterprise',
    plan_until BIGINT,
    -- What the operator allows instead of the plan's limits.
    most_products BIGINT,
    most_validations BIGINT,
    trial_started_at BIGINT,
    suspended_at BIGINT,
    blocked TEXT NOT NULL DEFAULT '[]',
    -- Rises with every change of anything of the organization.
    generation BIGINT NOT NULL DEFAULT 0,
    last_change $UUID NOT NULL DEFAULT $NIL,
    -- The ids of the latest changes, 16 bytes each, the last one last.
    history $BYTES NOT NULL DEFAULT $EMPTY,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX organizations_slug ON organizations (slug);

-- What was changed last at which generation: caches ask for what lies after theirs.
CREATE TABLE changes (
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    target $UUID NOT NULL,
    generation BIGINT NOT NULL,
    PRIMARY KEY (organization_id, target)
);
CREATE INDEX changes_since ON changes (organization_id, generation);

CREATE TABLE members (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    email TEXT NOT NULL,
    -- By which addresses are compared.
    email_key TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    -- Argon2id, in PHC form.
    password TEXT,
    -- The sealed secret of an authenticator app, the last time step of which a code was taken, and hashes of recovery codes.
    authenticator $BYTES,
    last_step BIGINT NOT NULL DEFAULT 0,
    recovery TEXT NOT NULL DEFAULT '[]',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX members_email ON members (organization_id, email);
CREATE UNIQUE INDEX members_email_key ON members (organization_id, email_key);
CREATE INDEX members_sign_in ON members (email);
CREATE INDEX members_sign_in_key ON members (email_key);
CREATE INDEX members_list ON members (organization_id, id);

CREATE TABLE management_tokens (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    hint TEXT NOT NULL,
    hash $BYTES NOT NULL,
    scopes TEXT NOT NULL,
    maker TEXT NOT NULL DEFAULT 'unknown' CHECK (maker IN ('member', 'operator', 'unknown')),
    -- Stays when the member goes.
    maker_id $UUID,
    maker_name TEXT,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX management_tokens_hash ON management_tokens (hash);
CREATE INDEX management_tokens_list ON management_tokens (organization_id, id);

CREATE TABLE sign_in_providers (
    organization_id $UUID PRIMARY KEY REFERENCES organizations (id),
    issuer TEXT NOT NULL,
    client_id TEXT NOT NULL,
    client_secret $BYTES NOT NULL,
    domain TEXT,
    -- Whether members can sign in with nothing else.
    exclusive BOOLEAN NOT NULL,
    -- Of whose addresses the provider need not say that it has verified them.
    verified_domains TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

-- Someone on the way to a provider and back.
CREATE TABLE departures (
    state $BYTES PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    browser $BYTES NOT NULL,
    -- Of someone who is to confirm who they are: the session, and the page to go on with.
    session_id $UUID,
    next_page TEXT,
    expires_at BIGINT NOT NULL
);
CREATE INDEX departures_end ON departures (expires_at);
CREATE INDEX departures_organization ON departures (organization_id);

CREATE TABLE sessions (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    holder TEXT NOT NULL CHECK (holder IN ('member', 'customer', 'onboarding')),
    holder_id $UUID NOT NULL,
    hash $BYTES NOT NULL,
    -- What forms are bound to while the cookie is renewed; of a session that was never renewed, its hash.
    form_key $BYTES,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    confirmed_at BIGINT,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX sessions_hash ON sessions (hash);
CREATE INDEX sessions_holder ON sessions (organization_id, holder_id);
CREATE INDEX sessions_end ON sessions (expires_at);

-- Sealed; shown once, on one page of one session.
CREATE TABLE shown_once (
    session_id $UUID NOT NULL,
    page TEXT NOT NULL,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    sealed $BYTES NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (session_id, page)
);
CREATE INDEX shown_once_end ON shown_once (expires_at);

CREATE TABLE links (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    purpose TEXT NOT NULL CHECK (purpose IN ('invitation', 'password_reset', 'customer_sign_in', 'onboarding')),
    target $UUID NOT NULL,
    hash $BYTES NOT NULL,
    mailed BOOLEAN NOT NULL DEFAULT FALSE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE UNIQUE INDEX links_hash ON links (hash);
CREATE INDEX links_target ON links (organization_id, target);

-- Failed sign-ins, counted for all servers together. The account is a hash.
CREATE TABLE sign_in_attempts (
    account $BYTES PRIMARY KEY,
    since BIGINT NOT NULL,
    strangers BIGINT NOT NULL,
    codes BIGINT NOT NULL,
    waiting_until BIGINT NOT NULL,
    sources TEXT NOT NULL
);
CREATE INDEX sign_in_attempts_age ON sign_in_attempts (since);
