-- A part of a product's daily bucket of validations that one counter was allotted, and what it has counted of it. What was counted
-- without an allotment stands in product_usage, whose row is locked by whoever is allotted more.
CREATE TABLE usage_counters (
    product_id $UUID NOT NULL REFERENCES products (id),
    day BIGINT NOT NULL,
    counter $UUID NOT NULL,
    bucket BIGINT,
    allotted BIGINT NOT NULL,
    used BIGINT NOT NULL,
    answers TEXT NOT NULL,
    PRIMARY KEY (product_id, day, counter)
);
CREATE INDEX usage_counters_day ON usage_counters (day);
