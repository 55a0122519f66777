//! How an installation stands, for its operator.

use clap::Args;
use serde::Deserialize;

use crate::Outcome;
use crate::client::Connection;
use crate::output::{line, table};

#[derive(Debug, Args)]
pub(crate) struct System {
    #[command(flatten)]
    connection: Connection,
}

#[derive(Deserialize)]
struct Standing {
    status: String,
    version: String,
    findings: Vec<Finding>,
    database: Database,
    jobs: Vec<Job>,
    queues: Vec<Queue>,
    disks: Vec<Disk>,
}

#[derive(Deserialize)]
struct Finding {
    code: String,
    severity: String,
    message: String,
}

#[derive(Deserialize)]
struct Database {
    kind: String,
    state: String,
}

#[derive(Deserialize)]
struct Job {
    name: String,
    state: String,
    succeeded_at: Option<String>,
    failures: u32,
}

#[derive(Deserialize)]
struct Queue {
    name: String,
    entries: u64,
    oldest_at: Option<String>,
}

#[derive(Deserialize)]
struct Disk {
    folder: String,
    free_bytes: u64,
    size_bytes: u64,
}

impl System {
    /// Ends with 1 if something does not work, so that a script can ask.
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let answer = self.connection.get("system")?;
        self.connection.show(&answer, show)?;
        let standing: Standing = serde_json::from_str(answer.get())?;
        Ok(if standing.status == "error" { Outcome::Refused } else { Outcome::Good })
    }
}

fn show(system: Standing) -> anyhow::Result<()> {
    line(&format!("status    {}", system.status))?;
    line(&format!("version   {}", system.version))?;
    line(&format!("database  {}, {}", system.database.kind, system.database.state))?;
    for disk in &system.disks {
        let (free, size) = (disk.free_bytes >> 20, disk.size_bytes >> 20);
        line(&format!("disk      {}: {free} MiB left of {size} MiB", disk.folder))?;
    }
    for finding in &system.findings {
        line(&format!("\n{} {}\n  {}", finding.severity.to_uppercase(), finding.code, finding.message))?;
    }
    line("")?;
    let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let rows: Vec<_> = system
        .jobs
        .into_iter()
        .map(|job| [job.name, job.state, dash(job.succeeded_at), job.failures.to_string()])
        .collect();
    table(["JOB", "STATE", "LAST SUCCESS", "FAILURES"], &rows)?;
    line("")?;
    let rows: Vec<_> = system
        .queues
        .into_iter()
        .map(|queue| [queue.name, queue.entries.to_string(), dash(queue.oldest_at)])
        .collect();
    table(["QUEUE", "ENTRIES", "OLDEST"], &rows)
}
