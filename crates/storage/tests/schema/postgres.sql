CREATE TABLE alerts (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    registry_id uuid NOT NULL,
    holder text NOT NULL,
    holder_id uuid NOT NULL,
    customer_id uuid,
    kind text NOT NULL,
    aspect text NOT NULL,
    day bigint NOT NULL,
    detail text NOT NULL,
    address text,
    client text,
    acknowledged_at bigint,
    actor text,
    actor_id uuid,
    created_at bigint NOT NULL,
    CONSTRAINT alerts_holder_check CHECK ((holder = ANY (ARRAY['key'::text, 'license'::text]))),
    CONSTRAINT alerts_pkey PRIMARY KEY (id)
);
CREATE TABLE application_charts (
    version_id uuid NOT NULL,
    chart text NOT NULL,
    CONSTRAINT application_charts_pkey PRIMARY KEY (version_id)
);
CREATE TABLE application_entitlement_versions (
    entitlement_id uuid NOT NULL,
    version_id uuid NOT NULL,
    CONSTRAINT application_entitlement_versions_pkey PRIMARY KEY (entitlement_id, version_id)
);
CREATE TABLE application_entitlements (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    application_id uuid NOT NULL,
    granted text NOT NULL,
    note text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT application_entitlements_granted_check CHECK ((granted = ANY (ARRAY['named'::text, 'all'::text]))),
    CONSTRAINT application_entitlements_pkey PRIMARY KEY (id)
);
CREATE TABLE application_files (
    version_id uuid NOT NULL,
    place bigint NOT NULL,
    name text NOT NULL,
    content text NOT NULL,
    CONSTRAINT application_files_pkey PRIMARY KEY (version_id, place)
);
CREATE TABLE application_versions (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    application_id uuid NOT NULL,
    name text NOT NULL,
    notes text NOT NULL,
    archived_at bigint,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    health_seconds bigint,
    no_way_back boolean NOT NULL DEFAULT false,
    CONSTRAINT application_versions_pkey PRIMARY KEY (id)
);
CREATE TABLE applications (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    name text NOT NULL,
    slug text NOT NULL,
    kind text NOT NULL,
    description text,
    search text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT applications_kind_check CHECK ((kind = ANY (ARRAY['compose'::text, 'helm'::text]))),
    CONSTRAINT applications_pkey PRIMARY KEY (id)
);
CREATE TABLE artifact_edges (
    artifact_id uuid NOT NULL,
    child text NOT NULL,
    parent text NOT NULL,
    kind text NOT NULL,
    size bigint NOT NULL,
    platform text,
    CONSTRAINT artifact_edges_pkey PRIMARY KEY (artifact_id, child, parent)
);
CREATE TABLE artifact_entitlements (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    description text,
    grants text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT artifact_entitlements_pkey PRIMARY KEY (id)
);
CREATE TABLE artifact_manifests (
    artifact_id uuid NOT NULL,
    digest text NOT NULL,
    media_type text NOT NULL,
    size bigint NOT NULL,
    total bigint NOT NULL,
    annotations text,
    artifact_type text,
    gone_at bigint,
    CONSTRAINT artifact_manifests_pkey PRIMARY KEY (artifact_id, digest)
);
CREATE TABLE artifact_policies (
    organization_id uuid NOT NULL,
    policy text NOT NULL,
    CONSTRAINT artifact_policies_pkey PRIMARY KEY (organization_id)
);
CREATE TABLE artifact_tags (
    id uuid NOT NULL,
    artifact_id uuid NOT NULL,
    tag text NOT NULL,
    digest text NOT NULL,
    since bigint NOT NULL,
    until bigint,
    CONSTRAINT artifact_tags_pkey PRIMARY KEY (id)
);
CREATE TABLE artifacts (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    registry_id uuid NOT NULL,
    repository text NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT artifacts_pkey PRIMARY KEY (id)
);
CREATE TABLE audit_checkpoints (
    organization_id uuid NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    at bigint NOT NULL,
    token text NOT NULL,
    CONSTRAINT audit_checkpoints_pkey PRIMARY KEY (organization_id, seq)
);
CREATE TABLE audit_counts (
    organization_id uuid NOT NULL,
    day bigint NOT NULL,
    what text NOT NULL,
    count bigint NOT NULL,
    CONSTRAINT audit_counts_pkey PRIMARY KEY (organization_id, day, what)
);
CREATE TABLE audit_events (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    sequence bigint NOT NULL DEFAULT 0,
    actor text NOT NULL,
    actor_id uuid,
    action text NOT NULL,
    target uuid,
    detail text NOT NULL,
    at bigint NOT NULL,
    seq bigint,
    hash bytea,
    salt bytea,
    salts_left text,
    maker_id uuid,
    address text,
    names text,
    search text,
    CONSTRAINT audit_events_pkey PRIMARY KEY (id)
);
CREATE TABLE audit_sink_cursors (
    sink_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    seq bigint NOT NULL,
    signed bigint NOT NULL,
    reached_at bigint NOT NULL,
    mark_seq bigint NOT NULL,
    mark_signed bigint NOT NULL,
    mark_at bigint NOT NULL,
    settled_seq bigint NOT NULL,
    settled_signed bigint NOT NULL,
    missed bigint NOT NULL DEFAULT 0,
    CONSTRAINT audit_sink_cursors_pkey PRIMARY KEY (sink_id, organization_id)
);
CREATE TABLE audit_sink_health (
    sink_id uuid NOT NULL,
    organization_id uuid,
    rests_until bigint NOT NULL DEFAULT 0,
    failures bigint NOT NULL DEFAULT 0,
    failing_since bigint,
    fault text,
    succeeded_at bigint,
    told_at bigint,
    CONSTRAINT audit_sink_health_pkey PRIMARY KEY (sink_id)
);
CREATE TABLE audit_sinks (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    name text NOT NULL,
    address text NOT NULL,
    ca_certificates text,
    credential bytea,
    client_certificate boolean NOT NULL,
    header_names text NOT NULL,
    state text NOT NULL,
    state_since bigint,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT audit_sinks_pkey PRIMARY KEY (id),
    CONSTRAINT audit_sinks_state_check CHECK ((state = ANY (ARRAY['enabled'::text, 'paused'::text])))
);
CREATE TABLE bucket_alerts (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    product_id uuid NOT NULL,
    day bigint NOT NULL,
    kind text NOT NULL,
    partition_kind text NOT NULL,
    partition_key text NOT NULL,
    used bigint NOT NULL,
    size bigint NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT bucket_alerts_kind_check CHECK ((kind = ANY (ARRAY['nearly_used'::text, 'used_up'::text, 'share_used_up'::text]))),
    CONSTRAINT bucket_alerts_pkey PRIMARY KEY (id)
);
CREATE TABLE changes (
    organization_id uuid NOT NULL,
    target uuid NOT NULL,
    generation bigint NOT NULL,
    CONSTRAINT changes_pkey PRIMARY KEY (organization_id, target)
);
CREATE TABLE clock_record (
    id bigint NOT NULL,
    seen_at bigint NOT NULL,
    steady_since bigint NOT NULL,
    CONSTRAINT clock_record_id_check CHECK ((id = 1)),
    CONSTRAINT clock_record_pkey PRIMARY KEY (id)
);
CREATE TABLE customer_users (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    email text NOT NULL,
    email_key text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    password text,
    authenticator bytea,
    last_step bigint NOT NULL DEFAULT 0,
    recovery text NOT NULL DEFAULT '[]'::text,
    joined_at bigint,
    signed_in_at bigint,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT customer_users_pkey PRIMARY KEY (id)
);
CREATE TABLE customers (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    email_key text NOT NULL,
    notes text,
    blocked text NOT NULL DEFAULT '[]'::text,
    search text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint,
    version bigint NOT NULL,
    contact_key text,
    CONSTRAINT customers_pkey PRIMARY KEY (id)
);
CREATE TABLE deletions (
    organization_id uuid NOT NULL,
    slug text NOT NULL,
    requested_at bigint NOT NULL,
    due_at bigint NOT NULL,
    begun_at bigint,
    finished_at bigint,
    CONSTRAINT deletions_pkey PRIMARY KEY (organization_id)
);
CREATE TABLE departures (
    state bytea NOT NULL,
    organization_id uuid NOT NULL,
    browser bytea NOT NULL,
    session_id uuid,
    next_page text,
    expires_at bigint NOT NULL,
    CONSTRAINT departures_pkey PRIMARY KEY (state)
);
CREATE TABLE deployment_revisions (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    deployment_id uuid NOT NULL,
    number bigint NOT NULL,
    application_version_id uuid NOT NULL,
    cause text NOT NULL,
    actor text NOT NULL,
    actor_id uuid,
    entered text NOT NULL,
    images text NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT deployment_revisions_pkey PRIMARY KEY (id)
);
CREATE TABLE deployment_targets (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    name text NOT NULL,
    mode text NOT NULL,
    state text NOT NULL,
    released_at bigint,
    agent_id uuid,
    signing_key bytea,
    sealing_key bytea,
    agent_address text,
    joined_at bigint,
    keys_at bigint,
    seen_at bigint,
    facts text NOT NULL,
    paused boolean NOT NULL,
    witnessed text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT deployment_targets_mode_check CHECK ((mode = ANY (ARRAY['manage'::text, 'witness'::text]))),
    CONSTRAINT deployment_targets_pkey PRIMARY KEY (id),
    CONSTRAINT deployment_targets_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'connected'::text, 'released'::text])))
);
CREATE TABLE deployment_transitions (
    deployment_id uuid NOT NULL,
    seq bigint NOT NULL,
    organization_id uuid NOT NULL,
    transition text NOT NULL,
    received_at bigint NOT NULL,
    CONSTRAINT deployment_transitions_pkey PRIMARY KEY (deployment_id, seq)
);
CREATE TABLE deployments (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    target_id uuid NOT NULL,
    application_id uuid NOT NULL,
    name text NOT NULL,
    project text NOT NULL,
    ordered text NOT NULL,
    revision bigint NOT NULL,
    attempt bigint NOT NULL,
    reported text,
    reported_seq bigint NOT NULL DEFAULT 0,
    reported_at bigint,
    status text NOT NULL,
    ended_at bigint,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT deployments_pkey PRIMARY KEY (id)
);
CREATE TABLE event_sequences (
    subject uuid NOT NULL,
    organization_id uuid NOT NULL,
    value bigint NOT NULL,
    CONSTRAINT event_sequences_pkey PRIMARY KEY (subject)
);
CREATE TABLE idempotency_keys (
    organization_id uuid NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    resource uuid,
    created_at bigint NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (organization_id, key)
);
CREATE TABLE jobs (
    name text NOT NULL,
    period bigint NOT NULL,
    due_at bigint NOT NULL,
    claimed_by uuid,
    claimed_until bigint,
    started_at bigint,
    finished_at bigint,
    done bigint NOT NULL,
    succeeded_at bigint,
    failures bigint NOT NULL,
    failing_since bigint,
    failed_at bigint,
    last_error text,
    put_off boolean NOT NULL,
    CONSTRAINT jobs_pkey PRIMARY KEY (name)
);
CREATE TABLE join_codes (
    hash bytea NOT NULL,
    organization_id uuid NOT NULL,
    target_id uuid NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    used_at bigint,
    CONSTRAINT join_codes_pkey PRIMARY KEY (hash)
);
CREATE TABLE keyward_migrations (
    version character varying NOT NULL,
    applied_at bigint NOT NULL,
    CONSTRAINT keyward_migrations_pkey PRIMARY KEY (version)
);
CREATE TABLE license_activity (
    license_id uuid NOT NULL,
    first_validated_at bigint NOT NULL,
    last_validated_at bigint NOT NULL,
    status text NOT NULL,
    version text NOT NULL,
    address text NOT NULL,
    CONSTRAINT license_activity_pkey PRIMARY KEY (license_id)
);
CREATE TABLE license_addresses (
    license_id uuid NOT NULL,
    address text NOT NULL,
    first_seen_at bigint NOT NULL,
    last_seen_at bigint NOT NULL,
    CONSTRAINT license_addresses_pkey PRIMARY KEY (license_id, address)
);
CREATE TABLE license_pulls (
    license_id uuid NOT NULL,
    day bigint NOT NULL,
    pulls bigint NOT NULL,
    bytes bigint NOT NULL,
    CONSTRAINT license_pulls_pkey PRIMARY KEY (license_id, day)
);
CREATE TABLE license_usage (
    license_id uuid NOT NULL,
    day bigint NOT NULL,
    status text NOT NULL,
    validations bigint NOT NULL,
    CONSTRAINT license_usage_pkey PRIMARY KEY (license_id, day, status)
);
CREATE TABLE license_versions (
    license_id uuid NOT NULL,
    version text NOT NULL,
    product_id uuid NOT NULL,
    first_seen_at bigint NOT NULL,
    last_seen_at bigint NOT NULL,
    status text NOT NULL,
    CONSTRAINT license_versions_pkey PRIMARY KEY (license_id, version)
);
CREATE TABLE licenses (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    name text NOT NULL,
    description text,
    customer_id uuid,
    product_id uuid,
    license_key text,
    max_ips bigint,
    pin text,
    custom_response text,
    blocked text,
    search text NOT NULL,
    state text NOT NULL,
    state_since bigint,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint,
    version bigint NOT NULL,
    CONSTRAINT licenses_pkey PRIMARY KEY (id),
    CONSTRAINT licenses_state_check CHECK ((state = ANY (ARRAY['active'::text, 'suspended'::text, 'revoked'::text])))
);
CREATE TABLE links (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    purpose text NOT NULL,
    target uuid NOT NULL,
    hash bytea NOT NULL,
    mailed boolean NOT NULL DEFAULT false,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    used_at bigint,
    customer_user_id uuid,
    CONSTRAINT links_pkey PRIMARY KEY (id),
    CONSTRAINT links_purpose_check CHECK ((purpose = ANY (ARRAY['invitation'::text, 'password_reset'::text, 'customer_sign_in'::text, 'onboarding'::text])))
);
CREATE TABLE mail_counts (
    organization_id uuid NOT NULL,
    kind text NOT NULL,
    recipient bytea NOT NULL,
    since bigint NOT NULL,
    used bigint NOT NULL,
    CONSTRAINT mail_counts_kind_check CHECK ((kind = ANY (ARRAY['organization'::text, 'notices'::text, 'recipient'::text, 'request'::text]))),
    CONSTRAINT mail_counts_pkey PRIMARY KEY (organization_id, kind, recipient)
);
CREATE TABLE mails (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    recipient text NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    sealed bytea,
    created_at bigint NOT NULL,
    due_at bigint NOT NULL,
    attempts bigint NOT NULL,
    CONSTRAINT mails_pkey PRIMARY KEY (id)
);
CREATE TABLE management_tokens (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    name text NOT NULL,
    hint text NOT NULL,
    hash bytea NOT NULL,
    scopes text NOT NULL,
    maker text NOT NULL DEFAULT 'unknown'::text,
    maker_id uuid,
    maker_name text,
    expires_at bigint,
    last_used_at bigint,
    revoked_at bigint,
    created_at bigint NOT NULL,
    CONSTRAINT management_tokens_maker_check CHECK ((maker = ANY (ARRAY['member'::text, 'operator'::text, 'unknown'::text]))),
    CONSTRAINT management_tokens_pkey PRIMARY KEY (id)
);
CREATE TABLE members (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    email text NOT NULL,
    email_key text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    password text,
    authenticator bytea,
    last_step bigint NOT NULL DEFAULT 0,
    recovery text NOT NULL DEFAULT '[]'::text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT members_pkey PRIMARY KEY (id),
    CONSTRAINT members_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'member'::text, 'viewer'::text])))
);
CREATE TABLE notices (
    organization_id uuid NOT NULL,
    members boolean NOT NULL,
    customers boolean NOT NULL,
    alerts boolean NOT NULL DEFAULT true,
    days text NOT NULL,
    checked_at bigint NOT NULL,
    digest_day bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT notices_pkey PRIMARY KEY (organization_id)
);
CREATE TABLE organizations (
    id uuid NOT NULL,
    name text NOT NULL,
    slug text NOT NULL,
    status_window bigint NOT NULL,
    plan text NOT NULL DEFAULT 'enterprise'::text,
    plan_until bigint,
    most_products bigint,
    most_validations bigint,
    trial_started_at bigint,
    suspended_at bigint,
    blocked text NOT NULL DEFAULT '[]'::text,
    generation bigint NOT NULL DEFAULT 0,
    last_change uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'::uuid,
    history bytea NOT NULL DEFAULT '\x'::bytea,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    audit_seq bigint NOT NULL DEFAULT 0,
    audit_hash bytea NOT NULL DEFAULT '\x'::bytea,
    audit_signed_seq bigint NOT NULL DEFAULT 0,
    audit_signed_at bigint NOT NULL DEFAULT 0,
    audit_cut_seq bigint NOT NULL DEFAULT 0,
    CONSTRAINT organizations_pkey PRIMARY KEY (id)
);
CREATE TABLE outbox (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    kind text NOT NULL,
    payload text NOT NULL,
    created_at bigint NOT NULL,
    delivered_at bigint,
    attempts bigint NOT NULL,
    CONSTRAINT outbox_pkey PRIMARY KEY (id)
);
CREATE TABLE product_usage (
    product_id uuid NOT NULL,
    day bigint NOT NULL,
    used bigint NOT NULL,
    answers text NOT NULL,
    CONSTRAINT product_usage_pkey PRIMARY KEY (product_id, day)
);
CREATE TABLE products (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    name text NOT NULL,
    slug text NOT NULL,
    description text,
    page text NOT NULL,
    template text NOT NULL,
    pull_roles text NOT NULL,
    settings text NOT NULL,
    versions text NOT NULL,
    search text NOT NULL,
    state text NOT NULL,
    state_since bigint,
    key_hash bytea NOT NULL,
    key_hint text NOT NULL,
    key_created_at bigint NOT NULL,
    previous_hash bytea,
    previous_until bigint,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT products_pkey PRIMARY KEY (id),
    CONSTRAINT products_state_check CHECK ((state = ANY (ARRAY['active'::text, 'archived'::text, 'disabled'::text])))
);
CREATE TABLE registries (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    name text NOT NULL,
    host text NOT NULL,
    upstream text NOT NULL,
    prefix text,
    credential text NOT NULL,
    upstream_user text,
    sealed_password bytea,
    service text NOT NULL,
    pass_redirects boolean NOT NULL,
    direct boolean NOT NULL,
    certificate bytea NOT NULL,
    sealed_key bytea NOT NULL,
    swept_at bigint,
    wanted_at bigint,
    sweep_fault text,
    sweep_claimed_until bigint,
    deleted_at bigint,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT registries_credential_check CHECK ((credential = ANY (ARRAY['token'::text, 'basic'::text, 'none'::text]))),
    CONSTRAINT registries_pkey PRIMARY KEY (id)
);
CREATE TABLE registry_events (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    registry_id uuid NOT NULL,
    key_id uuid,
    license_id uuid,
    customer_id uuid,
    operation text NOT NULL,
    decision text NOT NULL,
    repository text NOT NULL,
    reference text NOT NULL,
    digest text,
    bytes bigint NOT NULL,
    address text NOT NULL,
    client text NOT NULL,
    at bigint NOT NULL,
    deployment_id uuid,
    CONSTRAINT registry_events_pkey PRIMARY KEY (id)
);
CREATE TABLE registry_hints (
    id uuid NOT NULL,
    registry_id uuid NOT NULL,
    repository text NOT NULL,
    tag text NOT NULL,
    noted_at bigint NOT NULL,
    due_at bigint NOT NULL,
    CONSTRAINT registry_hints_pkey PRIMARY KEY (id)
);
CREATE TABLE registry_hours (
    holder_id uuid NOT NULL,
    operation text NOT NULL,
    hour bigint NOT NULL,
    times bigint NOT NULL,
    CONSTRAINT registry_hours_pkey PRIMARY KEY (holder_id, operation, hour)
);
CREATE TABLE registry_keys (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    registry_id uuid NOT NULL,
    name text NOT NULL,
    living_name text,
    owner text NOT NULL,
    access text NOT NULL,
    hash bytea NOT NULL,
    hint text NOT NULL,
    secret_created_at bigint NOT NULL,
    previous_hash bytea,
    previous_until bigint,
    every_days bigint,
    overlap_days bigint,
    sealed_secret bytea,
    handover text,
    collected_at bigint,
    next_step_at bigint,
    lives_since bigint,
    expires_at bigint,
    notified_end bigint,
    notified_days bigint,
    revoked_at bigint,
    last_used_at bigint,
    last_address text,
    last_client text,
    created_at bigint NOT NULL,
    webhooks_notified_end bigint,
    webhooks_notified_days bigint,
    CONSTRAINT registry_keys_access_check CHECK ((access = ANY (ARRAY['read'::text, 'read_write'::text, 'read_write_delete'::text]))),
    CONSTRAINT registry_keys_handover_check CHECK ((handover = ANY (ARRAY['waiting'::text, 'warned'::text, 'collected'::text]))),
    CONSTRAINT registry_keys_pkey PRIMARY KEY (id)
);
CREATE TABLE registry_networks (
    key_id uuid NOT NULL,
    network text NOT NULL,
    known_from bigint NOT NULL,
    last_at bigint NOT NULL,
    CONSTRAINT registry_networks_pkey PRIMARY KEY (key_id, network)
);
CREATE TABLE registry_notifications (
    registry_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    hash bytea NOT NULL,
    hint text NOT NULL,
    created_at bigint NOT NULL,
    heard_at bigint,
    CONSTRAINT registry_notifications_pkey PRIMARY KEY (registry_id)
);
CREATE TABLE revisions (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    license_id uuid NOT NULL,
    number bigint NOT NULL,
    not_before bigint NOT NULL,
    expires_at bigint,
    payload text NOT NULL,
    registry text NOT NULL DEFAULT '[]'::text,
    issuer text NOT NULL,
    kid bytea NOT NULL,
    status_index bigint NOT NULL,
    state text NOT NULL,
    state_since bigint,
    members_notified_days bigint,
    customer_notified_days bigint,
    created_at bigint NOT NULL,
    ends_at bigint,
    webhooks_notified_days bigint,
    CONSTRAINT revisions_check CHECK ((expires_at > not_before)),
    CONSTRAINT revisions_check1 CHECK (((ends_at > not_before) AND (ends_at < expires_at))),
    CONSTRAINT revisions_license_id_number_key UNIQUE (license_id, number),
    CONSTRAINT revisions_pkey PRIMARY KEY (id),
    CONSTRAINT revisions_state_check CHECK ((state = ANY (ARRAY['current'::text, 'superseded'::text, 'revoked'::text])))
);
CREATE TABLE sessions (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    holder text NOT NULL,
    holder_id uuid NOT NULL,
    hash bytea NOT NULL,
    form_key bytea,
    address text NOT NULL,
    user_agent text NOT NULL,
    confirmed_at bigint,
    created_at bigint NOT NULL,
    last_seen_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    customer_user_id uuid,
    CONSTRAINT sessions_holder_check CHECK ((holder = ANY (ARRAY['member'::text, 'customer'::text, 'onboarding'::text]))),
    CONSTRAINT sessions_pkey PRIMARY KEY (id)
);
CREATE TABLE settings (
    name text NOT NULL,
    value text NOT NULL,
    CONSTRAINT settings_pkey PRIMARY KEY (name)
);
CREATE TABLE shown_once (
    session_id uuid NOT NULL,
    page text NOT NULL,
    organization_id uuid NOT NULL,
    sealed bytea NOT NULL,
    expires_at bigint NOT NULL,
    CONSTRAINT shown_once_pkey PRIMARY KEY (session_id, page)
);
CREATE TABLE sign_in_attempts (
    account bytea NOT NULL,
    since bigint NOT NULL,
    strangers bigint NOT NULL,
    codes bigint NOT NULL,
    waiting_until bigint NOT NULL,
    sources text NOT NULL,
    CONSTRAINT sign_in_attempts_pkey PRIMARY KEY (account)
);
CREATE TABLE sign_in_providers (
    organization_id uuid NOT NULL,
    issuer text NOT NULL,
    client_id text NOT NULL,
    client_secret bytea NOT NULL,
    domain text,
    exclusive boolean NOT NULL,
    verified_domains text NOT NULL DEFAULT ''::text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT sign_in_providers_pkey PRIMARY KEY (organization_id)
);
CREATE TABLE signing_keys (
    organization_id uuid NOT NULL,
    kid bytea NOT NULL,
    public bytea NOT NULL,
    sealed bytea NOT NULL,
    state text NOT NULL,
    state_since bigint,
    created_at bigint NOT NULL,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (organization_id, kid),
    CONSTRAINT signing_keys_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'active'::text, 'retired'::text, 'revoked'::text])))
);
CREATE TABLE subject_alerts (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    subject text NOT NULL,
    subject_id uuid NOT NULL,
    kind text NOT NULL,
    aspect text NOT NULL,
    day bigint NOT NULL,
    detail text NOT NULL,
    acknowledged_at bigint,
    actor text,
    actor_id uuid,
    created_at bigint NOT NULL,
    CONSTRAINT subject_alerts_pkey PRIMARY KEY (id)
);
CREATE TABLE upstream_claims (
    registry_id uuid NOT NULL,
    endpoint text NOT NULL,
    CONSTRAINT upstream_claims_pkey PRIMARY KEY (registry_id, endpoint)
);
CREATE TABLE upstream_endpoints (
    endpoint text NOT NULL,
    CONSTRAINT upstream_endpoints_pkey PRIMARY KEY (endpoint)
);
CREATE TABLE usage_counters (
    product_id uuid NOT NULL,
    day bigint NOT NULL,
    counter uuid NOT NULL,
    bucket bigint,
    allotted bigint NOT NULL,
    used bigint NOT NULL,
    answers text NOT NULL,
    CONSTRAINT usage_counters_pkey PRIMARY KEY (product_id, day, counter)
);
CREATE TABLE usage_shares (
    product_id uuid NOT NULL,
    day bigint NOT NULL,
    kind text NOT NULL,
    partition_key text NOT NULL,
    used bigint NOT NULL,
    refused bigint NOT NULL,
    CONSTRAINT usage_shares_kind_check CHECK ((kind = ANY (ARRAY['address'::text, 'license'::text, 'unknown_key'::text]))),
    CONSTRAINT usage_shares_pkey PRIMARY KEY (product_id, day, kind, partition_key)
);
CREATE TABLE validation_reports (
    product_id uuid NOT NULL,
    day bigint NOT NULL,
    answers text NOT NULL,
    CONSTRAINT validation_reports_pkey PRIMARY KEY (product_id)
);
CREATE TABLE webhook_attempts (
    delivery_id uuid NOT NULL,
    number bigint NOT NULL,
    at bigint NOT NULL,
    duration_ms bigint NOT NULL,
    status bigint,
    fault text,
    response text,
    CONSTRAINT webhook_attempts_pkey PRIMARY KEY (delivery_id, number)
);
CREATE TABLE webhook_deliveries (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    message_id uuid NOT NULL,
    sequence bigint NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    due_at bigint NOT NULL,
    finished_at bigint,
    attempts bigint NOT NULL,
    failures bigint NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (id),
    CONSTRAINT webhook_deliveries_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text])))
);
CREATE TABLE webhooks (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    url text NOT NULL,
    description text,
    events text NOT NULL,
    products text NOT NULL,
    secret bytea NOT NULL,
    previous_secret bytea,
    previous_until bigint,
    state text NOT NULL,
    state_since bigint,
    disabled_reason text,
    failures bigint NOT NULL DEFAULT 0,
    failing_since bigint,
    succeeded_at bigint,
    rests_until bigint NOT NULL DEFAULT 0,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint,
    version bigint NOT NULL,
    CONSTRAINT webhooks_pkey PRIMARY KEY (id),
    CONSTRAINT webhooks_state_check CHECK ((state = ANY (ARRAY['enabled'::text, 'paused'::text, 'disabled'::text])))
);
CREATE UNIQUE INDEX alerts_day ON alerts USING btree (holder_id, day, kind, aspect);
CREATE INDEX alerts_open ON alerts USING btree (organization_id, id) WHERE (acknowledged_at IS NULL);
CREATE INDEX alerts_organization ON alerts USING btree (organization_id, id);
CREATE INDEX application_entitlement_versions_version ON application_entitlement_versions USING btree (version_id);
CREATE INDEX application_entitlements_application ON application_entitlements USING btree (application_id);
CREATE INDEX application_entitlements_list ON application_entitlements USING btree (organization_id, id);
CREATE UNIQUE INDEX application_entitlements_pair ON application_entitlements USING btree (customer_id, application_id);
CREATE INDEX application_entitlements_versions ON application_entitlements USING btree (application_id, id);
CREATE UNIQUE INDEX application_versions_name ON application_versions USING btree (application_id, name);
CREATE INDEX applications_list ON applications USING btree (organization_id, id);
CREATE UNIQUE INDEX applications_name ON applications USING btree (organization_id, name);
CREATE UNIQUE INDEX applications_slug ON applications USING btree (organization_id, slug);
CREATE INDEX artifact_edges_parent ON artifact_edges USING btree (artifact_id, parent);
CREATE INDEX artifact_entitlements_customer ON artifact_entitlements USING btree (organization_id, customer_id);
CREATE INDEX artifact_entitlements_holder ON artifact_entitlements USING btree (customer_id);
CREATE INDEX artifact_entitlements_list ON artifact_entitlements USING btree (organization_id, id);
CREATE UNIQUE INDEX artifact_tags_current ON artifact_tags USING btree (artifact_id, tag) WHERE (until IS NULL);
CREATE INDEX artifact_tags_digest ON artifact_tags USING btree (artifact_id, digest);
CREATE INDEX artifacts_list ON artifacts USING btree (organization_id, id);
CREATE INDEX artifacts_organization ON artifacts USING btree (organization_id, repository);
CREATE INDEX artifacts_registry ON artifacts USING btree (registry_id, id);
CREATE UNIQUE INDEX artifacts_repository ON artifacts USING btree (registry_id, repository);
CREATE INDEX audit_checkpoints_at ON audit_checkpoints USING btree (at);
CREATE INDEX audit_counts_day ON audit_counts USING btree (day);
CREATE INDEX audit_events_action ON audit_events USING btree (organization_id, action, sequence);
CREATE INDEX audit_events_actor ON audit_events USING btree (organization_id, actor_id, sequence);
CREATE UNIQUE INDEX audit_events_chain ON audit_events USING btree (organization_id, seq);
CREATE UNIQUE INDEX audit_events_list ON audit_events USING btree (organization_id, sequence);
CREATE INDEX audit_events_target ON audit_events USING btree (organization_id, target, sequence);
CREATE INDEX audit_events_time ON audit_events USING btree (organization_id, at, sequence);
CREATE INDEX audit_sink_cursors_organization ON audit_sink_cursors USING btree (organization_id);
CREATE INDEX audit_sink_health_organization ON audit_sink_health USING btree (organization_id);
CREATE INDEX audit_sinks_list ON audit_sinks USING btree (organization_id, id);
CREATE UNIQUE INDEX bucket_alerts_day ON bucket_alerts USING btree (product_id, day, kind, partition_kind, partition_key);
CREATE INDEX bucket_alerts_organization ON bucket_alerts USING btree (organization_id, id);
CREATE INDEX changes_since ON changes USING btree (organization_id, generation);
CREATE INDEX customer_users_all ON customer_users USING btree (organization_id, id);
CREATE UNIQUE INDEX customer_users_email_key ON customer_users USING btree (customer_id, email_key);
CREATE INDEX customer_users_invited ON customer_users USING btree (updated_at) WHERE (joined_at IS NULL);
CREATE INDEX customer_users_list ON customer_users USING btree (organization_id, customer_id, id);
CREATE INDEX customer_users_sign_in ON customer_users USING btree (email_key);
CREATE INDEX customers_all ON customers USING btree (organization_id, id);
CREATE INDEX customers_email_key ON customers USING btree (email_key) WHERE (deleted_at IS NULL);
CREATE INDEX customers_list ON customers USING btree (organization_id, id) WHERE (deleted_at IS NULL);
CREATE INDEX customers_sign_in ON customers USING btree (email) WHERE (deleted_at IS NULL);
CREATE INDEX deletions_due ON deletions USING btree (due_at) WHERE (finished_at IS NULL);
CREATE INDEX deletions_slug ON deletions USING btree (slug);
CREATE INDEX departures_end ON departures USING btree (expires_at);
CREATE INDEX departures_organization ON departures USING btree (organization_id);
CREATE UNIQUE INDEX deployment_revisions_number ON deployment_revisions USING btree (deployment_id, number);
CREATE INDEX deployment_revisions_organization ON deployment_revisions USING btree (organization_id);
CREATE INDEX deployment_revisions_version ON deployment_revisions USING btree (application_version_id);
CREATE UNIQUE INDEX deployment_targets_agent ON deployment_targets USING btree (agent_id) WHERE (agent_id IS NOT NULL);
CREATE INDEX deployment_targets_customer ON deployment_targets USING btree (customer_id, id);
CREATE INDEX deployment_targets_list ON deployment_targets USING btree (organization_id, id);
CREATE UNIQUE INDEX deployment_targets_name ON deployment_targets USING btree (customer_id, name) WHERE (state <> 'released'::text);
CREATE INDEX deployment_targets_seen ON deployment_targets USING btree (seen_at) WHERE (state = 'connected'::text);
CREATE INDEX deployment_transitions_organization ON deployment_transitions USING btree (organization_id);
CREATE INDEX deployments_application ON deployments USING btree (application_id, id);
CREATE INDEX deployments_customer ON deployments USING btree (customer_id, id);
CREATE INDEX deployments_list ON deployments USING btree (organization_id, id);
CREATE UNIQUE INDEX deployments_name ON deployments USING btree (target_id, name) WHERE (ended_at IS NULL);
CREATE INDEX deployments_status ON deployments USING btree (organization_id, status, id);
CREATE INDEX deployments_target ON deployments USING btree (target_id, id);
CREATE INDEX event_sequences_organization ON event_sequences USING btree (organization_id);
CREATE INDEX idempotency_keys_created ON idempotency_keys USING btree (created_at);
CREATE INDEX join_codes_organization ON join_codes USING btree (organization_id);
CREATE INDEX join_codes_target ON join_codes USING btree (target_id);
CREATE INDEX license_pulls_day ON license_pulls USING btree (day);
CREATE INDEX license_usage_day ON license_usage USING btree (day);
CREATE INDEX license_versions_product ON license_versions USING btree (product_id, last_seen_at);
CREATE INDEX license_versions_seen ON license_versions USING btree (last_seen_at);
CREATE INDEX licenses_customer ON licenses USING btree (customer_id, id);
CREATE UNIQUE INDEX licenses_key ON licenses USING btree (license_key) WHERE (license_key IS NOT NULL);
CREATE INDEX licenses_list ON licenses USING btree (organization_id, id) WHERE (deleted_at IS NULL);
CREATE INDEX licenses_live_customer ON licenses USING btree (organization_id, customer_id, id) WHERE (deleted_at IS NULL);
CREATE UNIQUE INDEX licenses_live_name ON licenses USING btree (organization_id, name) WHERE (deleted_at IS NULL);
CREATE INDEX licenses_out ON licenses USING btree (organization_id, id) WHERE ((state <> 'active'::text) OR (deleted_at IS NOT NULL));
CREATE INDEX licenses_product ON licenses USING btree (product_id, id);
CREATE INDEX links_customer_user ON links USING btree (customer_user_id) WHERE (customer_user_id IS NOT NULL);
CREATE UNIQUE INDEX links_hash ON links USING btree (hash);
CREATE INDEX links_target ON links USING btree (organization_id, target);
CREATE INDEX mail_counts_age ON mail_counts USING btree (since);
CREATE INDEX mails_due ON mails USING btree (due_at);
CREATE UNIQUE INDEX management_tokens_hash ON management_tokens USING btree (hash);
CREATE INDEX management_tokens_list ON management_tokens USING btree (organization_id, id);
CREATE UNIQUE INDEX members_email ON members USING btree (organization_id, email);
CREATE UNIQUE INDEX members_email_key ON members USING btree (organization_id, email_key);
CREATE INDEX members_list ON members USING btree (organization_id, id);
CREATE INDEX members_sign_in ON members USING btree (email);
CREATE INDEX members_sign_in_key ON members USING btree (email_key);
CREATE INDEX notices_next ON notices USING btree (checked_at);
CREATE UNIQUE INDEX organizations_slug ON organizations USING btree (slug);
CREATE INDEX outbox_organization ON outbox USING btree (organization_id);
CREATE INDEX outbox_pending ON outbox USING btree (created_at) WHERE (delivered_at IS NULL);
CREATE INDEX product_usage_day ON product_usage USING btree (day);
CREATE UNIQUE INDEX products_key ON products USING btree (key_hash);
CREATE INDEX products_list ON products USING btree (organization_id, id);
CREATE UNIQUE INDEX products_name ON products USING btree (organization_id, name);
CREATE INDEX products_previous_key ON products USING btree (previous_hash) WHERE (previous_hash IS NOT NULL);
CREATE UNIQUE INDEX products_slug ON products USING btree (organization_id, slug);
CREATE UNIQUE INDEX registries_host ON registries USING btree (host) WHERE (deleted_at IS NULL);
CREATE INDEX registries_organization ON registries USING btree (organization_id);
CREATE INDEX registry_events_customer_id ON registry_events USING btree (customer_id, id);
CREATE INDEX registry_events_deployment ON registry_events USING btree (deployment_id, at) WHERE (deployment_id IS NOT NULL);
CREATE INDEX registry_events_key ON registry_events USING btree (key_id, at);
CREATE INDEX registry_events_key_id ON registry_events USING btree (key_id, id);
CREATE INDEX registry_events_license ON registry_events USING btree (license_id, at);
CREATE INDEX registry_events_organization ON registry_events USING btree (organization_id, id);
CREATE INDEX registry_events_registry ON registry_events USING btree (registry_id, id);
CREATE INDEX registry_hints_due ON registry_hints USING btree (due_at);
CREATE UNIQUE INDEX registry_hints_place ON registry_hints USING btree (registry_id, repository, tag);
CREATE INDEX registry_hours_hour ON registry_hours USING btree (hour);
CREATE INDEX registry_keys_end ON registry_keys USING btree (organization_id, expires_at);
CREATE UNIQUE INDEX registry_keys_hash ON registry_keys USING btree (hash);
CREATE INDEX registry_keys_list ON registry_keys USING btree (organization_id, id);
CREATE UNIQUE INDEX registry_keys_living_name ON registry_keys USING btree (registry_id, living_name) WHERE (living_name IS NOT NULL);
CREATE INDEX registry_keys_next_step ON registry_keys USING btree (next_step_at) WHERE (next_step_at IS NOT NULL);
CREATE INDEX registry_keys_previous ON registry_keys USING btree (previous_hash);
CREATE INDEX registry_keys_registry ON registry_keys USING btree (organization_id, registry_id);
CREATE INDEX registry_keys_secret ON registry_keys USING btree (secret_created_at);
CREATE INDEX registry_networks_last ON registry_networks USING btree (last_at);
CREATE UNIQUE INDEX registry_notifications_hash ON registry_notifications USING btree (hash);
CREATE UNIQUE INDEX revisions_current ON revisions USING btree (license_id) WHERE (state = 'current'::text);
CREATE INDEX revisions_end ON revisions USING btree (organization_id, expires_at, not_before, license_id) WHERE (state = 'current'::text);
CREATE INDEX revisions_grace ON revisions USING btree (organization_id, ends_at, expires_at) WHERE ((state = 'current'::text) AND (ends_at IS NOT NULL));
CREATE INDEX revisions_issuers ON revisions USING btree (organization_id, issuer, expires_at);
CREATE INDEX revisions_order ON revisions USING btree (organization_id, COALESCE(expires_at, '9223372036854775807'::bigint), license_id) WHERE (state = 'current'::text);
CREATE UNIQUE INDEX revisions_status_index ON revisions USING btree (organization_id, status_index);
CREATE INDEX revisions_terms ON revisions USING btree (license_id, not_before, expires_at) WHERE (state = 'current'::text);
CREATE INDEX sessions_customer_user ON sessions USING btree (customer_user_id) WHERE (customer_user_id IS NOT NULL);
CREATE INDEX sessions_end ON sessions USING btree (expires_at);
CREATE UNIQUE INDEX sessions_hash ON sessions USING btree (hash);
CREATE INDEX sessions_holder ON sessions USING btree (organization_id, holder_id);
CREATE INDEX shown_once_end ON shown_once USING btree (expires_at);
CREATE INDEX sign_in_attempts_age ON sign_in_attempts USING btree (since);
CREATE UNIQUE INDEX signing_keys_active ON signing_keys USING btree (organization_id) WHERE (state = 'active'::text);
CREATE UNIQUE INDEX subject_alerts_day ON subject_alerts USING btree (subject_id, day, kind, aspect);
CREATE INDEX subject_alerts_open ON subject_alerts USING btree (organization_id, id) WHERE (acknowledged_at IS NULL);
CREATE INDEX subject_alerts_organization ON subject_alerts USING btree (organization_id, id);
CREATE INDEX upstream_claims_endpoint ON upstream_claims USING btree (endpoint);
CREATE INDEX usage_counters_day ON usage_counters USING btree (day);
CREATE INDEX usage_shares_day ON usage_shares USING btree (day);
CREATE INDEX usage_shares_refused ON usage_shares USING btree (day) WHERE (refused > 0);
CREATE INDEX usage_shares_used ON usage_shares USING btree (product_id, day, used);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries USING btree (webhook_id, sequence) WHERE (state = 'pending'::text);
CREATE INDEX webhook_deliveries_failed ON webhook_deliveries USING btree (webhook_id, id) WHERE (state = 'failed'::text);
CREATE INDEX webhook_deliveries_list ON webhook_deliveries USING btree (webhook_id, id);
CREATE INDEX webhook_deliveries_message ON webhook_deliveries USING btree (message_id);
CREATE INDEX webhooks_enabled ON webhooks USING btree (rests_until, id) WHERE ((state = 'enabled'::text) AND (deleted_at IS NULL));
CREATE INDEX webhooks_list ON webhooks USING btree (organization_id, id) WHERE (deleted_at IS NULL);
ALTER TABLE alerts ADD CONSTRAINT alerts_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE alerts ADD CONSTRAINT alerts_registry_id_fkey FOREIGN KEY (registry_id) REFERENCES registries(id);
ALTER TABLE application_charts ADD CONSTRAINT application_charts_version_id_fkey FOREIGN KEY (version_id) REFERENCES application_versions(id);
ALTER TABLE application_entitlement_versions ADD CONSTRAINT application_entitlement_versions_entitlement_id_fkey FOREIGN KEY (entitlement_id) REFERENCES application_entitlements(id);
ALTER TABLE application_entitlement_versions ADD CONSTRAINT application_entitlement_versions_version_id_fkey FOREIGN KEY (version_id) REFERENCES application_versions(id);
ALTER TABLE application_entitlements ADD CONSTRAINT application_entitlements_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id);
ALTER TABLE application_entitlements ADD CONSTRAINT application_entitlements_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id);
ALTER TABLE application_entitlements ADD CONSTRAINT application_entitlements_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE application_files ADD CONSTRAINT application_files_version_id_fkey FOREIGN KEY (version_id) REFERENCES application_versions(id);
ALTER TABLE application_versions ADD CONSTRAINT application_versions_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id);
ALTER TABLE application_versions ADD CONSTRAINT application_versions_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE applications ADD CONSTRAINT applications_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE artifact_edges ADD CONSTRAINT artifact_edges_artifact_id_fkey FOREIGN KEY (artifact_id) REFERENCES artifacts(id);
ALTER TABLE artifact_entitlements ADD CONSTRAINT artifact_entitlements_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id);
ALTER TABLE artifact_entitlements ADD CONSTRAINT artifact_entitlements_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE artifact_manifests ADD CONSTRAINT artifact_manifests_artifact_id_fkey FOREIGN KEY (artifact_id) REFERENCES artifacts(id);
ALTER TABLE artifact_policies ADD CONSTRAINT artifact_policies_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE artifact_tags ADD CONSTRAINT artifact_tags_artifact_id_fkey FOREIGN KEY (artifact_id) REFERENCES artifacts(id);
ALTER TABLE artifacts ADD CONSTRAINT artifacts_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE artifacts ADD CONSTRAINT artifacts_registry_id_fkey FOREIGN KEY (registry_id) REFERENCES registries(id);
ALTER TABLE audit_checkpoints ADD CONSTRAINT audit_checkpoints_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE audit_counts ADD CONSTRAINT audit_counts_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE audit_events ADD CONSTRAINT audit_events_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE audit_sink_cursors ADD CONSTRAINT audit_sink_cursors_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE audit_sink_health ADD CONSTRAINT audit_sink_health_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE audit_sinks ADD CONSTRAINT audit_sinks_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE bucket_alerts ADD CONSTRAINT bucket_alerts_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE bucket_alerts ADD CONSTRAINT bucket_alerts_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id);
ALTER TABLE changes ADD CONSTRAINT changes_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE customer_users ADD CONSTRAINT customer_users_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id);
ALTER TABLE customer_users ADD CONSTRAINT customer_users_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE customers ADD CONSTRAINT customers_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE departures ADD CONSTRAINT departures_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE deployment_revisions ADD CONSTRAINT deployment_revisions_application_version_id_fkey FOREIGN KEY (application_version_id) REFERENCES application_versions(id);
ALTER TABLE deployment_revisions ADD CONSTRAINT deployment_revisions_deployment_id_fkey FOREIGN KEY (deployment_id) REFERENCES deployments(id);
ALTER TABLE deployment_revisions ADD CONSTRAINT deployment_revisions_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE deployment_targets ADD CONSTRAINT deployment_targets_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id);
ALTER TABLE deployment_targets ADD CONSTRAINT deployment_targets_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE deployment_transitions ADD CONSTRAINT deployment_transitions_deployment_id_fkey FOREIGN KEY (deployment_id) REFERENCES deployments(id);
ALTER TABLE deployment_transitions ADD CONSTRAINT deployment_transitions_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE deployments ADD CONSTRAINT deployments_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id);
ALTER TABLE deployments ADD CONSTRAINT deployments_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id);
ALTER TABLE deployments ADD CONSTRAINT deployments_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE deployments ADD CONSTRAINT deployments_target_id_fkey FOREIGN KEY (target_id) REFERENCES deployment_targets(id);
ALTER TABLE event_sequences ADD CONSTRAINT event_sequences_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE join_codes ADD CONSTRAINT join_codes_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE join_codes ADD CONSTRAINT join_codes_target_id_fkey FOREIGN KEY (target_id) REFERENCES deployment_targets(id);
ALTER TABLE license_activity ADD CONSTRAINT license_activity_license_id_fkey FOREIGN KEY (license_id) REFERENCES licenses(id);
ALTER TABLE license_addresses ADD CONSTRAINT license_addresses_license_id_fkey FOREIGN KEY (license_id) REFERENCES licenses(id);
ALTER TABLE license_pulls ADD CONSTRAINT license_pulls_license_id_fkey FOREIGN KEY (license_id) REFERENCES licenses(id);
ALTER TABLE license_usage ADD CONSTRAINT license_usage_license_id_fkey FOREIGN KEY (license_id) REFERENCES licenses(id);
ALTER TABLE license_versions ADD CONSTRAINT license_versions_license_id_fkey FOREIGN KEY (license_id) REFERENCES licenses(id);
ALTER TABLE license_versions ADD CONSTRAINT license_versions_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id);
ALTER TABLE licenses ADD CONSTRAINT licenses_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id);
ALTER TABLE licenses ADD CONSTRAINT licenses_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE licenses ADD CONSTRAINT licenses_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id);
ALTER TABLE links ADD CONSTRAINT links_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE mail_counts ADD CONSTRAINT mail_counts_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE mails ADD CONSTRAINT mails_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE management_tokens ADD CONSTRAINT management_tokens_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE members ADD CONSTRAINT members_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE notices ADD CONSTRAINT notices_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE outbox ADD CONSTRAINT outbox_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE product_usage ADD CONSTRAINT product_usage_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id);
ALTER TABLE products ADD CONSTRAINT products_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE registries ADD CONSTRAINT registries_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE registry_events ADD CONSTRAINT registry_events_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE registry_events ADD CONSTRAINT registry_events_registry_id_fkey FOREIGN KEY (registry_id) REFERENCES registries(id);
ALTER TABLE registry_hints ADD CONSTRAINT registry_hints_registry_id_fkey FOREIGN KEY (registry_id) REFERENCES registries(id);
ALTER TABLE registry_keys ADD CONSTRAINT registry_keys_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE registry_keys ADD CONSTRAINT registry_keys_registry_id_fkey FOREIGN KEY (registry_id) REFERENCES registries(id);
ALTER TABLE registry_notifications ADD CONSTRAINT registry_notifications_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE registry_notifications ADD CONSTRAINT registry_notifications_registry_id_fkey FOREIGN KEY (registry_id) REFERENCES registries(id);
ALTER TABLE revisions ADD CONSTRAINT revisions_license_id_fkey FOREIGN KEY (license_id) REFERENCES licenses(id);
ALTER TABLE revisions ADD CONSTRAINT revisions_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE revisions ADD CONSTRAINT revisions_organization_id_kid_fkey FOREIGN KEY (organization_id, kid) REFERENCES signing_keys(organization_id, kid);
ALTER TABLE sessions ADD CONSTRAINT sessions_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE shown_once ADD CONSTRAINT shown_once_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE sign_in_providers ADD CONSTRAINT sign_in_providers_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE signing_keys ADD CONSTRAINT signing_keys_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE subject_alerts ADD CONSTRAINT subject_alerts_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE upstream_claims ADD CONSTRAINT upstream_claims_registry_id_fkey FOREIGN KEY (registry_id) REFERENCES registries(id);
ALTER TABLE usage_counters ADD CONSTRAINT usage_counters_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id);
ALTER TABLE usage_shares ADD CONSTRAINT usage_shares_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id);
ALTER TABLE validation_reports ADD CONSTRAINT validation_reports_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id);
ALTER TABLE webhook_attempts ADD CONSTRAINT webhook_attempts_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES webhook_deliveries(id);
ALTER TABLE webhook_deliveries ADD CONSTRAINT webhook_deliveries_message_id_fkey FOREIGN KEY (message_id) REFERENCES outbox(id);
ALTER TABLE webhook_deliveries ADD CONSTRAINT webhook_deliveries_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
ALTER TABLE webhook_deliveries ADD CONSTRAINT webhook_deliveries_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES webhooks(id);
ALTER TABLE webhooks ADD CONSTRAINT webhooks_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);
