//! Podman runs health checks by systemd's timers. Where there is no systemd, nobody does; so the agent asks for each at its interval
//! from before Compose begins, since Compose waits for them itself.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::settle::interval;
use crate::engine::api::Engine;
use crate::engine::model::{Container, Healthcheck};

/// How often it is looked which containers there are.
const PAUSE: Duration = Duration::from_millis(500);

/// Does something, and has every check of the deployment run meanwhile.
pub(super) fn checked_meanwhile<T>(
    engine: &Engine,
    podman: bool,
    label: &str,
    then: impl FnOnce() -> T,
) -> T {
    if !podman {
        return then();
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| drive(engine, label, &done));
        // Also when it panics.
        let _done = Done(&done);
        then()
    })
}

struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn drive(engine: &Engine, label: &str, done: &AtomicBool) {
    let mut next: HashMap<String, Instant> = HashMap::new();
    while !done.load(Ordering::SeqCst) {
        for container in running(engine, label) {
            let Some(check) = container.config.healthcheck.as_ref().filter(|check| check.is_set()) else {
                continue;
            };
            let due = next.entry(container.id.clone()).or_insert_with(|| first(check));
            if *due <= Instant::now() && !done.load(Ordering::SeqCst) {
                // What it finds is in the container's state; that it can't be asked is seen there too.
                let _ = engine.check_health(&container.id);
                *due = Instant::now() + interval(check);
            }
        }
        std::thread::sleep(PAUSE);
    }
}

/// The first check is soon: a long interval is one between checks, and Compose waits for the first.
fn first(check: &Healthcheck) -> Instant {
    Instant::now() + interval(check).min(Duration::from_secs(1))
}

/// Has every check of a deployment run once, where nobody else does.
pub(super) fn check_once(engine: &Engine, containers: &[Container]) {
    for container in containers {
        let has_check = container.config.healthcheck.as_ref().is_some_and(Healthcheck::is_set);
        if container.state.status == "running" && has_check {
            let _ = engine.check_health(&container.id);
        }
    }
}

fn running(engine: &Engine, label: &str) -> Vec<Container> {
    let rows = engine.containers(label).unwrap_or_default();
    let running = rows.iter().filter(|row| row.state == "running");
    running.filter_map(|row| engine.container(&row.id).ok()?).collect()
}
