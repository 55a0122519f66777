-- How often a license was validated on one day (UTC), by what was answered.
CREATE TABLE license_usage (
    license_id $UUID NOT NULL REFERENCES licenses (id),
    day BIGINT NOT NULL,
    status TEXT NOT NULL,
    validations BIGINT NOT NULL,
    PRIMARY KEY (license_id, day, status)
);
CREATE INDEX license_usage_day ON license_usage (day);

-- How much was pulled from registries with a license on one day (UTC).
CREATE TABLE license_pulls (
    license_id $UUID NOT NULL REFERENCES licenses (id),
    day BIGINT NOT NULL,
    pulls BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (license_id, day)
);
CREATE INDEX license_pulls_day ON license_pulls (day);

-- When a license was validated first and last, and how the last time. An empty version is one that was not named.
CREATE TABLE license_activity (
    license_id $UUID PRIMARY KEY REFERENCES licenses (id),
    first_validated_at BIGINT NOT NULL,
    last_validated_at BIGINT NOT NULL,
    status TEXT NOT NULL,
    version TEXT NOT NULL,
    address TEXT NOT NULL
);

-- The same of each version of the vendor's software that has validated a license.
CREATE TABLE license_versions (
    license_id $UUID NOT NULL REFERENCES licenses (id),
    version TEXT NOT NULL,
    product_id $UUID NOT NULL REFERENCES products (id),
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (license_id, version)
);
CREATE INDEX license_versions_product ON license_versions (product_id, last_seen_at);
CREATE INDEX license_versions_seen ON license_versions (last_seen_at);
