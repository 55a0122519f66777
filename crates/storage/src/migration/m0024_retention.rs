//! What is removed by its age is found by it, and what was seen of the clock is kept.

pub(super) const STATEMENTS: &[&str] = &[
    "CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at)",
    "DROP INDEX idempotency_keys_age",
    "CREATE INDEX registry_keys_secret ON registry_keys (secret_created_at)",
    // One row, which also makes servers take turns.
    "CREATE TABLE clock_record (
        id BIGINT PRIMARY KEY CHECK (id = 1),
        seen_at BIGINT NOT NULL,
        steady_since BIGINT NOT NULL
    )",
    "INSERT INTO clock_record (id, seen_at, steady_since) VALUES (1, 0, 0)",
];
