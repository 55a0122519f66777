//! Whether Compose waits in vain. With `depends_on: {condition: service_healthy}` it waits for a check itself, and for longer than the
//! version gives its services; whoever waited for its end would be late on the way back.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::settle::deadline;
use super::up::containers;
use crate::engine::api::Engine;
use crate::engine::model::{Container, Healthcheck};

/// How often it is looked.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a container is given to end, where nothing is said: so engines and Compose have it.
const GRACE: Duration = Duration::from_secs(10);

/// Watches what Compose has started.
pub(super) struct Stall<'a> {
    engine: &'a Engine,
    label: &'a str,
    /// How long a service has until its check passes, if the version says so.
    patience: Option<Duration>,
    /// What was there before: Compose replaces it, or does not start it.
    before: HashSet<String>,
    /// The longest time that one of those is given to end.
    grace: Duration,
    waits: HashMap<String, Instant>,
    next: Instant,
}

impl<'a> Stall<'a> {
    /// Begins, just before Compose does.
    pub(super) fn new(engine: &'a Engine, label: &'a str, patience: Option<Duration>) -> Self {
        let before = containers(engine, label).unwrap_or_default();
        let grace = before.iter().map(|one| one.config.stop_timeout.map_or(GRACE, Duration::from_secs)).max();
        Self {
            engine,
            label,
            patience,
            before: before.into_iter().map(|container| container.id).collect(),
            grace: grace.unwrap_or_default(),
            waits: HashMap::new(),
            next: Instant::now() + PAUSE,
        }
    }

    /// How long Compose may take to stop what ran before.
    pub(super) fn grace(&self) -> Duration {
        self.grace
    }

    /// Whether a service has had its time, and its check has not passed. Cheap to ask often.
    pub(super) fn is_over(&mut self) -> bool {
        if Instant::now() < self.next {
            return false;
        }
        let found = containers(self.engine, self.label).unwrap_or_default();
        let is_over = self.look(&found, Instant::now());
        self.next = Instant::now() + PAUSE;
        is_over
    }

    fn look(&mut self, found: &[Container], now: Instant) -> bool {
        let mut is_over = false;
        for container in found.iter().filter(|container| !self.before.contains(&container.id)) {
            if !waits(container) {
                self.waits.remove(&container.id);
                continue;
            }
            let since = *self.waits.entry(container.id.clone()).or_insert(now);
            let patience = self.patience.unwrap_or_else(|| deadline(std::slice::from_ref(container)));
            is_over |= now.saturating_duration_since(since) >= patience;
        }
        is_over
    }
}

/// Whether it has a check that has not passed. One that is started again and again waits all the time.
fn waits(container: &Container) -> bool {
    let runs = ["running", "restarting"].contains(&container.state.status.as_str());
    let passed = container.state.health.as_ref().is_some_and(|health| health.status == "healthy");
    runs && container.config.healthcheck.as_ref().is_some_and(Healthcheck::is_set) && !passed
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn container(id: &str, status: &str, health: &str) -> Container {
        serde_json::from_value(serde_json::json!({
            "Id": id, "State": {"Status": status, "Health": {"Status": health}},
            "Config": {"Healthcheck": {"Test": ["CMD", "x"]}},
        }))
        .unwrap()
    }

    #[test]
    fn what_was_started_has_its_time_and_no_more() {
        let engine = Engine::new(Path::new("/nonexistent"));
        let five = Duration::from_secs(5);
        let mut stall = Stall::new(&engine, "a=b", Some(five));
        stall.before.insert("old".into());
        let (begun, at) = (Instant::now(), Duration::from_secs);
        let starting = [container("old", "running", "unhealthy"), container("new", "running", "starting")];
        assert!(!stall.look(&starting, begun));
        assert!(!stall.look(&starting, begun + at(4)));
        // One that is started again goes on waiting.
        assert!(stall.look(&[container("new", "restarting", "starting")], begun + at(5)));
        // One that has passed does not, nor one that waits for others itself.
        assert!(!stall.look(&[container("new", "running", "healthy")], begun + at(6)));
        assert!(!stall.look(&[container("other", "created", "starting")], begun + at(6)));
        assert!(!stall.look(&[container("other", "running", "starting")], begun + at(60)));
        assert!(stall.look(&[container("other", "running", "unhealthy")], begun + at(65)));
    }
}
