//! Jobs: what the servers do by themselves from time to time. When one is due, how long it waits after a failure, and how
//! it stands. Pure; who does it is decided by the row of each job in the database.

use serde::Serialize;
use uuid::Uuid;

use crate::Timestamp;
use crate::audit::kinds;

kinds! {
    /// The jobs that do what the audit log tells of, by the names that operators know them by.
    ServerJob {
        /// The job that signs audit logs.
        AuditChains = "audit_chains";
        /// The job that streams audit logs.
        AuditStreams = "audit_streams";
        /// The job that watches daily buckets.
        BucketAlerts = "bucket_alerts";
        /// The job that watches deployments.
        DeploymentAlerts = "deployment_alerts";
        /// The job that rotates registry keys.
        KeyRotation = "key_rotation";
        /// The job that delivers to webhook endpoints.
        Webhooks = "webhooks";
    }
}

impl ServerJob {
    /// The one of this name; `None` for one that this program does not know.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|job| job.as_str() == name)
    }

    /// What it is called in a sentence: “The job that rotates registry keys”.
    pub fn words(self) -> &'static str {
        self.description().trim_end_matches('.')
    }
}

/// How long the text of an error may be that is kept, in characters.
const MOST_ERROR: usize = 500;

/// For how long a thing that was put off speaks against a job that has had nothing to do since, in seconds.
const PUT_OFF_COUNTS: i64 = 24 * 60 * 60;

/// How late a job may be before it counts as standing still, in seconds: twice its period, and this at least.
const LEAST_LATENESS: i64 = 2 * 60;

/// Whether something is to be done at `now` that is due at `due_at` and is never put off by more than `longest` seconds. A
/// time that lies further ahead was written by a clock that was ahead, and is due at once.
pub fn is_due(due_at: Timestamp, longest: i64, now: Timestamp) -> bool {
    due_at <= now || due_at.is_ahead_of(now.plus_seconds(longest))
}

/// After how long something that failed is tried again: the pause doubles with each failure in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Seconds after the first failure.
    pub first: i64,
    /// The most seconds.
    pub longest: i64,
    /// After how many failures it is given up; `None` for never.
    pub most: Option<u32>,
}

impl Backoff {
    /// Seconds until the next try after so many failures in a row, 1 or more; `None` once it is given up.
    pub fn pause(self, failures: u32) -> Option<i64> {
        if self.most.is_some_and(|most| failures >= most) {
            return None;
        }
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(32));
        Some(doubled.min(self.longest))
    }
}

/// Takes up to half of a pause away, so that servers that failed together do not try again together; one second at least.
/// `random` is any number.
pub fn jittered(pause: i64, random: u16) -> i64 {
    (pause - pause / 2 * i64::from(random) / i64::from(u16::MAX)).max(1)
}

/// What came of a run of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobRun {
    /// How many things were done.
    pub done: u64,
    /// What went wrong, the last of it.
    pub fault: Option<JobFault>,
}

/// What went wrong with a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobFault {
    /// One thing could not be done and waits by itself; the others went on.
    PutOff(String),
    /// The job itself could not go on.
    Failed(String),
}

impl JobRun {
    /// This run and the one after it as one.
    #[must_use]
    pub fn and(self, next: Self) -> Self {
        // As for `JobHealth`: what was put off is over once something was done, any other fault after a run without.
        let over = next.fault.is_none() && (next.done > 0 || matches!(self.fault, Some(JobFault::Failed(_))));
        let fault = if over { None } else { next.fault.or(self.fault) };
        Self { done: self.done + next.done, fault }
    }
}

/// How a job has gone so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobHealth {
    /// When it last did what it is for, or found nothing to do.
    pub succeeded_at: Option<Timestamp>,
    /// How many runs in a row have failed; 0 for a job that works.
    pub failures: u32,
    /// When the first of them did.
    pub failing_since: Option<Timestamp>,
    /// When a run last failed, also if others went well since.
    pub failed_at: Option<Timestamp>,
    /// Why.
    pub last_error: Option<String>,
    /// Whether that was one thing which waits by itself.
    #[serde(skip)]
    pub put_off: bool,
}

impl JobHealth {
    /// That of a job that has not run.
    pub const NEW: Self = Self {
        succeeded_at: None,
        failures: 0,
        failing_since: None,
        failed_at: None,
        last_error: None,
        put_off: false,
    };

    /// Whether the last run failed, or what it put off is still open.
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// After another run, which ended at `now`.
    #[must_use]
    pub fn after(self, run: &JobRun, now: Timestamp) -> Self {
        let (error, put_off) = match &run.fault {
            Some(JobFault::PutOff(error)) => (error, true),
            Some(JobFault::Failed(error)) => (error, false),
            // That there was nothing to do does not show that what was put off can be done.
            None if run.done == 0 && self.waits(now) => return self,
            None => {
                return Self { succeeded_at: Some(now), failures: 0, failing_since: None, ..self };
            }
        };
        Self {
            failures: self.failures.saturating_add(1),
            failing_since: self.failing_since.or(Some(now)),
            failed_at: Some(now),
            last_error: Some(error.chars().take(MOST_ERROR).collect()),
            put_off,
            ..self
        }
    }

    fn waits(&self, now: Timestamp) -> bool {
        let open =
            self.failed_at.is_some_and(|at| !is_due(at.plus_seconds(PUT_OFF_COUNTS), PUT_OFF_COUNTS, now));
        self.is_failing() && self.put_off && open
    }
}

/// A server's right to do a job that one server does at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct JobClaim {
    /// Which server, by a number that it made up at its start.
    pub server: Uuid,
    /// Until when, unless it asks again.
    pub until: Timestamp,
}

/// A job, as the servers have written it down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobStatus {
    /// Its name.
    pub name: String,
    /// How often it has its turn, in seconds.
    pub period: i64,
    /// When it is due next; of a job that each server does, when there is news at the latest.
    pub due_at: Timestamp,
    /// Who is doing it, if one server does it at a time.
    pub claim: Option<JobClaim>,
    /// When its last run began.
    pub started_at: Option<Timestamp>,
    /// When its last run ended, well or not.
    pub finished_at: Option<Timestamp>,
    /// How many things were done, ever.
    pub done: u64,
    /// How it has gone.
    #[serde(flatten)]
    pub health: JobHealth,
}

/// How a job stands, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It works.
    Ok,
    /// A server is at it.
    Running,
    /// Its last run failed.
    Failing,
    /// It should have come to an end long ago: no server does it, or one hangs in it.
    Late,
}

impl JobState {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Running => "running",
            Self::Failing => "failing",
            Self::Late => "late",
        }
    }
}

impl JobStatus {
    /// How it stands at `now`.
    pub fn state(&self, now: Timestamp) -> JobState {
        let lateness = (2 * self.period).max(LEAST_LATENESS);
        match self.claim {
            _ if self.due_at.plus_seconds(lateness) <= now => JobState::Late,
            _ if self.health.is_failing() => JobState::Failing,
            Some(claim) if claim.until > now => JobState::Running,
            Some(_) | None => JobState::Ok,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const YEAR: i64 = 365 * 24 * 60 * 60;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(10 * YEAR + seconds).unwrap()
    }

    fn done(done: u64) -> JobRun {
        JobRun { done, fault: None }
    }

    fn failed() -> JobRun {
        JobRun { done: 0, fault: Some(JobFault::Failed("no answer".to_owned())) }
    }

    fn put_off() -> JobRun {
        JobRun { done: 0, fault: Some(JobFault::PutOff("450".to_owned())) }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_then_it_is_given_up() {
        let backoff = Backoff { first: 60, longest: 600, most: Some(7) };
        let pauses: Vec<_> = (1..=8).map(|failures| backoff.pause(failures)).collect();
        let some = [60, 120, 240, 480, 600, 600].map(Some);
        assert_eq!(pauses, [&some[..], &[None, None]].concat());
    }

    #[test]
    fn a_job_fails_from_its_first_failure_to_its_next_success() {
        let health = JobHealth::NEW.after(&done(0), at(0));
        assert_eq!((health.succeeded_at, health.is_failing()), (Some(at(0)), false));
        let health = health.after(&failed(), at(60)).after(&failed(), at(90));
        assert_eq!(
            (health.failures, health.failing_since, health.failed_at),
            (2, Some(at(60)), Some(at(90)))
        );
        assert_eq!(health.succeeded_at, Some(at(0)));
        let health = health.after(&done(0), at(120));
        assert_eq!((health.failures, health.failing_since, health.succeeded_at), (0, None, Some(at(120))));
        assert_eq!(health.last_error.as_deref(), Some("no answer"), "what it was can still be seen");
        assert_eq!(health.failed_at, Some(at(90)));
    }

    #[test]
    fn what_was_put_off_counts_until_something_was_done_or_for_a_day() {
        let health = JobHealth::NEW.after(&put_off(), at(0));
        assert!(health.clone().after(&done(0), at(3_600)).is_failing(), "there was nothing to do");
        assert!(!health.clone().after(&done(1), at(3_600)).is_failing());
        assert!(!health.clone().after(&done(0), at(PUT_OFF_COUNTS)).is_failing());
        assert!(!health.after(&done(0), at(-YEAR)).is_failing(), "the clock was ahead");
    }

    #[test]
    fn errors_are_kept_at_a_bounded_length() {
        let fault = Some(JobFault::Failed("é".repeat(10_000)));
        let health = JobHealth::NEW.after(&JobRun { done: 0, fault }, at(0));
        assert_eq!(health.last_error.unwrap().chars().count(), MOST_ERROR);
    }

    #[test]
    fn a_job_that_nobody_does_is_late() {
        let mut status = JobStatus {
            name: "notices".to_owned(),
            period: 600,
            due_at: at(600),
            claim: None,
            started_at: None,
            finished_at: None,
            done: 0,
            health: JobHealth::NEW,
        };
        assert_eq!(status.state(at(0)), JobState::Ok);
        assert_eq!(status.state(at(1_799)), JobState::Ok);
        assert_eq!(status.state(at(1_800)), JobState::Late);
        status.claim = Some(JobClaim { server: Uuid::nil(), until: at(1_900) });
        assert_eq!(status.state(at(1_799)), JobState::Running);
        assert_eq!(status.state(at(1_800)), JobState::Late, "a server hangs in it");
        status.claim = None;
        status.health = JobHealth::NEW.after(&failed(), at(0));
        assert_eq!(status.state(at(1_799)), JobState::Failing);
        assert_eq!(status.state(at(1_800)), JobState::Late, "no server tries it again");
    }

    proptest! {
        #[test]
        fn pauses_are_bounded_and_do_not_get_shorter(
            first in 1_i64..1_000, longest in 1_i64..100_000, failures in 1_u32..200, random: u16,
        ) {
            let backoff = Backoff { first: first.min(longest), longest, most: None };
            let pause = backoff.pause(failures).unwrap();
            prop_assert!((1..=longest).contains(&pause));
            prop_assert!(backoff.pause(failures + 1).unwrap() >= pause);
            let jittered = jittered(pause, random);
            prop_assert!(jittered >= 1 && jittered <= pause && jittered >= pause / 2);
        }

        /// However the clock was set and however runs ended: once it is right, the job is due within a period. And one that has
        /// just run is not due again.
        #[test]
        fn no_clock_delays_a_job_by_more_than_a_period(
            period in 60_i64..4_000,
            looks in proptest::collection::vec((1_i64..5_000, prop_oneof![4 => Just(0), 1 => -2 * YEAR..2 * YEAR], any::<bool>(), any::<u16>()), 1..60),
        ) {
            let backoff = Backoff { first: 5, longest: period, most: None };
            let (mut true_time, mut due_at, mut failures) = (0, at(0), 0);
            for (pass, shift, fails, random) in looks {
                true_time += pass;
                let now = at(true_time + shift);
                if is_due(due_at, period, now) {
                    failures = if fails { failures + 1 } else { 0 };
                    let pause = if fails { jittered(backoff.pause(failures).unwrap(), random) } else { period };
                    due_at = now.plus_seconds(pause);
                    prop_assert!(!is_due(due_at, period, now));
                }
                let soon = is_due(due_at, period, at(true_time));
                let last = is_due(due_at, period, at(true_time + period + Timestamp::SKEW_SECONDS));
                prop_assert!(soon || last);
            }
        }

        #[test]
        fn runs_that_are_written_down_together_say_the_same_as_one_by_one(
            runs in proptest::collection::vec((0_u64..3, 0_u8..3), 1..12),
        ) {
            let runs: Vec<JobRun> = runs.into_iter().map(|(done, kind)| match kind {
                0 => JobRun { done, fault: None },
                1 => JobRun { done, ..failed() },
                _ => JobRun { done, ..put_off() },
            }).collect();
            let one_by_one = runs.iter().fold(JobHealth::NEW, |health, run| health.after(run, at(0)));
            let done = runs.iter().map(|run| run.done).sum::<u64>();
            let together = runs.into_iter().fold(JobRun::default(), JobRun::and);
            prop_assert_eq!(together.done, done);
            // Together they may be said to fail a little longer, but never to work while they do not.
            if !JobHealth::NEW.after(&together, at(0)).is_failing() {
                prop_assert!(!one_by_one.is_failing());
            }
        }
    }
}
