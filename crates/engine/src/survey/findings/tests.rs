use keyward_domain::JobHealth;
use keyward_domain::job::{JobFault, JobRun};
use keyward_storage::{PoolState, SilentUpstream};

use super::*;
use crate::survey::{Hashing, LogQueue};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(1_767_225_600 + seconds).unwrap()
}

fn load() -> Load {
    Load {
        database: Health::Ready,
        database_kind: "postgresql",
        pools: vec![PoolState { name: "all", open: 3, idle: 1, most: 20 }],
        waiting_transactions: 0,
        refused_transactions: 0,
        hashing: Hashing { running: 0, most_running: 3, waiting: 0, most_waiting: 128, done: 0, refused: 0 },
        log: LogQueue { entries: 0, bytes: 0, most_bytes: 4 << 20, oldest_at: None },
    }
}

fn survey() -> Survey {
    Survey {
        at: at(0),
        read_at: Some(at(0)),
        jobs: Vec::new(),
        backlog: Some(Backlog::default()),
        clock_ahead_ms: Some(12),
        latest_seen_at: Some(at(-5)),
        fault: None,
        disks: vec![Disk { folder: "data", size: 100 * GIB, free: 40 * GIB, free_files: Some(1_000_000) }],
    }
}

fn job(name: &str, health: JobHealth, due_at: Timestamp) -> JobStatus {
    JobStatus {
        name: name.to_owned(),
        period: 60,
        due_at,
        claim: None,
        started_at: None,
        finished_at: Some(at(-4_000)),
        done: 0,
        health,
    }
}

/// What is found, each on a line.
fn told(survey: &Survey, load: &Load, shed: u64) -> Vec<String> {
    let line = |finding: Finding| {
        let subject = finding.subject.map(|subject| format!(" {subject}")).unwrap_or_default();
        format!("{} {}{subject}: {}", finding.severity.as_str(), finding.code.as_str(), finding.message)
    };
    all(survey, load, shed, at(0)).into_iter().map(line).collect()
}

#[test]
fn nothing_is_found_where_all_is_well() {
    assert_eq!(told(&survey(), &load(), 0), [""; 0]);
}

#[test]
fn what_is_late_or_failing_is_named_with_its_reason() {
    let fault = Some(JobFault::PutOff("the mail server\nanswers 450".to_owned()));
    let failing = JobHealth::NEW.after(&JobRun { done: 0, fault }, at(-60));
    let survey = Survey {
        jobs: vec![job("mail", failing, at(5)), job("notices", JobHealth::NEW, at(-3_600))],
        backlog: Some(Backlog {
            mails: Waiting { entries: 7, oldest_at: Some(at(-1_800)) },
            deliveries: Waiting { entries: MOST_COUNTED, oldest_at: Some(at(-100_000)) },
            hints: Waiting { entries: 1, oldest_at: Some(at(-10)) },
            upstreams_silent: 1,
            silent: vec![SilentUpstream {
                host: "registry.acme.example".to_owned(),
                fault: "connection refused".to_owned(),
                seen_at: None,
            }],
            organizations_without_key: 1,
            old_keys: 2,
            oldest_key_since: Some(at(-100_000_000)),
            ..Backlog::default()
        }),
        ..survey()
    };
    assert_eq!(
        told(&survey, &load(), 3),
        [
            "error job_late notices: The job notices is late: it is due every 60 seconds, and its last run ended 66 minutes \
             ago. No server does it, or one hangs in it.",
            "error job_failing mail: The job mail has failed once, since 2025-12-31T23:59:00Z: the mail server answers 450.",
            "error signing_key_missing: 1 organizations have no active signing key, so nothing can be issued in their name.",
            "warning mail_backlog: 7 mails wait to be handed over; the first has waited for 30 minutes.",
            "warning webhook_backlog: 100000 or more messages wait for webhook endpoints that work; the first has waited for 27 hours.",
            "warning log_shed: 3 entries of the log of registries were lost since this server was started.",
            "warning upstream_silent registry.acme.example: The upstream of the registry registry.acme.example gives no answer: \
             connection refused.",
            "warning signing_key_due: 2 signing keys have been active for more than two years, the oldest since \
             2022-10-31T14:13:20Z: rotate them.",
        ]
    );
}

#[test]
fn what_is_full_is_named_with_what_is_left() {
    let disk = |free, free_files| Disk { folder: "data", size: 10 * GIB, free, free_files };
    let on = |disk| told(&Survey { disks: vec![disk], ..survey() }, &load(), 0);
    assert_eq!(
        on(disk(100 * MIB, None)),
        ["error disk_full data: The disk of the data folder has 100 MiB left of 10240 MiB."]
    );
    let small = Disk { size: 64 * MIB, ..disk(40 * MIB, None) };
    assert!(on(small)[0].starts_with("error disk_full data: "), "little is little on a small disk, too");
    assert_eq!(
        on(disk(900 * MIB, Some(5_000))),
        ["warning disk_full data: The disk of the data folder has 900 MiB left of 10240 MiB."]
    );
    assert_eq!(
        on(disk(5 * GIB, Some(3))),
        ["error disk_full data: The disk of the data folder takes 3 more files."]
    );
    let load = Load {
        pools: vec![PoolState { name: "all", open: 20, idle: 0, most: 20 }],
        waiting_transactions: 4,
        log: LogQueue { entries: 9_000, bytes: 4 << 20, most_bytes: 4 << 20, oldest_at: None },
        hashing: Hashing { waiting: 100, ..load().hashing },
        ..load()
    };
    let codes: Vec<_> = all(&survey(), &load, 0, at(0)).iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["connections_exhausted", "log_full", "hashing_busy"]);
}

#[test]
fn a_database_that_is_gone_is_told_and_jobs_as_far_as_known() {
    let gone = Survey {
        backlog: None,
        fault: Some("connection refused".to_owned()),
        read_at: Some(at(-3_600)),
        jobs: vec![job("mail", JobHealth::NEW, at(-3_600))],
        clock_ahead_ms: None,
        latest_seen_at: None,
        ..survey()
    };
    let told = told(&gone, &Load { database: Health::Unreachable, ..load() }, 0);
    assert_eq!(told[0], "error database_unreachable: The database does not answer: connection refused.");
    assert!(told[1].starts_with("error job_late mail: "), "{told:?}");
}

#[test]
fn clocks_that_differ_are_told() {
    let ahead = |ms| told(&Survey { clock_ahead_ms: Some(ms), ..survey() }, &load(), 0);
    assert_eq!(ahead(-2_000), [""; 0]);
    assert!(
        ahead(-2_001)[0].starts_with("warning clock_differs: The clock of this server is 2001 ms behind")
    );
    assert!(
        ahead(61_000)[0].starts_with("error clock_differs: The clock of this server is 61000 ms ahead of")
    );
    let seen = Survey { latest_seen_at: Some(at(86_400)), ..survey() };
    assert!(
        told(&seen, &load(), 0)[0].starts_with("warning clock_behind: A server has seen the time 2026-01-02")
    );
}

#[test]
fn each_code_has_its_name() {
    for code in FindingCode::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
}
