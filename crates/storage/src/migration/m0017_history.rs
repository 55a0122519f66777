//! Generations are told apart by the ids of their changes, and the audit log is ordered by them instead of by the clock.

pub(super) const STATEMENTS: &[&str] = &[
    "ALTER TABLE organizations ADD COLUMN last_change $UUID NOT NULL DEFAULT $NIL",
    // The ids of the latest changes, 16 bytes each, the last one last.
    "ALTER TABLE organizations ADD COLUMN history $BYTES NOT NULL DEFAULT $EMPTY",
    "ALTER TABLE audit_events ADD COLUMN sequence BIGINT NOT NULL DEFAULT 0",
    // What is there already comes before all that follows, which has the numbers of generations.
    "UPDATE audit_events SET sequence = earlier.sequence FROM (
        SELECT id AS event, 1 - ROW_NUMBER() OVER (PARTITION BY organization_id ORDER BY id DESC) AS sequence
        FROM audit_events
    ) AS earlier WHERE audit_events.id = earlier.event",
    "DROP INDEX audit_events_list",
    "CREATE UNIQUE INDEX audit_events_list ON audit_events (organization_id, sequence)",
];
