//! The way back, and how containers are stopped.

use std::time::Duration;

use keyward_protocol::desired::Deployment;
use keyward_protocol::report::{Failure, Phase, Step};

use super::folder::Record;
use super::up::{Fell, containers};
use super::work::{Tools, Work};
use super::{Open, Stopped, journal};
use crate::engine::EngineError;
use crate::engine::api::Engine;

/// How long is waited until Compose is run again.
const PAUSE: Duration = Duration::from_secs(2);

/// How often Compose is run on the way back.
const MOST_TRIES_BACK: u32 = 3;

/// How often a container is stopped that is started again, and how many looks it has to stand still for, a tenth of a second apart.
const MOST_STOPS: u32 = 100;
const STILL: u32 = 10;

impl Work<'_> {
    /// After step 11 has begun: back to the revision before, if there is one and the version allows it.
    pub(super) fn fall_back(&mut self, tools: &Tools, failure: Failure) -> Result<(), Stopped> {
        let to = self.state.current.filter(|current| *current != self.order.revision);
        if self.order.no_way_back && to.is_some() {
            let message = format!(
                "{} The version does not allow the one before it to follow, so it is left as it is.",
                failure.message
            );
            return Ok(self.end(Phase::Failed { failure: Failure { message, ..failure } }, Open::default())?);
        }
        self.go_back(Some(tools), to, failure)
    }

    /// Brings the revision before back: without the server, and without a registry. A first install is stopped.
    pub(super) fn go_back(
        &mut self,
        tools: Option<&Tools>,
        to: Option<u32>,
        failure: Failure,
    ) -> Result<(), Stopped> {
        self.journal.append(&journal::Entry::Back { to, failure: failure.clone() })?;
        // To look for Compose anew takes the old one a second.
        let found;
        let tools = match tools {
            Some(tools) => tools,
            None => {
                found = self.tools_or_later()?;
                &found
            }
        };
        let Some(to) = to else {
            if self.state.current.is_none() {
                self.stop_all(&tools.engine);
            }
            return Ok(self.end(Phase::Failed { failure }, Open::default())?);
        };
        self.tell(Phase::RollingBack { failure: failure.clone() });
        let known = (self.folder.revision_order(to)?, self.folder.record(to)?);
        let (Some(order), Some(record)) = known else {
            let message =
                format!("{} Revision {to}, which ran before, is not on this host any more.", failure.message);
            return Ok(self.end(Phase::Failed { failure: Failure { message, ..failure } }, Open::default())?);
        };
        let phase = match self.bring_back(tools, &order, &record)? {
            None => Phase::RolledBack { failure, to },
            Some(fell) => {
                let again = self.failure_of(tools, &fell);
                let message =
                    format!("{} And revision {to} did not come back: {}", failure.message, again.message);
                Phase::Failed { failure: Failure { message: self.redactor.line(&message, 2000), ..failure } }
            }
        };
        Ok(self.end(phase, Open::default())?)
    }

    /// What does not run well is stopped first: one that is started again and again may hold its port at any moment. An engine may
    /// need a moment to let go of it, so it is tried more than once.
    fn bring_back(
        &self,
        tools: &Tools,
        order: &Deployment,
        record: &Record,
    ) -> Result<Option<Fell>, Stopped> {
        let mut tries = 1;
        loop {
            self.stop_unsteady(&tools.engine);
            let fell = self.bring_up(tools, order, record, false)?;
            if tries == MOST_TRIES_BACK || fell.as_ref().is_none_or(|fell| fell.step != Step::Up) {
                return Ok(fell);
            }
            tries += 1;
            std::thread::sleep(PAUSE);
        }
    }

    /// Stops the containers that have been started again, or are about to be.
    fn stop_unsteady(&self, engine: &Engine) {
        let containers = containers(engine, &self.label()).unwrap_or_default();
        for container in containers {
            if container.restart_count > 0 || container.state.status == "restarting" {
                // If it can't be stopped, Compose says why.
                let _ = stop_for_good(engine, &container.id, 1);
            }
        }
    }

    /// Stops all containers of the deployment, at the same time.
    pub(super) fn stop_all(&self, engine: &Engine) -> Vec<EngineError> {
        let rows = match engine.containers(&self.label()) {
            Ok(rows) => rows,
            Err(error) => return vec![error],
        };
        std::thread::scope(|scope| {
            let stops: Vec<_> =
                rows.iter().map(|row| scope.spawn(|| stop_for_good(engine, &row.id, 10))).collect();
            stops.into_iter().filter_map(|stop| stop.join().ok()?.err()).collect()
        })
    }
}

/// Stops a container that may be between two starts: podman takes it for stopped then, starts it again all the same, and keeps its port.
/// So it is stopped until it was caught running, or has stood still for a while.
fn stop_for_good(engine: &Engine, id: &str, seconds: u32) -> Result<(), EngineError> {
    let (mut still, mut before) = (0, None);
    for _ in 0..MOST_STOPS {
        if engine.stop(id, seconds)? {
            return Ok(());
        }
        let Some(container) = engine.container(id)? else { return Ok(()) };
        if ["", "no"].contains(&container.host_config.restart_policy.name.as_str()) {
            return Ok(());
        }
        let seen = Some((container.restart_count, container.state.started_at));
        still = if seen == before { still + 1 } else { 0 };
        if still >= STILL {
            return Ok(());
        }
        before = seen;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
