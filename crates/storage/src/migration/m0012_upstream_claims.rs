//! Whose an upstream is, by where it is found.

pub(super) const STATEMENTS: &[&str] = &[
    // What two organizations want at the same moment is decided by who holds this row.
    "CREATE TABLE upstream_endpoints (endpoint TEXT PRIMARY KEY)",
    "CREATE TABLE upstream_claims (
        registry_id $UUID NOT NULL REFERENCES registries (id),
        endpoint TEXT NOT NULL,
        PRIMARY KEY (registry_id, endpoint)
    )",
    "CREATE INDEX upstream_claims_endpoint ON upstream_claims (endpoint)",
    // The port was once read with a sign.
    "UPDATE registries SET upstream = REPLACE(upstream, ':+', ':') WHERE upstream LIKE '%:+%'",
];
