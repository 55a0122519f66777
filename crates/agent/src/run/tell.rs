//! Tells the server what has happened, as soon as it happens and in few requests.

use std::time::{Duration, Instant};

use keyward_protocol::enrolment::Facts;
use keyward_protocol::report::{DeploymentReport, Reports, Witnessed};

use super::Shared;
use super::backoff::Backoff;
use crate::facts;
use crate::server::AskError;
use crate::witness;

/// How often the host is looked at, in a witness with what runs there.
const LOOK: Duration = Duration::from_secs(60);

/// How often the facts of the host are.
const FACTS: Duration = Duration::from_secs(600);

/// What happens within this time is told together.
const TOGETHER: Duration = Duration::from_millis(250);

/// As often as a request may be made, so that there is room for others within the server's bounds.
const APART: Duration = Duration::from_millis(1_500);

/// How long to leave a disk alone that keeps nothing.
const UNKEPT: Duration = Duration::from_secs(5);

/// Until the agent is to end. What is left then is told once more, if the server is there.
pub(super) fn run(shared: &Shared) {
    let mut teller = Teller { shared, backoff: Backoff::default(), told: Told::default(), facts: None };
    while !shared.stop.is_stopping() {
        let pause = teller.once();
        if !shared.stop.sleep(pause) && shared.outbox.wait(LOOK) {
            shared.stop.sleep(TOGETHER);
        }
    }
    if teller.backoff.is_calm() {
        teller.once();
    }
}

/// What the server knows of the host.
#[derive(Default)]
struct Told {
    facts: Option<Facts>,
    paused: bool,
    witnessed: Option<Vec<Witnessed>>,
}

struct Teller<'a> {
    shared: &'a Shared,
    backoff: Backoff,
    told: Told,
    facts: Option<(Instant, Facts)>,
}

impl Teller<'_> {
    /// Tells what is new; how long to wait before the next time.
    fn once(&mut self) -> Duration {
        let mut reports = self.news();
        let nothing = reports.facts.is_none()
            && reports.witnessed.is_none()
            && reports.deployments.is_empty()
            && reports.paused == self.told.paused;
        if nothing {
            // What waits and is not in the report can't be kept on the disk.
            return if self.shared.outbox.has_news() { UNKEPT } else { Duration::ZERO };
        }
        match self.tell(&mut reports) {
            Ok(true) => {
                self.backoff.reset();
                APART
            }
            // Whatever it is, asking at once again would not change it.
            Ok(false) => self.backoff.next(),
            Err(error) => {
                if self.backoff.is_calm() {
                    self.shared.log(&format!("a report was not taken: {error}"));
                }
                self.backoff.next()
            }
        }
    }

    fn news(&mut self) -> Reports {
        let config = self.shared.config();
        let facts = self.facts();
        Reports {
            facts: facts
                .filter(|facts| self.told.facts.as_ref().is_none_or(|told| facts::differ(told, facts))),
            paused: config.pause,
            deployments: self.shared.outbox.batch().unwrap_or_default(),
            witnessed: self.witnessed().filter(|seen| self.told.witnessed.as_ref() != Some(seen)),
        }
    }

    fn facts(&mut self) -> Option<Facts> {
        if self.facts.as_ref().is_none_or(|(at, _)| at.elapsed() >= FACTS) {
            let mode = self.shared.server.identity().mode;
            self.facts = Some((Instant::now(), facts::gather(&self.shared.config(), mode)));
        }
        self.facts.as_ref().map(|(_, facts)| facts.clone())
    }

    /// In mode `witness`, what is seen; `None` while that can't be said.
    fn witnessed(&self) -> Option<Vec<Witnessed>> {
        if self.shared.server.identity().mode != keyward_protocol::enrolment::Mode::Witness {
            return None;
        }
        let desired = self.shared.desired.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let versions = desired.as_ref()?.versions.clone();
        drop(desired);
        witness::look(&self.shared.config(), &versions).ok()
    }

    /// Whether the server has taken any of it.
    fn tell(&mut self, reports: &mut Reports) -> Result<bool, AskError> {
        match self.shared.server.report(reports) {
            Ok(taken) => {
                let had = reports.deployments.iter().map(|report| report.transitions.len()).sum::<usize>();
                let progress = self.shared.outbox.taken(&reports.deployments, &taken);
                self.told.paused = reports.paused;
                if let Some(facts) = reports.facts.take() {
                    self.told.facts = Some(facts);
                }
                if let Some(seen) = reports.witnessed.take() {
                    self.told.witnessed = Some(seen);
                }
                Ok(had == 0 || progress.taken > 0)
            }
            Err(AskError::Refused(problem)) if is_unreadable(problem.status) => {
                self.shared.log(&format!("a report was refused, and is told in parts: {problem}"));
                self.tell_in_parts(std::mem::take(&mut reports.deployments));
                // Nor is the rest said again in this form before it is something else.
                self.told.paused = reports.paused;
                self.told.facts = reports.facts.take().or(self.told.facts.take());
                self.told.witnessed = reports.witnessed.take().or(self.told.witnessed.take());
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// One thing after the other, so that what the server can't read stands in no other's way.
    fn tell_in_parts(&self, deployments: Vec<DeploymentReport>) {
        for whole in deployments {
            let mut parts: Vec<_> = whole
                .transitions
                .iter()
                .map(|transition| DeploymentReport { transitions: vec![transition.clone()], ..whole.clone() })
                .collect();
            if parts.is_empty() {
                parts.push(whole);
            }
            for part in parts {
                let told = std::slice::from_ref(&part);
                let reports =
                    Reports { paused: self.told.paused, deployments: told.to_vec(), ..Reports::default() };
                match self.shared.server.report(&reports) {
                    Ok(taken) => drop(self.shared.outbox.taken(told, &taken)),
                    Err(AskError::Refused(problem)) if is_unreadable(problem.status) => {
                        self.shared.log(&format!("a report was given up: {problem}"));
                        self.shared.outbox.give_up(told);
                    }
                    Err(_) => return,
                }
                if self.shared.stop.sleep(APART) {
                    return;
                }
            }
        }
    }
}

/// Whether the server says that it can't read this, and never will.
fn is_unreadable(status: u16) -> bool {
    matches!(status, 400 | 413 | 422)
}
