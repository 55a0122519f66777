//! Asks what is desired, as often as the way to the server bears.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use keyward_protocol::desired::Entry;
use keyward_protocol::{Desired, MOST_WAIT};

use super::backoff::{Backoff, jitter};
use super::status::Named;
use super::workers::Workers;
use super::{Shared, Status};
use crate::server::{AskError, Known};

/// How often is asked where requests that wait are cut off on the way.
const WITHOUT_WAIT: Duration = Duration::from_secs(30);

/// After how long requests that wait are tried again.
const TRY_WAITING: Duration = Duration::from_secs(3_600);

/// An answer that took less did not wait for anything.
const AT_ONCE: Duration = Duration::from_secs(2);

/// How often `status.json` is written although nothing has changed, and how often the age of the keys is looked at.
const FRESH: i64 = 60;
const KEY_LOOK: Duration = Duration::from_secs(3_600);

/// Until the agent is to end.
pub(super) fn run(shared: &Shared, workers: &Workers) {
    let mut poll =
        Poll { shared, workers, etag: None, way: Way::default(), status: Status::load(&shared.paths) };
    let mut keys_looked: Option<Instant> = None;
    while !shared.stop.is_stopping() {
        let pause = poll.once();
        if poll.status.trouble.is_none() && keys_looked.is_none_or(|at| at.elapsed() >= KEY_LOOK) {
            keys_looked = Some(Instant::now());
            rotate(shared);
        }
        shared.stop.sleep(pause);
    }
}

struct Poll<'a> {
    shared: &'a Shared,
    workers: &'a Workers,
    etag: Option<String>,
    way: Way,
    status: Status,
}

impl Poll<'_> {
    /// Asks once; how long to wait before the next time.
    fn once(&mut self) -> Duration {
        let wait = self.way.wait(Instant::now());
        let begun = Instant::now();
        let answered = self.shared.server.desired(self.etag.as_deref(), wait.then_some(MOST_WAIT));
        if self.shared.stop.is_stopping() {
            return Duration::ZERO;
        }
        let took = begun.elapsed();
        match answered {
            Ok(news) => {
                let pause = self.way.answered(wait, took, news.is_some());
                if let Some(known) = news {
                    self.follow(known);
                }
                self.well();
                pause
            }
            Err(error) => {
                let (pause, tell) = self.way.failed(wait, took);
                if tell {
                    self.trouble(&error);
                }
                pause
            }
        }
    }

    fn follow(&mut self, known: Known) {
        let Known { desired, etag } = known;
        self.status.deployments = named(&desired);
        self.status.answered_at = None;
        self.workers.follow(&desired.deployments);
        self.shared.server.forget_files_but_of(&desired);
        let is_desired = |id| desired.deployments.iter().any(|entry| entry.id() == id);
        self.shared.outbox.forget_removed(is_desired);
        *self.shared.desired.lock().unwrap_or_else(PoisonError::into_inner) = Some(desired);
        // Only now: had it ended before, it would ask for all of it again.
        self.etag = etag;
        // A witness looks anew.
        self.shared.outbox.nudge();
    }

    fn well(&mut self) {
        if self.status.trouble.take().is_some() {
            self.shared.log("the server answers again");
            self.status.answered_at = None;
        }
        let now = self.shared.server.now();
        let at_once = self.way.is_waiting();
        let (waiting, lost) = self.shared.outbox.count();
        let fresh = self.status.answered_at.is_some_and(|at| (0..FRESH).contains(&now.saturating_sub(at)));
        if !fresh || self.status.at_once != at_once {
            let deployments = std::mem::take(&mut self.status.deployments);
            self.status =
                Status { answered_at: Some(now), trouble: None, at_once, waiting, lost, deployments };
            self.status.save(&self.shared.paths);
        }
    }

    fn trouble(&mut self, error: &AskError) {
        let error = error.to_string();
        if self.status.trouble.as_ref() != Some(&error) {
            self.shared.log(&format!("{error}; what runs here goes on, and the server is asked again"));
            self.status.trouble = Some(error);
            (self.status.waiting, self.status.lost) = self.shared.outbox.count();
            self.status.save(&self.shared.paths);
        }
    }
}

fn rotate(shared: &Shared) {
    match shared.server.rotate_if_due() {
        Ok(true) => shared.log("the agent has new keys"),
        Ok(false) => {}
        Err(error) => shared.log(&format!("the agent's keys could not be replaced: {error}")),
    }
}

fn named(desired: &Desired) -> Vec<Named> {
    let deployments = desired.deployments.iter().filter_map(|entry| match entry {
        Entry::Deployment(deployment) => Some(deployment),
        Entry::Fault { .. } => None,
    });
    deployments
        .map(|deployment| Named {
            id: deployment.id,
            name: deployment.name.clone(),
            project: deployment.project.clone(),
            application: deployment.application.clone(),
            version: deployment.version.clone(),
        })
        .collect()
}

/// What the way to the server bears: whether requests may wait there for news, or something between cuts them off.
#[derive(Debug, Default)]
struct Way {
    backoff: Backoff,
    /// How many requests that waited were cut off one after the other, although the server was there.
    cuts: u32,
    /// Whether the request before was cut off, which is held against whether the next one is answered.
    suspicion: bool,
    /// Until when no request waits.
    impatient_until: Option<Instant>,
}

impl Way {
    /// Whether the next request may wait.
    fn wait(&mut self, now: Instant) -> bool {
        if self.impatient_until.is_some_and(|until| now >= until) {
            self.impatient_until = None;
            self.cuts = 0;
        }
        !self.suspicion && self.impatient_until.is_none()
    }

    fn is_waiting(&self) -> bool {
        self.impatient_until.is_none()
    }

    /// It was answered; how long to wait before the next.
    fn answered(&mut self, waited: bool, took: Duration, news: bool) -> Duration {
        self.backoff.reset();
        if std::mem::take(&mut self.suspicion) {
            // The server is there, so it was something between that has cut.
            self.cuts += 1;
            if self.cuts >= 2 {
                self.impatient_until = Some(Instant::now() + TRY_WAITING);
            }
        } else if waited && took >= AT_ONCE {
            self.cuts = 0;
        }
        match (self.is_waiting(), news) {
            (_, true) => Duration::from_secs(1),
            // A server that does not wait is not asked without end.
            (true, false) if waited && took < AT_ONCE => jitter(WITHOUT_WAIT),
            (true, false) => Duration::ZERO,
            (false, false) => jitter(WITHOUT_WAIT),
        }
    }

    /// It was not; how long to wait before the next, and whether the server is in trouble.
    fn failed(&mut self, waited: bool, took: Duration) -> (Duration, bool) {
        if waited && took >= AT_ONCE {
            // Cut off on the way, or the server is away: the next one, which does not wait, will tell.
            self.suspicion = true;
            return (Duration::ZERO, false);
        }
        self.suspicion = false;
        (self.backoff.next(), true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(50);

    #[test]
    fn a_way_that_cuts_twice_is_asked_every_half_minute() {
        let mut way = Way::default();
        for _ in 0..2 {
            assert!(way.wait(Instant::now()));
            assert_eq!(way.failed(true, LONG), (Duration::ZERO, false));
            assert!(!way.wait(Instant::now()));
            way.answered(false, SHORT, false);
        }
        assert!(!way.wait(Instant::now()) && !way.is_waiting());
        let pause = way.answered(false, SHORT, false);
        assert!(pause <= WITHOUT_WAIT && pause >= WITHOUT_WAIT / 2);
        assert!(way.wait(Instant::now() + TRY_WAITING + LONG));
    }

    #[test]
    fn a_server_that_is_away_is_not_a_way_that_cuts() {
        let mut way = Way::default();
        assert_eq!(way.failed(true, LONG), (Duration::ZERO, false));
        for _ in 0..20 {
            assert!(!way.wait(Instant::now()) || !way.suspicion);
            let (pause, tell) = way.failed(false, SHORT);
            assert!(tell && pause <= Duration::from_secs(300) && pause >= Duration::from_secs(2));
        }
        way.answered(true, LONG, false);
        assert!(way.is_waiting() && way.wait(Instant::now()));
        assert!(way.failed(true, SHORT).1);
    }

    #[test]
    fn a_server_that_does_not_wait_is_not_asked_without_end() {
        let mut way = Way::default();
        assert!(way.answered(true, SHORT, false) >= WITHOUT_WAIT / 2);
        assert_eq!(way.answered(true, LONG, false), Duration::ZERO);
        assert!(way.answered(true, SHORT, true) >= Duration::from_secs(1));
    }
}
