//! What the servers do by themselves from time to time, one row for each kind; and who looks through which registry.

pub(super) const STATEMENTS: &[&str] = &[
    "CREATE TABLE jobs (
        name TEXT PRIMARY KEY,
        period BIGINT NOT NULL,
        due_at BIGINT NOT NULL,
        claimed_by $UUID,
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
    )",
    "ALTER TABLE registries ADD COLUMN sweep_claimed_until BIGINT",
];
