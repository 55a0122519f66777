-- Applications, their versions with files, and who may deploy them.

CREATE TABLE applications (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('compose', 'helm')),
    description TEXT,
    search TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX applications_name ON applications (organization_id, name);
CREATE UNIQUE INDEX applications_slug ON applications (organization_id, slug);
CREATE INDEX applications_list ON applications (organization_id, id);

CREATE TABLE application_versions (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    application_id $UUID NOT NULL REFERENCES applications (id),
    name TEXT NOT NULL,
    notes TEXT NOT NULL,
    archived_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX application_versions_name ON application_versions (application_id, name);

-- Written with their version and never changed.
CREATE TABLE application_files (
    version_id $UUID NOT NULL REFERENCES application_versions (id),
    place BIGINT NOT NULL,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (version_id, place)
);

CREATE TABLE application_charts (
    version_id $UUID PRIMARY KEY REFERENCES application_versions (id),
    chart TEXT NOT NULL
);

CREATE TABLE application_entitlements (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    customer_id $UUID NOT NULL REFERENCES customers (id),
    application_id $UUID NOT NULL REFERENCES applications (id),
    granted TEXT NOT NULL CHECK (granted IN ('named', 'all')),
    note TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX application_entitlements_pair ON application_entitlements (customer_id, application_id);
CREATE INDEX application_entitlements_list ON application_entitlements (organization_id, id);
CREATE INDEX application_entitlements_application ON application_entitlements (application_id);
CREATE INDEX application_entitlements_versions ON application_entitlements (application_id, id);

-- Of an entitlement to named versions: these. Of one to all: those that are hidden while they are archived.
CREATE TABLE application_entitlement_versions (
    entitlement_id $UUID NOT NULL REFERENCES application_entitlements (id),
    version_id $UUID NOT NULL REFERENCES application_versions (id),
    PRIMARY KEY (entitlement_id, version_id)
);
CREATE INDEX application_entitlement_versions_version ON application_entitlement_versions (version_id);
