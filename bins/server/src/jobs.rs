//! How the operator sees what the server does by itself.

use keyward_domain::{JobState, JobStatus, Timestamp};

use crate::compose;
use crate::config::Settings;
use crate::print;

/// Prints how they stand, as the servers have written it down.
pub(crate) async fn show(settings: &Settings, json: bool) -> anyhow::Result<()> {
    compose::existing_database(settings)?;
    let engine = compose::open(settings).await?;
    let (jobs, now) = (engine.job_statuses().await?, engine.now());
    print(&match json {
        true => as_json(&jobs, now)?,
        false => as_table(&jobs, now),
    })
}

fn as_json(jobs: &[JobStatus], now: Timestamp) -> anyhow::Result<String> {
    #[derive(serde::Serialize)]
    struct Shown<'a> {
        state: JobState,
        #[serde(flatten)]
        job: &'a JobStatus,
    }
    let shown: Vec<_> = jobs.iter().map(|job| Shown { state: job.state(now), job }).collect();
    Ok(serde_json::to_string_pretty(&shown)?)
}

fn as_table(jobs: &[JobStatus], now: Timestamp) -> String {
    let head = ["JOB", "STATE", "LAST SUCCESS", "DONE", "NEXT", "FAILURES", "LAST FAILURE"];
    let rows = jobs.iter().map(|job| row(job, now));
    let rows: Vec<_> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().enumerate().map(|(column, cell)| format!("{cell:<0$}", width(column)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn row(job: &JobStatus, now: Timestamp) -> [String; 7] {
    let health = &job.health;
    let ago = |at: Option<Timestamp>| at.map(|at| format!("{} ago", span(at, now)));
    let next = if job.due_at <= now { "now".to_owned() } else { format!("in {}", span(now, job.due_at)) };
    // On one line, whatever an error says.
    let error = health.last_error.as_deref().unwrap_or_default().replace(char::is_control, " ");
    let failure = ago(health.failed_at).map(|ago| format!("{ago}: {error}"));
    [
        job.name.clone(),
        job.state(now).as_str().to_owned(),
        ago(health.succeeded_at).unwrap_or_else(|| "never".to_owned()),
        job.done.to_string(),
        next,
        health.failures.to_string(),
        failure.unwrap_or_default(),
    ]
}

/// How long it is from one instant to another, in the largest unit of which there are two.
fn span(from: Timestamp, to: Timestamp) -> String {
    let seconds = (to.unix() - from.unix()).max(0);
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use keyward_domain::JobHealth;
    use keyward_domain::job::{JobFault, JobRun};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_767_225_600 + seconds).unwrap()
    }

    fn job(name: &str, health: JobHealth, due_at: Timestamp) -> JobStatus {
        JobStatus {
            name: name.to_owned(),
            period: 60,
            due_at,
            claim: None,
            started_at: None,
            finished_at: None,
            done: 12,
            health,
        }
    }

    #[test]
    fn the_table_says_what_stands_still_and_why() {
        let well = JobHealth::NEW.after(&JobRun::default(), at(0));
        let fault = Some(JobFault::Failed("the database\nis gone".to_owned()));
        let ill = well.clone().after(&JobRun { done: 0, fault }, at(60));
        let jobs = [
            job("key_rotation", JobHealth::NEW, at(-100_000)),
            job("mail", ill, at(3_630)),
            job("notices", well, at(3_640)),
        ];
        assert_eq!(
            as_table(&jobs, at(3_600)),
            "JOB           STATE    LAST SUCCESS  DONE  NEXT     FAILURES  LAST FAILURE\n\
             key_rotation  late     never         12    now      0\n\
             mail          failing  60 min ago    12    in 30 s  1         59 min ago: the database is gone\n\
             notices       ok       60 min ago    12    in 40 s  0"
        );
        let json: serde_json::Value = serde_json::from_str(&as_json(&jobs, at(3_600)).unwrap()).unwrap();
        assert_eq!((&json[1]["state"], &json[1]["failures"]), (&"failing".into(), &1.into()));
        assert_eq!(json[1]["failing_since"], "2026-01-01T00:01:00Z");
    }
}
