//! All metrics, in the order in which they are told. docs/operations/monitoring.md describes each; a test holds the two together.

use super::exposition::{Family, Kind};

/// Metrics by their names in the program.
macro_rules! families {
    ($($name:ident: $kind:ident $text:literal, $help:literal;)+) => {
        $(pub(super) static $name: Family = Family { name: $text, kind: Kind::$kind, help: $help };)+

        /// All of them.
        #[cfg(test)]
        pub(super) static ALL: &[&Family] = &[$(&$name,)+];
    };
}

families! {
    BUILD_INFO: Gauge "keyward_build_info", "Always 1; which version of the server this is, and on which database";
    HTTP_REQUESTS: Counter "keyward_http_requests_total", "Requests that were answered, by front end, method, template of the route and status code";
    HTTP_DURATIONS: Histogram "keyward_http_request_duration_seconds", "How long it took until an answer began";
    HTTP_IN_FLIGHT: Gauge "keyward_http_requests_in_flight", "Requests whose answer has not begun";
    VALIDATIONS: Counter "keyward_validations_total", "Validations that were answered, by status";
    VALIDATIONS_REFUSED: Counter "keyward_validations_refused_total", "Validations that had no answer, by reason";
    VALIDATION_BATCHES: Histogram "keyward_validation_batch_size", "How many validations were counted together";
    VALIDATION_WAITS: Histogram "keyward_validation_wait_seconds", "How long a validation has waited until it was counted";
    VALIDATIONS_STALE: Counter "keyward_validations_stale_total", "Prepared answers that were made anew because what they rested on was changed";
    CACHE_REQUESTS: Counter "keyward_cache_requests_total", "Lookups in memory, by cache and whether it had what was asked for";
    DATABASE_UP: Gauge "keyward_database_up", "Whether the database answers";
    DATABASE_WRITABLE: Gauge "keyward_database_writable", "Whether the database answers and writes";
    DATABASE_READ: Gauge "keyward_database_read_timestamp_seconds", "When queues, jobs and upstreams were last read from the database, in seconds since 1970";
    DATABASE_CONNECTIONS: Gauge "keyward_database_connections", "Open connections to the database, by pool and whether they are in use";
    DATABASE_CONNECTIONS_MAX: Gauge "keyward_database_connections_max", "How many connections to the database there may be, by pool";
    DATABASE_WAITING: Gauge "keyward_database_transactions_waiting", "Transactions that wait for a connection to the database";
    DATABASE_REFUSED: Counter "keyward_database_transactions_refused_total", "Transactions that could not begin: no connection was free in time, or the database did not answer";
    QUEUE_ENTRIES: Gauge "keyward_queue_entries", "Entries that wait, by queue; counted up to 100,000";
    QUEUE_AGE: Gauge "keyward_queue_oldest_age_seconds", "For how long the first entry has waited, by queue; 0 for an empty one";
    LOG_BYTES: Gauge "keyward_log_queue_bytes", "Memory of the entries that wait to be written to the log of registries and of uses";
    LOG_BYTES_MAX: Gauge "keyward_log_queue_max_bytes", "How much memory those may take; beyond it they are lost";
    LOG_WRITTEN: Counter "keyward_log_entries_written_total", "Entries of the log of registries and of uses that were written";
    LOG_SHED: Counter "keyward_log_entries_shed_total", "Entries of that log that were lost, since there was no room or they could not be written";
    JOB_SUCCEEDED: Gauge "keyward_job_last_success_timestamp_seconds", "When a job was last done, by whichever server, in seconds since 1970";
    JOB_FAILURES: Gauge "keyward_job_consecutive_failures", "How many runs of a job have failed in a row, on all servers; 0 for one that works";
    JOB_PERIOD: Gauge "keyward_job_period_seconds", "How often a job is due";
    JOB_LATE: Gauge "keyward_job_late", "Whether a job should have been done long ago: no server does it, or one hangs in it";
    JOB_TURNS: Counter "keyward_job_turns_total", "Turns of a job at this server, by how they ended";
    JOB_DURATIONS: Histogram "keyward_job_turn_duration_seconds", "How long a turn of a job has taken at this server";
    JOB_DONE: Counter "keyward_job_things_done_total", "Things that a job has done at this server, such as mails or webhook messages";
    MAILS: Counter "keyward_mails_total", "Tries to hand a mail over, by outcome";
    WEBHOOK_ATTEMPTS: Counter "keyward_webhook_attempts_total", "Tries to deliver a message to a webhook endpoint, by outcome";
    WEBHOOK_DURATIONS: Histogram "keyward_webhook_attempt_duration_seconds", "How long a webhook endpoint has taken to answer";
    WEBHOOK_ENDPOINTS: Gauge "keyward_webhook_endpoints", "Webhook endpoints of all organizations, by state";
    UPSTREAMS: Gauge "keyward_registry_upstreams", "Registries of all organizations, by whether their upstream answered when it was last looked at";
    UPSTREAM_REQUESTS: Counter "keyward_upstream_requests_total", "Requests to upstreams of registries, by outcome";
    UPSTREAM_DURATIONS: Histogram "keyward_upstream_request_duration_seconds", "How long an upstream has taken to begin its answer";
    GATEWAY_BYTES: Counter "keyward_gateway_bytes_total", "Bytes of bodies that went through the gateway in front of registries, by direction";
    HASHES: Counter "keyward_password_hashes_total", "Passwords and codes that were hashed (Argon2)";
    HASHES_REFUSED: Counter "keyward_password_hashes_refused_total", "Requests that were sent away because too many passwords were being hashed";
    HASHES_RUNNING: Gauge "keyward_password_hashes_running", "Passwords that are being hashed";
    HASHES_WAITING: Gauge "keyward_password_hashes_waiting", "Requests that wait for their password to be hashed";
    THROTTLED: Counter "keyward_throttled_requests_total", "Requests that were refused because of too many tries, by what refused them";
    DISK_FREE: Gauge "keyward_disk_free_bytes", "Room on the disk of a folder that the server may still use";
    DISK_SIZE: Gauge "keyward_disk_size_bytes", "Size of the disk of a folder";
    DISK_FREE_FILES: Gauge "keyward_disk_free_files", "How many more files the disk of a folder takes";
    SIGNING_KEY_SINCE: Gauge "keyward_signing_key_oldest_active_timestamp_seconds", "Since when the oldest active signing key signs, in seconds since 1970";
    SIGNING_KEY_MISSING: Gauge "keyward_organizations_without_signing_key", "Organizations that have no active signing key, so that nothing can be issued";
    CLOCK_AHEAD: Gauge "keyward_clock_ahead_seconds", "How far this server's clock is ahead of the database's; negative if it is behind";
    CERTIFICATE_END: Gauge "keyward_tls_certificate_end_timestamp_seconds", "When the certificate of KEYWARD_TLS_CERT ends, in seconds since 1970";
    PROCESS_CPU: Counter "process_cpu_seconds_total", "Processor time of the process, in seconds";
    PROCESS_RESIDENT: Gauge "process_resident_memory_bytes", "Memory of the process that is in use";
    PROCESS_VIRTUAL: Gauge "process_virtual_memory_bytes", "Memory that the process has reserved";
    PROCESS_THREADS: Gauge "process_threads", "Threads of the process";
    PROCESS_FILES: Gauge "process_open_fds", "Files and connections that the process has open";
    PROCESS_FILES_MAX: Gauge "process_max_fds", "How many it may have open";
    PROCESS_STARTED: Gauge "process_start_time_seconds", "When the process was started, in seconds since 1970";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_as_prometheus_wants_them() {
        let names: BTreeSet<_> = ALL.iter().map(|family| family.name).collect();
        assert_eq!(names.len(), ALL.len());
        for family in ALL {
            let name = family.name;
            assert!(name.starts_with("keyward_") || name.starts_with("process_"), "{name}");
            assert_eq!(name.ends_with("_total"), family.kind == Kind::Counter, "{name}");
            assert!(!family.help.ends_with('.'), "{name}");
        }
    }

    /// The page says of each metric what it is, and knows no other.
    #[test]
    fn each_metric_is_described() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations/monitoring.md");
        let page = std::fs::read_to_string(path).unwrap();
        let described: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
        for family in ALL {
            let begin = format!("| `{}` | {} |", family.name, family.kind.as_str());
            assert!(described.iter().any(|line| line.starts_with(&begin)), "{begin}");
        }
        let known: BTreeSet<_> = ALL.iter().map(|family| family.name).collect();
        for line in described {
            let name = line.split('`').nth(1).unwrap();
            if name.starts_with("keyward_") || name.starts_with("process_") {
                assert!(known.contains(name), "{name} is described and not there");
            }
        }
    }
}
