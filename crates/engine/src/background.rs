//! What an engine does by itself, as one thing that is started and stopped.
//!
//! | loop | without it |
//! |---|---|
//! | the jobs of [`jobs::all`](crate::jobs::all) | nobody is told of ends, due registry keys keep their secrets, old rows and deleted organizations stay |
//! | the writer of the log | no access event and no "last used" is written, and what queues up is dropped |
//! | the watch over the database | requests wait for a database that is gone, and connections that died without a word stay |
//!
//! Mail is handed over by whoever runs the engine: see [`Mails`](crate::jobs::Mails). Without that job it waits in its rows.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use crate::jobs::{self, Job, Runner};
use crate::{Engine, LogRound, Retention};

/// For how long the log waits for its database once all is to stop.
const LOG_PATIENCE: Duration = Duration::from_secs(5);

/// All background work of one server, of which each server of a database has its own.
pub struct Background {
    engine: Arc<Engine>,
    retention: Retention,
    jobs: Vec<Rc<dyn Job>>,
}

impl Background {
    /// The background work of `engine`.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, retention: Retention::default(), jobs: Vec::new() }
    }

    /// Starts it on a thread of its own, which uses the tokio runtime that this is called in. `set_up` adds jobs on that thread,
    /// where they may hold what can't be sent between threads.
    ///
    /// # Errors
    /// There is no runtime here, or no thread can be started.
    pub fn start(
        engine: Arc<Engine>,
        set_up: impl FnOnce(Self) -> Self + Send + 'static,
    ) -> std::io::Result<RunningBackground> {
        let runtime = Handle::try_current().map_err(std::io::Error::other)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel();
        std::thread::Builder::new().name("keyward-background".to_owned()).spawn(move || {
            let background = set_up(Self::new(engine));
            // Told, or left without whoever could tell it.
            runtime.block_on(background.run_until(async { drop(stopped.await) }));
            let _ = end.send(());
        })?;
        Ok(RunningBackground { stop, ended })
    }

    /// Keeps what is old for so long.
    #[must_use]
    pub fn retention(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    /// Does this job besides.
    #[must_use]
    pub fn job(mut self, job: impl Job + 'static) -> Self {
        self.jobs.push(Rc::new(job));
        self
    }

    /// Works until `stop` ends; then steps under way are finished, claims are given back and the log is written to its end, which
    /// takes at most [`jobs::STOP_SECONDS`] and five seconds more. On this thread alone: see [`start`](Self::start).
    pub async fn run_until(self, stop: impl Future<Output = ()>) {
        let mut all = jobs::all(&self.engine, self.retention);
        all.extend(self.jobs);
        let (engine, runner) = (&self.engine, Runner::new(Arc::clone(&self.engine), all));
        let jobs = async {
            runner.run_until(stop).await;
            flush_log(engine).await;
        };
        let work = async {
            // The log goes on being written until all of it is: a batch that is dropped half-way is lost.
            tokio::select! {
                () = jobs => {}
                () = write_log(engine) => {}
                () = engine.watch_database() => {}
            }
        };
        LocalSet::new().run_until(work).await;
    }
}

/// Background work that was started. Dropped, it is told to stop and nobody waits for it.
#[derive(Debug)]
#[must_use = "dropped, it stops"]
pub struct RunningBackground {
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl RunningBackground {
    /// Stops it, and waits until it has ended: after the last request, and before the runtime ends.
    pub async fn stop(self) {
        drop(self.stop);
        let _ = self.ended.await;
    }
}

async fn write_log(engine: &Engine) {
    loop {
        tell(&engine.write_log().await);
    }
}

async fn flush_log(engine: &Engine) {
    match tokio::time::timeout(LOG_PATIENCE, engine.flush_log()).await {
        Ok(round) => tell(&round),
        Err(_) => tracing::warn!("access events could not be written down before the end"),
    }
}

fn tell(round: &LogRound) {
    if let Some(error) = &round.error {
        tracing::error!(%error, "access events can't be written down");
    }
    if round.dropped > 0 {
        tracing::warn!(dropped = round.dropped, "access events were dropped");
    }
}
