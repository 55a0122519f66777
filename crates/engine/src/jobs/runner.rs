//! Does each job when it is due, for as long as the server runs, and writes down how it went.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use keyward_domain::job::{JobFault, is_due, jittered};
use keyward_domain::{JobHealth, JobRun, JobStatus, Timestamp};
use keyward_storage::Technical;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{Job, Schedule, Step, Turns, until};
use crate::{Engine, Result, causes};

/// For how long a server has a job to itself without asking again.
pub const LEASE_SECONDS: i64 = 90;

/// For how many seconds steps under way are waited for when all is to stop.
pub const STOP_SECONDS: u64 = 10;

/// How often it asks.
const RENEW: Duration = Duration::from_secs(30);

/// After how long a turn ends even if there is more to do: the next one goes on, at whichever server.
const LONGEST_TURN: Duration = Duration::from_secs(60);

/// How often it is written down of a job that every server does that all is well.
const NEWS: Duration = Duration::from_secs(60);

/// How long it is waited before another look if another server was faster.
const MOMENT: Duration = Duration::from_secs(1);

/// All jobs of one server. To be used where tasks can be spawned on the same thread, such as a `LocalSet`.
pub struct Runner {
    engine: Arc<Engine>,
    /// By which other servers know this one.
    server: Uuid,
    jobs: Vec<Slot>,
    stopping: watch::Sender<bool>,
}

/// What came of a turn of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// What was done; `None` if it was not this server's turn.
    pub run: Option<JobRun>,
    /// How long to wait for the next.
    pub pause: Duration,
}

/// A job and what this server remembers of it.
struct Slot {
    job: Rc<dyn Job>,
    schedule: Schedule,
    memory: RefCell<Memory>,
}

struct Memory {
    /// As this server has seen it.
    health: JobHealth,
    /// What is not written down yet.
    unwritten: JobRun,
    written_at: Option<Instant>,
}

/// Whether a server has a job to itself.
enum Claim {
    Given,
    /// Not now; it is worth another look after this.
    Wait(Duration),
}

impl Runner {
    /// Has `jobs` done by one server.
    pub fn new(engine: Arc<Engine>, jobs: Vec<Rc<dyn Job>>) -> Self {
        let server = Uuid::from_bytes(engine.random());
        Self {
            engine,
            server,
            jobs: jobs.into_iter().map(Slot::new).collect(),
            stopping: watch::Sender::new(false),
        }
    }

    /// Does the jobs until `stop` ends. Each goes its own way: a slow one holds up no other. In the end steps under way are
    /// finished, as long as that takes no more than [`STOP_SECONDS`].
    pub async fn run_until(self, stop: impl Future<Output = ()>) {
        let (runner, mut loops) = (Rc::new(self), JoinSet::new());
        for place in 0..runner.jobs.len() {
            let runner = Rc::clone(&runner);
            loops.spawn_local(async move {
                while let Some(slot) = runner.jobs.get(place).filter(|_| !runner.is_stopping()) {
                    let turn = runner.have_turn(slot).await;
                    runner.rest(turn.pause).await;
                }
            });
        }
        stop.await;
        runner.stopping.send_replace(true);
        let all = async { while loops.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_secs(STOP_SECONDS), all).await.is_err() {
            tracing::warn!("jobs were left unfinished: another server goes on with them");
        }
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// A pause, which ends at once when all is to stop.
    async fn rest(&self, pause: Duration) {
        let mut stopping = self.stopping.subscribe();
        tokio::select! {
            () = sleep(pause) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    }

    /// Gives the job of this name one turn; `None` if there is none.
    pub async fn turn(&self, name: &str) -> Option<Turn> {
        let slot = self.jobs.iter().find(|slot| slot.job.name() == name)?;
        Some(self.have_turn(slot).await)
    }

    async fn have_turn(&self, slot: &Slot) -> Turn {
        let began = Instant::now();
        let turn = match slot.schedule.turns {
            Turns::OneServer => self.claimed_turn(slot).await,
            Turns::EveryServer => self.unclaimed_turn(slot).await,
        };
        if let Some(run) = &turn.run {
            self.engine.metrics.turn(slot.job.name(), run, began.elapsed());
        }
        turn
    }

    async fn unclaimed_turn(&self, slot: &Slot) -> Turn {
        let began = self.engine.now();
        let (mut run, more) = self.work(slot).await;
        let news = slot.remember(&run, self.engine.now());
        let unwritten = slot.memory.borrow().unwritten.clone().and(run.clone());
        if news {
            match self.write_down(slot, &unwritten, began).await {
                Ok(()) => slot.written(JobRun::default()),
                Err(error) => {
                    slot.written(unwritten);
                    if run.fault.is_none() {
                        run.fault = Some(JobFault::Failed(causes(&error)));
                        slot.remember(&run, self.engine.now());
                    }
                }
            }
        } else {
            slot.memory.borrow_mut().unwritten = unwritten;
        }
        let pause = match run.fault {
            Some(JobFault::Failed(_)) => self.backoff(slot, slot.memory.borrow().health.failures),
            _ if more => slot.schedule.breath,
            _ => slot.schedule.period,
        };
        Turn { run: Some(run), pause }
    }

    async fn claimed_turn(&self, slot: &Slot) -> Turn {
        match self.claim(slot).await {
            Ok(Claim::Given) => {}
            Ok(Claim::Wait(pause)) => return Turn { run: None, pause },
            Err(error) => return self.unwritten_turn(slot, JobRun::default(), &error),
        }
        let (run, more) = tokio::select! {
            worked = self.work(slot) => worked,
            () = self.keep(slot) => {
                tracing::warn!(job = slot.job.name(), "a job is left to another server");
                return Turn { run: None, pause: slot.schedule.period };
            }
        };
        match self.finish(slot, &run, more).await {
            Ok(pause) => {
                slot.remember(&run, self.engine.now());
                Turn { run: Some(run), pause }
            }
            Err(error) => self.unwritten_turn(slot, run, &error),
        }
    }

    fn unwritten_turn(&self, slot: &Slot, run: JobRun, error: &crate::Error) -> Turn {
        let run = JobRun { fault: Some(JobFault::Failed(causes(error))), ..run };
        slot.remember(&run, self.engine.now());
        let pause = self.backoff(slot, slot.memory.borrow().health.failures);
        Turn { run: Some(run), pause }
    }

    /// Does steps until there is nothing more, or for long enough; whether there may be more.
    async fn work(&self, slot: &Slot) -> (JobRun, bool) {
        let (began, mut run) = (Instant::now(), JobRun::default());
        loop {
            match self.step(&slot.job).await {
                Ok(Step::Done(done)) => {
                    run.done += done;
                    return (run, false);
                }
                Ok(Step::More(done)) => run.done += done,
                Ok(Step::PutOff(why)) => run.fault = Some(JobFault::PutOff(why)),
                Err(why) => {
                    run.fault = Some(JobFault::Failed(why));
                    return (run, false);
                }
            }
            self.rest(slot.schedule.breath).await;
            if began.elapsed() >= LONGEST_TURN || self.is_stopping() {
                return (run, true);
            }
        }
    }

    /// One step, in a task of its own, so that a panic ends nothing else. Dropped, it is stopped.
    async fn step(&self, job: &Rc<dyn Job>) -> Result<Step, String> {
        let (job, engine, mut task) = (Rc::clone(job), Arc::clone(&self.engine), JoinSet::new());
        task.spawn_local(async move { job.step(&engine).await });
        match task.join_next().await {
            Some(Ok(step)) => step.map_err(|error| causes(&error)),
            Some(Err(_)) | None => Err("it panicked".to_owned()),
        }
    }

    async fn claim(&self, slot: &Slot) -> Result<Claim> {
        let (name, now, longest) = (slot.job.name(), self.engine.now(), slot.schedule.backoff().longest);
        let known = self.engine.store.read().await?.jobs().find(name).await?;
        if let Some(status) = &known {
            let elsewhere = status.claim.filter(|claim| !is_due(claim.until, LEASE_SECONDS, now));
            if elsewhere.is_some() || !is_due(status.due_at, longest, now) {
                slot.learn(&status.health);
                let next = elsewhere.map_or(status.due_at, |claim| claim.until);
                return Ok(Claim::Wait(until(now, next).clamp(MOMENT, slot.schedule.period.max(MOMENT))));
            }
        }
        let tx = self.engine.store.write().await?;
        if known.is_none() {
            tx.jobs().begin(name, slot.schedule.seconds(), now).await?;
        }
        let claimed = tx.jobs().claim(name, self.server, now, (longest, LEASE_SECONDS)).await?;
        tx.commit_unrecorded(Technical::Job).await?;
        Ok(if claimed { Claim::Given } else { Claim::Wait(MOMENT) })
    }

    /// Asks for more time again and again; ends when this server has the job no longer.
    async fn keep(&self, slot: &Slot) {
        let mut given = Instant::now();
        loop {
            sleep(RENEW).await;
            match self.renew(slot).await {
                Ok(true) => given = Instant::now(),
                Ok(false) => return,
                Err(_) if given.elapsed().as_secs() > LEASE_SECONDS.unsigned_abs() => return,
                Err(_) => {}
            }
        }
    }

    async fn renew(&self, slot: &Slot) -> Result<bool> {
        let until = self.engine.now().plus_seconds(LEASE_SECONDS);
        let tx = self.engine.store.write().await?;
        let renewed = tx.jobs().renew(slot.job.name(), self.server, until).await?;
        tx.commit_unrecorded(Technical::Job).await?;
        Ok(renewed)
    }

    /// Writes down how the turn of a claimed job went and gives the claim back; how long it is until the next.
    async fn finish(&self, slot: &Slot, run: &JobRun, more: bool) -> Result<Duration> {
        let now = self.engine.now();
        let tx = self.engine.store.write().await?;
        let status = tx.jobs().lock(slot.job.name()).await?;
        let mine = |status: &JobStatus| status.claim.is_some_and(|claim| claim.server == self.server);
        // Whoever has it now writes down what comes of it.
        let Some(status) = status.filter(mine) else { return Ok(slot.schedule.period) };
        let health = status.health.clone().after(run, now);
        let pause = match run.fault {
            Some(JobFault::Failed(_)) => self.backoff(slot, health.failures),
            _ if more => Duration::ZERO,
            _ => slot.schedule.period,
        };
        let due_at = now.plus_seconds(i64::try_from(pause.as_secs()).unwrap_or(i64::MAX));
        let started_at = status.started_at;
        tx.jobs().save(&slot.status(status, run, (started_at, now), (due_at, health))).await?;
        tx.commit_unrecorded(Technical::Job).await?;
        Ok(pause)
    }

    /// Writes down how a job goes that every server does.
    async fn write_down(&self, slot: &Slot, run: &JobRun, began: Timestamp) -> Result<()> {
        let (name, now) = (slot.job.name(), self.engine.now());
        let tx = self.engine.store.write().await?;
        tx.jobs().begin(name, slot.schedule.seconds(), now).await?;
        if let Some(status) = tx.jobs().lock(name).await? {
            let health = status.health.clone().after(run, now);
            let news = slot.schedule.period.max(NEWS).as_secs();
            let due_at = now.plus_seconds(i64::try_from(news).unwrap_or(i64::MAX));
            tx.jobs().save(&slot.status(status, run, (Some(began), now), (due_at, health))).await?;
        }
        Ok(tx.commit_unrecorded(Technical::Job).await?)
    }

    fn backoff(&self, slot: &Slot, failures: u32) -> Duration {
        let backoff = slot.schedule.backoff();
        let pause = backoff.pause(failures.max(1)).unwrap_or(backoff.longest);
        let pause = jittered(pause, u16::from_be_bytes(self.engine.random()));
        Duration::from_secs(pause.unsigned_abs())
    }
}

impl Slot {
    fn new(job: Rc<dyn Job>) -> Self {
        let memory = Memory { health: JobHealth::NEW, unwritten: JobRun::default(), written_at: None };
        Self { schedule: job.schedule(), job, memory: RefCell::new(memory) }
    }

    /// Remembers how a turn went, and logs when the job begins to fail and when it works again. Whether that is worth being
    /// written down at once.
    fn remember(&self, run: &JobRun, now: Timestamp) -> bool {
        let (before, quiet) = {
            let memory = self.memory.borrow();
            (memory.health.clone(), memory.written_at.is_some_and(|at| at.elapsed() < NEWS))
        };
        let after = before.clone().after(run, now);
        let turned = before.is_failing() != after.is_failing();
        self.log(&before, &after);
        self.memory.borrow_mut().health = after;
        turned || run.fault.is_some() || !quiet
    }

    /// Another server has seen the job work.
    fn learn(&self, health: &JobHealth) {
        if health.is_failing() {
            return;
        }
        let before = std::mem::replace(&mut self.memory.borrow_mut().health, health.clone());
        self.log(&before, health);
    }

    fn log(&self, before: &JobHealth, after: &JobHealth) {
        let job = self.job.name();
        match (before.is_failing(), after.is_failing()) {
            (false, true) => {
                tracing::error!(job, error = after.last_error.as_deref(), "a job fails");
            }
            (true, false) => {
                let since = before.failing_since.map(tracing::field::display);
                tracing::info!(job, failures = before.failures, since, "a job works again");
            }
            (true, true) | (false, false) => {}
        }
    }

    fn written(&self, left: JobRun) {
        let mut memory = self.memory.borrow_mut();
        memory.unwritten = left;
        memory.written_at = Some(Instant::now());
    }

    /// The row after a turn that began and ended then.
    fn status(
        &self,
        before: JobStatus,
        run: &JobRun,
        (started_at, finished_at): (Option<Timestamp>, Timestamp),
        (due_at, health): (Timestamp, JobHealth),
    ) -> JobStatus {
        JobStatus {
            period: self.schedule.seconds(),
            due_at,
            claim: None,
            started_at,
            finished_at: Some(finished_at),
            done: before.done.saturating_add(run.done),
            health,
            ..before
        }
    }
}
