//! What the operator sees of the jobs of a server.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{bootstrapped, refuses, run, started, stderr};

fn jobs(folder: &Path) -> Vec<Value> {
    let shown = run(folder, &["jobs", "--json"]);
    assert!(shown.status.success(), "{}", stderr(&shown));
    serde_json::from_slice(&shown.stdout).unwrap()
}

#[test]
fn jobs_are_shown_while_the_server_runs_and_after() {
    let folder = bootstrapped();
    assert!(jobs(folder.path()).is_empty(), "no server has run");
    let (mut server, _) = started(folder.path());
    let begun = Instant::now();
    let names = [
        "audit_chains",
        "audit_streams",
        "bucket_alerts",
        "deletions",
        "deployment_alerts",
        "key_rotation",
        "mail",
        "notices",
        "registry_sweeps",
        "retention",
        "webhook_events",
        "webhooks",
    ];
    let done = |job: &Value| job["state"] == "ok" && job["succeeded_at"].is_string();
    loop {
        let jobs = jobs(folder.path());
        if jobs.len() == names.len() && jobs.iter().all(done) {
            assert!(jobs.iter().zip(names).all(|(job, name)| job["name"] == name), "{jobs:?}");
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{jobs:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    server.kill().unwrap();
    server.wait().unwrap();
    let table = run(folder.path(), &["jobs"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert_eq!(table.lines().count(), names.len() + 1, "{table}");
    assert!(table.starts_with("JOB ") && table.contains("\nmail "), "{table}");
}

#[test]
fn jobs_of_no_database_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    refuses(&run(folder.path(), &["jobs"]), "there is no database");
}
