CREATE TABLE alerts (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    registry_id BLOB NOT NULL REFERENCES registries (id),
    holder TEXT NOT NULL CHECK (holder IN ('key', 'license')),
    holder_id BLOB NOT NULL,
    customer_id BLOB,
    kind TEXT NOT NULL,
    aspect TEXT NOT NULL,
    day BIGINT NOT NULL,
    detail TEXT NOT NULL,
    address TEXT,
    client TEXT,
    acknowledged_at BIGINT,
    actor TEXT,
    actor_id BLOB,
    created_at BIGINT NOT NULL
);
CREATE TABLE application_charts (
    version_id BLOB PRIMARY KEY REFERENCES application_versions (id),
    chart TEXT NOT NULL
);
CREATE TABLE application_entitlement_versions (
    entitlement_id BLOB NOT NULL REFERENCES application_entitlements (id),
    version_id BLOB NOT NULL REFERENCES application_versions (id),
    PRIMARY KEY (entitlement_id, version_id)
);
CREATE TABLE application_entitlements (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    customer_id BLOB NOT NULL REFERENCES customers (id),
    application_id BLOB NOT NULL REFERENCES applications (id),
    granted TEXT NOT NULL CHECK (granted IN ('named', 'all')),
    note TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE TABLE application_files (
    version_id BLOB NOT NULL REFERENCES application_versions (id),
    place BIGINT NOT NULL,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (version_id, place)
);
CREATE TABLE application_versions (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    application_id BLOB NOT NULL REFERENCES applications (id),
    name TEXT NOT NULL,
    notes TEXT NOT NULL,
    archived_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    health_seconds BIGINT,
    no_way_back BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE TABLE applications (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('compose', 'helm')),
    description TEXT,
    search TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE TABLE artifact_edges (
    artifact_id BLOB NOT NULL REFERENCES artifacts (id),
    child TEXT NOT NULL,
    parent TEXT NOT NULL,
    kind TEXT NOT NULL,
    size BIGINT NOT NULL,
    platform TEXT,
    PRIMARY KEY (artifact_id, child, parent)
);
CREATE TABLE artifact_entitlements (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    customer_id BLOB NOT NULL REFERENCES customers (id),
    description TEXT,
    grants TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE TABLE artifact_manifests (
    artifact_id BLOB NOT NULL REFERENCES artifacts (id),
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    total BIGINT NOT NULL,
    annotations TEXT,
    artifact_type TEXT,
    gone_at BIGINT,
    PRIMARY KEY (artifact_id, digest)
);
CREATE TABLE artifact_policies (
    organization_id BLOB PRIMARY KEY REFERENCES organizations (id),
    policy TEXT NOT NULL
);
CREATE TABLE artifact_tags (
    id BLOB PRIMARY KEY,
    artifact_id BLOB NOT NULL REFERENCES artifacts (id),
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT
);
CREATE TABLE artifacts (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    registry_id BLOB NOT NULL REFERENCES registries (id),
    repository TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE audit_checkpoints (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    seq BIGINT NOT NULL,
    hash BLOB NOT NULL,
    at BIGINT NOT NULL,
    token TEXT NOT NULL,
    PRIMARY KEY (organization_id, seq)
);
CREATE TABLE audit_counts (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    day BIGINT NOT NULL,
    what TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (organization_id, day, what)
);
CREATE TABLE audit_events (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    sequence BIGINT NOT NULL DEFAULT 0,
    actor TEXT NOT NULL,
    actor_id BLOB,
    action TEXT NOT NULL,
    target BLOB,
    detail TEXT NOT NULL,
    at BIGINT NOT NULL,
    seq BIGINT,
    hash BLOB,
    salt BLOB,
    salts_left TEXT,
    maker_id BLOB,
    address TEXT,
    names TEXT,
    search TEXT
);
CREATE TABLE audit_sink_cursors (
    sink_id BLOB NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    seq BIGINT NOT NULL,
    signed BIGINT NOT NULL,
    reached_at BIGINT NOT NULL,
    mark_seq BIGINT NOT NULL,
    mark_signed BIGINT NOT NULL,
    mark_at BIGINT NOT NULL,
    settled_seq BIGINT NOT NULL,
    settled_signed BIGINT NOT NULL,
    missed BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (sink_id, organization_id)
);
CREATE TABLE audit_sink_health (
    sink_id BLOB PRIMARY KEY,
    organization_id BLOB REFERENCES organizations (id),
    rests_until BIGINT NOT NULL DEFAULT 0,
    failures BIGINT NOT NULL DEFAULT 0,
    failing_since BIGINT,
    fault TEXT,
    succeeded_at BIGINT,
    told_at BIGINT
);
CREATE TABLE audit_sinks (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    ca_certificates TEXT,
    credential BLOB,
    client_certificate BOOLEAN NOT NULL,
    header_names TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('enabled', 'paused')),
    state_since BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE TABLE bucket_alerts (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    product_id BLOB NOT NULL REFERENCES products (id),
    day BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('nearly_used', 'used_up', 'share_used_up')),
    partition_kind TEXT NOT NULL,
    partition_key TEXT NOT NULL,
    used BIGINT NOT NULL,
    size BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE changes (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    target BLOB NOT NULL,
    generation BIGINT NOT NULL,
    PRIMARY KEY (organization_id, target)
);
CREATE TABLE clock_record (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    seen_at BIGINT NOT NULL,
    steady_since BIGINT NOT NULL
);
CREATE TABLE customer_users (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    customer_id BLOB NOT NULL REFERENCES customers (id),
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password TEXT,
    authenticator BLOB,
    last_step BIGINT NOT NULL DEFAULT 0,
    recovery TEXT NOT NULL DEFAULT '[]',
    joined_at BIGINT,
    signed_in_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE TABLE customers (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    notes TEXT,
    blocked TEXT NOT NULL DEFAULT '[]',
    search TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    version BIGINT NOT NULL,
    contact_key TEXT
);
CREATE TABLE deletions (
    organization_id BLOB PRIMARY KEY,
    slug TEXT NOT NULL,
    requested_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    begun_at BIGINT,
    finished_at BIGINT
);
CREATE TABLE departures (
    state BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    browser BLOB NOT NULL,
    session_id BLOB,
    next_page TEXT,
    expires_at BIGINT NOT NULL
);
CREATE TABLE deployment_revisions (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    deployment_id BLOB NOT NULL REFERENCES deployments (id),
    number BIGINT NOT NULL,
    application_version_id BLOB NOT NULL REFERENCES application_versions (id),
    cause TEXT NOT NULL,
    actor TEXT NOT NULL,
    actor_id BLOB,
    entered TEXT NOT NULL,
    images TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE deployment_targets (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    customer_id BLOB NOT NULL REFERENCES customers (id),
    name TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('manage', 'witness')),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'connected', 'released')),
    released_at BIGINT,
    agent_id BLOB,
    signing_key BLOB,
    sealing_key BLOB,
    agent_address TEXT,
    joined_at BIGINT,
    keys_at BIGINT,
    seen_at BIGINT,
    facts TEXT NOT NULL,
    paused BOOLEAN NOT NULL,
    witnessed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE TABLE deployment_transitions (
    deployment_id BLOB NOT NULL REFERENCES deployments (id),
    seq BIGINT NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    transition TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (deployment_id, seq)
);
CREATE TABLE deployments (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    customer_id BLOB NOT NULL REFERENCES customers (id),
    target_id BLOB NOT NULL REFERENCES deployment_targets (id),
    application_id BLOB NOT NULL REFERENCES applications (id),
    name TEXT NOT NULL,
    project TEXT NOT NULL,
    ordered TEXT NOT NULL,
    revision BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    reported TEXT,
    reported_seq BIGINT NOT NULL DEFAULT 0,
    reported_at BIGINT,
    status TEXT NOT NULL,
    ended_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE TABLE event_sequences (
    subject BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    value BIGINT NOT NULL
);
CREATE TABLE idempotency_keys (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    resource BLOB,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, key)
);
CREATE TABLE jobs (
    name TEXT PRIMARY KEY,
    period BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    claimed_by BLOB,
    claimed_until BIGINT,
    started_at BIGINT,
    finished_at BIGINT,
    done BIGINT NOT NULL,
    succeeded_at BIGINT,
    failures BIGINT NOT NULL,
    failing_since BIGINT,
    failed_at BIGINT,
    last_error TEXT,
    put_off BOOLEAN NOT NULL
);
CREATE TABLE join_codes (
    hash BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    target_id BLOB NOT NULL REFERENCES deployment_targets (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE TABLE keyward_migrations (
    version varchar NOT NULL PRIMARY KEY,
    applied_at integer NOT NULL
);
CREATE TABLE license_activity (
    license_id BLOB PRIMARY KEY REFERENCES licenses (id),
    first_validated_at BIGINT NOT NULL,
    last_validated_at BIGINT NOT NULL,
    status TEXT NOT NULL,
    version TEXT NOT NULL,
    address TEXT NOT NULL
);
CREATE TABLE license_addresses (
    license_id BLOB NOT NULL REFERENCES licenses (id),
    address TEXT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    PRIMARY KEY (license_id, address)
);
CREATE TABLE license_pulls (
    license_id BLOB NOT NULL REFERENCES licenses (id),
    day BIGINT NOT NULL,
    pulls BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (license_id, day)
);
CREATE TABLE license_usage (
    license_id BLOB NOT NULL REFERENCES licenses (id),
    day BIGINT NOT NULL,
    status TEXT NOT NULL,
    validations BIGINT NOT NULL,
    PRIMARY KEY (license_id, day, status)
);
CREATE TABLE license_versions (
    license_id BLOB NOT NULL REFERENCES licenses (id),
    version TEXT NOT NULL,
    product_id BLOB NOT NULL REFERENCES products (id),
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (license_id, version)
);
CREATE TABLE licenses (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    description TEXT,
    customer_id BLOB REFERENCES customers (id),
    product_id BLOB REFERENCES products (id),
    license_key TEXT,
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
CREATE TABLE links (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    purpose TEXT NOT NULL CHECK (purpose IN ('invitation', 'password_reset', 'customer_sign_in', 'onboarding')),
    target BLOB NOT NULL,
    hash BLOB NOT NULL,
    mailed BOOLEAN NOT NULL DEFAULT FALSE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    customer_user_id BLOB
);
CREATE TABLE mail_counts (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    kind TEXT NOT NULL CHECK (kind IN ('organization', 'notices', 'recipient', 'request')),
    recipient BLOB NOT NULL,
    since BIGINT NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (organization_id, kind, recipient)
);
CREATE TABLE mails (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    sealed BLOB,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL
);
CREATE TABLE management_tokens (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    hint TEXT NOT NULL,
    hash BLOB NOT NULL,
    scopes TEXT NOT NULL,
    maker TEXT NOT NULL DEFAULT 'unknown' CHECK (maker IN ('member', 'operator', 'unknown')),
    maker_id BLOB,
    maker_name TEXT,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE TABLE members (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    password TEXT,
    authenticator BLOB,
    last_step BIGINT NOT NULL DEFAULT 0,
    recovery TEXT NOT NULL DEFAULT '[]',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE TABLE notices (
    organization_id BLOB PRIMARY KEY REFERENCES organizations (id),
    members BOOLEAN NOT NULL,
    customers BOOLEAN NOT NULL,
    alerts BOOLEAN NOT NULL DEFAULT TRUE,
    days TEXT NOT NULL,
    checked_at BIGINT NOT NULL,
    digest_day BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE TABLE organizations (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    status_window BIGINT NOT NULL,
    plan TEXT NOT NULL DEFAULT 'enterprise',
    plan_until BIGINT,
    most_products BIGINT,
    most_validations BIGINT,
    trial_started_at BIGINT,
    suspended_at BIGINT,
    blocked TEXT NOT NULL DEFAULT '[]',
    generation BIGINT NOT NULL DEFAULT 0,
    last_change BLOB NOT NULL DEFAULT X'00000000000000000000000000000000',
    history BLOB NOT NULL DEFAULT X'',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    audit_seq BIGINT NOT NULL DEFAULT 0,
    audit_hash BLOB NOT NULL DEFAULT X'',
    audit_signed_seq BIGINT NOT NULL DEFAULT 0,
    audit_signed_at BIGINT NOT NULL DEFAULT 0,
    audit_cut_seq BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE outbox (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    delivered_at BIGINT,
    attempts BIGINT NOT NULL
);
CREATE TABLE product_usage (
    product_id BLOB NOT NULL REFERENCES products (id),
    day BIGINT NOT NULL,
    used BIGINT NOT NULL,
    answers TEXT NOT NULL,
    PRIMARY KEY (product_id, day)
);
CREATE TABLE products (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
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
    key_hash BLOB NOT NULL,
    key_hint TEXT NOT NULL,
    key_created_at BIGINT NOT NULL,
    previous_hash BLOB,
    previous_until BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE TABLE registries (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    host TEXT NOT NULL,
    upstream TEXT NOT NULL,
    prefix TEXT,
    credential TEXT NOT NULL CHECK (credential IN ('token', 'basic', 'none')),
    upstream_user TEXT,
    sealed_password BLOB,
    service TEXT NOT NULL,
    pass_redirects BOOLEAN NOT NULL,
    direct BOOLEAN NOT NULL,
    certificate BLOB NOT NULL,
    sealed_key BLOB NOT NULL,
    swept_at BIGINT,
    wanted_at BIGINT,
    sweep_fault TEXT,
    sweep_claimed_until BIGINT,
    deleted_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE TABLE registry_events (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    registry_id BLOB NOT NULL REFERENCES registries (id),
    key_id BLOB,
    license_id BLOB,
    customer_id BLOB,
    operation TEXT NOT NULL,
    decision TEXT NOT NULL,
    repository TEXT NOT NULL,
    reference TEXT NOT NULL,
    digest TEXT,
    bytes BIGINT NOT NULL,
    address TEXT NOT NULL,
    client TEXT NOT NULL,
    at BIGINT NOT NULL,
    deployment_id BLOB
);
CREATE TABLE registry_hints (
    id BLOB PRIMARY KEY,
    registry_id BLOB NOT NULL REFERENCES registries (id),
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    noted_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL
);
CREATE TABLE registry_hours (
    holder_id BLOB NOT NULL,
    operation TEXT NOT NULL,
    hour BIGINT NOT NULL,
    times BIGINT NOT NULL,
    PRIMARY KEY (holder_id, operation, hour)
);
CREATE TABLE registry_keys (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    registry_id BLOB NOT NULL REFERENCES registries (id),
    name TEXT NOT NULL,
    living_name TEXT,
    owner TEXT NOT NULL,
    access TEXT NOT NULL CHECK (access IN ('read', 'read_write', 'read_write_delete')),
    hash BLOB NOT NULL,
    hint TEXT NOT NULL,
    secret_created_at BIGINT NOT NULL,
    previous_hash BLOB,
    previous_until BIGINT,
    every_days BIGINT,
    overlap_days BIGINT,
    sealed_secret BLOB,
    handover TEXT CHECK (handover IN ('waiting', 'warned', 'collected')),
    collected_at BIGINT,
    next_step_at BIGINT,
    lives_since BIGINT,
    expires_at BIGINT,
    notified_end BIGINT,
    notified_days BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT,
    last_address TEXT,
    last_client TEXT,
    created_at BIGINT NOT NULL,
    webhooks_notified_end BIGINT,
    webhooks_notified_days BIGINT
);
CREATE TABLE registry_networks (
    key_id BLOB NOT NULL,
    network TEXT NOT NULL,
    known_from BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, network)
);
CREATE TABLE registry_notifications (
    registry_id BLOB PRIMARY KEY REFERENCES registries (id),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    hash BLOB NOT NULL,
    hint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    heard_at BIGINT
);
CREATE TABLE revisions (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    license_id BLOB NOT NULL REFERENCES licenses (id),
    number BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    expires_at BIGINT CHECK (expires_at > not_before),
    payload TEXT NOT NULL,
    registry TEXT NOT NULL DEFAULT '[]',
    issuer TEXT NOT NULL,
    kid BLOB NOT NULL,
    status_index BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('current', 'superseded', 'revoked')),
    state_since BIGINT,
    members_notified_days BIGINT,
    customer_notified_days BIGINT,
    created_at BIGINT NOT NULL,
    ends_at BIGINT CHECK (ends_at > not_before AND ends_at < expires_at),
    webhooks_notified_days BIGINT,
    UNIQUE (license_id, number),
    FOREIGN KEY (organization_id, kid) REFERENCES signing_keys (organization_id, kid)
);
CREATE TABLE sessions (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    holder TEXT NOT NULL CHECK (holder IN ('member', 'customer', 'onboarding')),
    holder_id BLOB NOT NULL,
    hash BLOB NOT NULL,
    form_key BLOB,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    confirmed_at BIGINT,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    customer_user_id BLOB
);
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE shown_once (
    session_id BLOB NOT NULL,
    page TEXT NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    sealed BLOB NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (session_id, page)
);
CREATE TABLE sign_in_attempts (
    account BLOB PRIMARY KEY,
    since BIGINT NOT NULL,
    strangers BIGINT NOT NULL,
    codes BIGINT NOT NULL,
    waiting_until BIGINT NOT NULL,
    sources TEXT NOT NULL
);
CREATE TABLE sign_in_providers (
    organization_id BLOB PRIMARY KEY REFERENCES organizations (id),
    issuer TEXT NOT NULL,
    client_id TEXT NOT NULL,
    client_secret BLOB NOT NULL,
    domain TEXT,
    exclusive BOOLEAN NOT NULL,
    verified_domains TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE TABLE signing_keys (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    kid BLOB NOT NULL,
    public BLOB NOT NULL,
    sealed BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'active', 'retired', 'revoked')),
    state_since BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, kid)
);
CREATE TABLE subject_alerts (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    subject TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    aspect TEXT NOT NULL,
    day BIGINT NOT NULL,
    detail TEXT NOT NULL,
    acknowledged_at BIGINT,
    actor TEXT,
    actor_id BLOB,
    created_at BIGINT NOT NULL
);
CREATE TABLE upstream_claims (
    registry_id BLOB NOT NULL REFERENCES registries (id),
    endpoint TEXT NOT NULL,
    PRIMARY KEY (registry_id, endpoint)
);
CREATE TABLE upstream_endpoints (
    endpoint TEXT PRIMARY KEY
);
CREATE TABLE usage_counters (
    product_id BLOB NOT NULL REFERENCES products (id),
    day BIGINT NOT NULL,
    counter BLOB NOT NULL,
    bucket BIGINT,
    allotted BIGINT NOT NULL,
    used BIGINT NOT NULL,
    answers TEXT NOT NULL,
    PRIMARY KEY (product_id, day, counter)
);
CREATE TABLE usage_shares (
    product_id BLOB NOT NULL REFERENCES products (id),
    day BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('address', 'license', 'unknown_key')),
    partition_key TEXT NOT NULL,
    used BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    PRIMARY KEY (product_id, day, kind, partition_key)
);
CREATE TABLE validation_reports (
    product_id BLOB PRIMARY KEY REFERENCES products (id),
    day BIGINT NOT NULL,
    answers TEXT NOT NULL
);
CREATE TABLE webhook_attempts (
    delivery_id BLOB NOT NULL REFERENCES webhook_deliveries (id),
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    status BIGINT,
    fault TEXT,
    response TEXT,
    PRIMARY KEY (delivery_id, number)
);
CREATE TABLE webhook_deliveries (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    webhook_id BLOB NOT NULL REFERENCES webhooks (id),
    message_id BLOB NOT NULL REFERENCES outbox (id),
    sequence BIGINT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    due_at BIGINT NOT NULL,
    finished_at BIGINT,
    attempts BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE webhooks (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    url TEXT NOT NULL,
    description TEXT,
    events TEXT NOT NULL,
    products TEXT NOT NULL,
    secret BLOB NOT NULL,
    previous_secret BLOB,
    previous_until BIGINT,
    state TEXT NOT NULL CHECK (state IN ('enabled', 'paused', 'disabled')),
    state_since BIGINT,
    disabled_reason TEXT,
    failures BIGINT NOT NULL DEFAULT 0,
    failing_since BIGINT,
    succeeded_at BIGINT,
    rests_until BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX alerts_day ON alerts (holder_id, day, kind, aspect);
CREATE INDEX alerts_open ON alerts (organization_id, id) WHERE acknowledged_at IS NULL;
CREATE INDEX alerts_organization ON alerts (organization_id, id);
CREATE INDEX application_entitlement_versions_version ON application_entitlement_versions (version_id);
CREATE INDEX application_entitlements_application ON application_entitlements (application_id);
CREATE INDEX application_entitlements_list ON application_entitlements (organization_id, id);
CREATE UNIQUE INDEX application_entitlements_pair ON application_entitlements (customer_id, application_id);
CREATE INDEX application_entitlements_versions ON application_entitlements (application_id, id);
CREATE UNIQUE INDEX application_versions_name ON application_versions (application_id, name);
CREATE INDEX applications_list ON applications (organization_id, id);
CREATE UNIQUE INDEX applications_name ON applications (organization_id, name);
CREATE UNIQUE INDEX applications_slug ON applications (organization_id, slug);
CREATE INDEX artifact_edges_parent ON artifact_edges (artifact_id, parent);
CREATE INDEX artifact_entitlements_customer ON artifact_entitlements (organization_id, customer_id);
CREATE INDEX artifact_entitlements_holder ON artifact_entitlements (customer_id);
CREATE INDEX artifact_entitlements_list ON artifact_entitlements (organization_id, id);
CREATE UNIQUE INDEX artifact_tags_current ON artifact_tags (artifact_id, tag) WHERE until IS NULL;
CREATE INDEX artifact_tags_digest ON artifact_tags (artifact_id, digest);
CREATE INDEX artifacts_list ON artifacts (organization_id, id);
CREATE INDEX artifacts_organization ON artifacts (organization_id, repository);
CREATE INDEX artifacts_registry ON artifacts (registry_id, id);
CREATE UNIQUE INDEX artifacts_repository ON artifacts (registry_id, repository);
CREATE INDEX audit_checkpoints_at ON audit_checkpoints (at);
CREATE INDEX audit_counts_day ON audit_counts (day);
CREATE INDEX audit_events_action ON audit_events (organization_id, action, sequence);
CREATE INDEX audit_events_actor ON audit_events (organization_id, actor_id, sequence);
CREATE UNIQUE INDEX audit_events_chain ON audit_events (organization_id, seq);
CREATE UNIQUE INDEX audit_events_list ON audit_events (organization_id, sequence);
CREATE INDEX audit_events_target ON audit_events (organization_id, target, sequence);
CREATE INDEX audit_events_time ON audit_events (organization_id, at, sequence);
CREATE INDEX audit_sink_cursors_organization ON audit_sink_cursors (organization_id);
CREATE INDEX audit_sink_health_organization ON audit_sink_health (organization_id);
CREATE INDEX audit_sinks_list ON audit_sinks (organization_id, id);
CREATE UNIQUE INDEX bucket_alerts_day ON bucket_alerts (product_id, day, kind, partition_kind, partition_key);
CREATE INDEX bucket_alerts_organization ON bucket_alerts (organization_id, id);
CREATE INDEX changes_since ON changes (organization_id, generation);
CREATE INDEX customer_users_all ON customer_users (organization_id, id);
CREATE UNIQUE INDEX customer_users_email_key ON customer_users (customer_id, email_key);
CREATE INDEX customer_users_invited ON customer_users (updated_at) WHERE joined_at IS NULL;
CREATE INDEX customer_users_list ON customer_users (organization_id, customer_id, id);
CREATE INDEX customer_users_sign_in ON customer_users (email_key);
CREATE INDEX customers_all ON customers (organization_id, id);
CREATE INDEX customers_email_key ON customers (email_key) WHERE deleted_at IS NULL;
CREATE INDEX customers_list ON customers (organization_id, id) WHERE deleted_at IS NULL;
CREATE INDEX customers_sign_in ON customers (email) WHERE deleted_at IS NULL;
CREATE INDEX deletions_due ON deletions (due_at) WHERE finished_at IS NULL;
CREATE INDEX deletions_slug ON deletions (slug);
CREATE INDEX departures_end ON departures (expires_at);
CREATE INDEX departures_organization ON departures (organization_id);
CREATE UNIQUE INDEX deployment_revisions_number ON deployment_revisions (deployment_id, number);
CREATE INDEX deployment_revisions_organization ON deployment_revisions (organization_id);
CREATE INDEX deployment_revisions_version ON deployment_revisions (application_version_id);
CREATE UNIQUE INDEX deployment_targets_agent ON deployment_targets (agent_id) WHERE agent_id IS NOT NULL;
CREATE INDEX deployment_targets_customer ON deployment_targets (customer_id, id);
CREATE INDEX deployment_targets_list ON deployment_targets (organization_id, id);
CREATE UNIQUE INDEX deployment_targets_name ON deployment_targets (customer_id, name) WHERE state <> 'released';
CREATE INDEX deployment_targets_seen ON deployment_targets (seen_at) WHERE state = 'connected';
CREATE INDEX deployment_transitions_organization ON deployment_transitions (organization_id);
CREATE INDEX deployments_application ON deployments (application_id, id);
CREATE INDEX deployments_customer ON deployments (customer_id, id);
CREATE INDEX deployments_list ON deployments (organization_id, id);
CREATE UNIQUE INDEX deployments_name ON deployments (target_id, name) WHERE ended_at IS NULL;
CREATE INDEX deployments_status ON deployments (organization_id, status, id);
CREATE INDEX deployments_target ON deployments (target_id, id);
CREATE INDEX event_sequences_organization ON event_sequences (organization_id);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
CREATE INDEX join_codes_organization ON join_codes (organization_id);
CREATE INDEX join_codes_target ON join_codes (target_id);
CREATE INDEX license_pulls_day ON license_pulls (day);
CREATE INDEX license_usage_day ON license_usage (day);
CREATE INDEX license_versions_product ON license_versions (product_id, last_seen_at);
CREATE INDEX license_versions_seen ON license_versions (last_seen_at);
CREATE INDEX licenses_customer ON licenses (customer_id, id);
CREATE UNIQUE INDEX licenses_key ON licenses (license_key) WHERE license_key IS NOT NULL;
CREATE INDEX licenses_list ON licenses (organization_id, id) WHERE deleted_at IS NULL;
CREATE INDEX licenses_live_customer ON licenses (organization_id, customer_id, id) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX licenses_live_name ON licenses (organization_id, name) WHERE deleted_at IS NULL;
CREATE INDEX licenses_out ON licenses (organization_id, id) WHERE state <> 'active' OR deleted_at IS NOT NULL;
CREATE INDEX licenses_product ON licenses (product_id, id);
CREATE INDEX links_customer_user ON links (customer_user_id) WHERE customer_user_id IS NOT NULL;
CREATE UNIQUE INDEX links_hash ON links (hash);
CREATE INDEX links_target ON links (organization_id, target);
CREATE INDEX mail_counts_age ON mail_counts (since);
CREATE INDEX mails_due ON mails (due_at);
CREATE UNIQUE INDEX management_tokens_hash ON management_tokens (hash);
CREATE INDEX management_tokens_list ON management_tokens (organization_id, id);
CREATE UNIQUE INDEX members_email ON members (organization_id, email);
CREATE UNIQUE INDEX members_email_key ON members (organization_id, email_key);
CREATE INDEX members_list ON members (organization_id, id);
CREATE INDEX members_sign_in ON members (email);
CREATE INDEX members_sign_in_key ON members (email_key);
CREATE INDEX notices_next ON notices (checked_at);
CREATE UNIQUE INDEX organizations_slug ON organizations (slug);
CREATE INDEX outbox_organization ON outbox (organization_id);
CREATE INDEX outbox_pending ON outbox (created_at) WHERE delivered_at IS NULL;
CREATE INDEX product_usage_day ON product_usage (day);
CREATE UNIQUE INDEX products_key ON products (key_hash);
CREATE INDEX products_list ON products (organization_id, id);
CREATE UNIQUE INDEX products_name ON products (organization_id, name);
CREATE INDEX products_previous_key ON products (previous_hash) WHERE previous_hash IS NOT NULL;
CREATE UNIQUE INDEX products_slug ON products (organization_id, slug);
CREATE UNIQUE INDEX registries_host ON registries (host) WHERE deleted_at IS NULL;
CREATE INDEX registries_organization ON registries (organization_id);
CREATE INDEX registry_events_customer_id ON registry_events (customer_id, id);
CREATE INDEX registry_events_deployment ON registry_events (deployment_id, at) WHERE deployment_id IS NOT NULL;
CREATE INDEX registry_events_key ON registry_events (key_id, at);
CREATE INDEX registry_events_key_id ON registry_events (key_id, id);
CREATE INDEX registry_events_license ON registry_events (license_id, at);
CREATE INDEX registry_events_organization ON registry_events (organization_id, id);
CREATE INDEX registry_events_registry ON registry_events (registry_id, id);
CREATE INDEX registry_hints_due ON registry_hints (due_at);
CREATE UNIQUE INDEX registry_hints_place ON registry_hints (registry_id, repository, tag);
CREATE INDEX registry_hours_hour ON registry_hours (hour);
CREATE INDEX registry_keys_end ON registry_keys (organization_id, expires_at);
CREATE UNIQUE INDEX registry_keys_hash ON registry_keys (hash);
CREATE INDEX registry_keys_list ON registry_keys (organization_id, id);
CREATE UNIQUE INDEX registry_keys_living_name ON registry_keys (registry_id, living_name) WHERE living_name IS NOT NULL;
CREATE INDEX registry_keys_next_step ON registry_keys (next_step_at) WHERE next_step_at IS NOT NULL;
CREATE INDEX registry_keys_previous ON registry_keys (previous_hash);
CREATE INDEX registry_keys_registry ON registry_keys (organization_id, registry_id);
CREATE INDEX registry_keys_secret ON registry_keys (secret_created_at);
CREATE INDEX registry_networks_last ON registry_networks (last_at);
CREATE UNIQUE INDEX registry_notifications_hash ON registry_notifications (hash);
CREATE UNIQUE INDEX revisions_current ON revisions (license_id) WHERE state = 'current';
CREATE INDEX revisions_end ON revisions (organization_id, expires_at, not_before, license_id) WHERE state = 'current';
CREATE INDEX revisions_grace ON revisions (organization_id, ends_at, expires_at) WHERE state = 'current' AND ends_at IS NOT NULL;
CREATE INDEX revisions_issuers ON revisions (organization_id, issuer, expires_at);
CREATE INDEX revisions_order ON revisions (organization_id, COALESCE(expires_at, 9223372036854775807), license_id) WHERE state = 'current';
CREATE UNIQUE INDEX revisions_status_index ON revisions (organization_id, status_index);
CREATE INDEX revisions_terms ON revisions (license_id, not_before, expires_at) WHERE state = 'current';
CREATE INDEX sessions_customer_user ON sessions (customer_user_id) WHERE customer_user_id IS NOT NULL;
CREATE INDEX sessions_end ON sessions (expires_at);
CREATE UNIQUE INDEX sessions_hash ON sessions (hash);
CREATE INDEX sessions_holder ON sessions (organization_id, holder_id);
CREATE INDEX shown_once_end ON shown_once (expires_at);
CREATE INDEX sign_in_attempts_age ON sign_in_attempts (since);
CREATE UNIQUE INDEX signing_keys_active ON signing_keys (organization_id) WHERE state = 'active';
CREATE UNIQUE INDEX subject_alerts_day ON subject_alerts (subject_id, day, kind, aspect);
CREATE INDEX subject_alerts_open ON subject_alerts (organization_id, id) WHERE acknowledged_at IS NULL;
CREATE INDEX subject_alerts_organization ON subject_alerts (organization_id, id);
CREATE INDEX upstream_claims_endpoint ON upstream_claims (endpoint);
CREATE INDEX usage_counters_day ON usage_counters (day);
CREATE INDEX usage_shares_day ON usage_shares (day);
CREATE INDEX usage_shares_refused ON usage_shares (day) WHERE refused > 0;
CREATE INDEX usage_shares_used ON usage_shares (product_id, day, used);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, sequence) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_failed ON webhook_deliveries (webhook_id, id) WHERE state = 'failed';
CREATE INDEX webhook_deliveries_list ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_message ON webhook_deliveries (message_id);
CREATE INDEX webhooks_enabled ON webhooks (rests_until, id) WHERE state = 'enabled' AND deleted_at IS NULL;
CREATE INDEX webhooks_list ON webhooks (organization_id, id) WHERE deleted_at IS NULL;
