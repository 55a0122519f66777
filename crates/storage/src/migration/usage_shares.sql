-- What one partition (an address, a license, or all requests that name no license) took of a product's daily bucket, and how often it
-- was refused because its share was used up. Servers add what they have counted in steps, so partitions that took little have no row.
CREATE TABLE usage_shares (
    product_id $UUID NOT NULL REFERENCES products (id),
    day BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('address', 'license', 'unknown_key')),
    partition_key TEXT NOT NULL,
    used BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    PRIMARY KEY (product_id, day, kind, partition_key)
);
CREATE INDEX usage_shares_used ON usage_shares (product_id, day, used);
CREATE INDEX usage_shares_day ON usage_shares (day);
CREATE INDEX usage_shares_refused ON usage_shares (day) WHERE refused > 0;
-- What all products have counted on one day is looked at once a minute.
CREATE INDEX product_usage_day ON product_usage (day);

-- What was told of a product's bucket on one day.
CREATE TABLE bucket_alerts (
    id $UUID PRIMARY KEY,
    organization_id $UUID NOT NULL REFERENCES organizations (id),
    product_id $UUID NOT NULL REFERENCES products (id),
    day BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('nearly_used', 'used_up', 'share_used_up')),
    partition_kind TEXT NOT NULL,
    partition_key TEXT NOT NULL,
    used BIGINT NOT NULL,
    size BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
-- Told once a day, by however many servers.
CREATE UNIQUE INDEX bucket_alerts_day ON bucket_alerts (product_id, day, kind, partition_kind, partition_key);
CREATE INDEX bucket_alerts_organization ON bucket_alerts (organization_id, id);
