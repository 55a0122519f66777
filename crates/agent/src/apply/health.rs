//! Podman runs health checks by systemd's timers. Where there is no systemd, nobody does; so the agent asks for each at its interval
//! from before Compose begins, since Compose waits for them itself.
//!
//! Podman 4 does not end a check that takes longer than its `timeout`, and answers only once it has ended, which may be never. So
//! every check has a thread of its own, and one that hangs holds up neither the others nor what is done meanwhile.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use keyward_domain::time::Timestamp;

use super::settle::{interval, timeout};
use crate::engine::api::Engine;
use crate::engine::model::{Container, Health, HealthLog, Healthcheck};

/// How often it is looked which containers there are.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a look waits for the checks of a deployment, whatever their `timeout` says.
const LOOK_PATIENCE: Duration = Duration::from_secs(30);

/// The longest pause between the checks of a container whose checks hang: each of them leaves a process there.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// For how long, in seconds, a container that was started again has to run until it counts as well.
const STEADY: i64 = 60;

/// For each container, when the checks were begun that have not ended.
static UNDER_WAY: Mutex<BTreeMap<String, Vec<Instant>>> = Mutex::new(BTreeMap::new());

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
                begin(engine, &container.id, timeout(check));
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

/// Has every check of a deployment run once, where nobody else does, and waits for what they find.
pub(super) fn check_once(engine: &Engine, containers: &[Container]) {
    let begun = Instant::now();
    let checked: Vec<_> =
        containers.iter().filter_map(|container| Some((container, check_of(container)?))).collect();
    for (container, check) in &checked {
        begin(engine, &container.id, timeout(check));
    }
    let waits = |(container, check): &(&Container, &Healthcheck)| {
        last(&container.id).is_some_and(|since| since < timeout(check))
    };
    while begun.elapsed() < LOOK_PATIENCE && checked.iter().any(waits) {
        std::thread::sleep(PAUSE / 20);
    }
}

/// Has containers whose check hangs count as unhealthy, as Docker does: podman leaves what the check before has found.
pub(super) fn mark_hanging(containers: &mut [Container]) {
    for container in containers {
        let Some(check) = check_of(container) else { continue };
        if last(&container.id).is_some_and(|since| since >= timeout(check)) {
            let output = format!("its health check takes more than {} s", timeout(check).as_secs());
            container.state.health = unhealthy(output);
        }
    }
}

/// Has containers count as unhealthy that were started again a moment ago, and have been since all was well: whoever looks now and then
/// could find each of them in good health just before it ends once more.
pub(super) fn mark_restarted(containers: &mut [Container], before: &BTreeMap<String, u64>, now: i64) {
    for container in containers.iter_mut().filter(|container| container.state.status == "running") {
        let times = container.restart_count.saturating_sub(before.get(&container.id).copied().unwrap_or(0));
        let since = container.state.started_at.parse::<Timestamp>().map(|at| now.saturating_sub(at.unix()));
        if times > 0 && since.is_ok_and(|since| (0..STEADY).contains(&since)) {
            // The same words each time, or each time would be news.
            container.state.health = unhealthy("it ends again and again, and is started again".into());
        }
    }
}

fn unhealthy(output: String) -> Option<Health> {
    Some(Health { status: "unhealthy".into(), log: vec![HealthLog { output }] })
}

/// The check of a container that runs.
fn check_of(container: &Container) -> Option<&Healthcheck> {
    let check = container.config.healthcheck.as_ref().filter(|check| check.is_set());
    check.filter(|_| container.state.status == "running")
}

/// Has a check run, unless the one before has still to end. Beside one that hangs another is run, since what it waited for may have
/// come about; the more hang, the later.
fn begin(engine: &Engine, id: &str, timeout: Duration) {
    if !is_due(under_way().get(id).map_or(&[], Vec::as_slice), timeout) {
        return;
    }
    let (engine, held, started) = (engine.clone(), id.to_owned(), Instant::now());
    under_way().entry(id.to_owned()).or_default().push(started);
    let run = move || {
        // What it finds is in the container's state; that it can't be asked is seen there too.
        let _ = engine.check_health(&held);
        ended(&held, started);
    };
    if std::thread::Builder::new().name("check".to_owned()).spawn(run).is_err() {
        ended(id, started);
    }
}

fn is_due(hanging: &[Instant], timeout: Duration) -> bool {
    let Some(last) = hanging.last() else { return true };
    let times = 1_u32 << hanging.len().saturating_sub(1).min(12);
    last.elapsed() >= timeout.saturating_mul(times).min(LONGEST_PAUSE.max(timeout))
}

fn ended(id: &str, started: Instant) {
    let mut all = under_way();
    if let Some(hanging) = all.get_mut(id) {
        hanging.retain(|known| *known != started);
        if hanging.is_empty() {
            all.remove(id);
        }
    }
}

/// For how long the check that was begun last has been under way, if it is.
fn last(id: &str) -> Option<Duration> {
    under_way().get(id)?.last().map(Instant::elapsed)
}

fn under_way() -> MutexGuard<'static, BTreeMap<String, Vec<Instant>>> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

fn running(engine: &Engine, label: &str) -> Vec<Container> {
    let rows = engine.containers(label).unwrap_or_default();
    let running = rows.iter().filter(|row| row.state == "running");
    running.filter_map(|row| engine.container(&row.id).ok()?).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_checks_that_hang_others_are_run_ever_less_often() {
        let second = Duration::from_secs(1);
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        assert!(is_due(&[], second));
        assert!(!is_due(&[ago(0)], second) && is_due(&[ago(1)], second));
        assert!(!is_due(&[ago(9), ago(1)], second) && is_due(&[ago(9), ago(2)], second));
        assert!(!is_due(&[ago(2); 40], second));
    }

    #[test]
    fn what_was_started_again_a_moment_ago_is_not_well() {
        let found = |restarts, status: &str, at: &str, now: i64| {
            let container = serde_json::from_value(serde_json::json!({
                "Id": "a", "State": {"Status": status, "StartedAt": at}, "RestartCount": restarts,
            }));
            let mut containers = [container.unwrap()];
            mark_restarted(&mut containers, &BTreeMap::from([("a".to_owned(), 2)]), now);
            containers[0].state.health.is_some()
        };
        let at = "1970-01-01T00:16:40.123456789Z";
        assert!(found(3, "running", at, 1010) && found(3, "running", "1970-01-01T01:16:40+01:00", 1010));
        // As often as by the time when it was well, long ago, not at all, or in a time that is still to come.
        assert!(!found(2, "running", at, 1010) && !found(3, "running", at, 1070));
        assert!(
            !found(3, "exited", at, 1010) && !found(3, "running", at, 900) && !found(3, "running", "", 1010)
        );
    }
}
