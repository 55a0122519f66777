//! What the main thread does: it waits for changes of `agent.toml`, and has what runs looked at.

use std::path::Path;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use super::Shared;
use super::workers::Workers;
use crate::config::Config;

/// How often `agent.toml` is looked at.
const GLANCE: Duration = Duration::from_secs(2);

/// How often what runs is looked at, and what was left for later is tried: the first pause between two tries is as long.
const LOOK: Duration = Duration::from_secs(30);

/// Until the agent is to end.
pub(super) fn run(shared: &Shared, workers: &Workers) {
    let mut known = Mark::of(shared.paths.config());
    let mut looked = Instant::now();
    while !shared.stop.sleep(GLANCE) {
        let mark = Mark::of(shared.paths.config());
        if mark != known {
            known = mark;
            reload(shared, workers);
        }
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            workers.look();
        }
    }
}

/// By what a change of a file is noticed.
#[derive(PartialEq, Eq)]
struct Mark(Option<(SystemTime, u64, u64)>);

impl Mark {
    fn of(path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let found = std::fs::metadata(path).ok();
        Self(found.and_then(|found| Some((found.modified().ok()?, found.len(), found.ino()))))
    }
}

/// Follows a new `agent.toml`. One that can't be followed changes nothing.
fn reload(shared: &Shared, workers: &Workers) {
    let config = match Config::load(shared.paths.config()) {
        Ok(config) => config,
        Err(error) => return shared.log(&format!("{error}; going on as before")),
    };
    let before = shared.config();
    if before == config {
        return;
    }
    let way = |config: &Config| (config.proxy.clone(), config.no_proxy.clone(), config.ca_file.clone());
    let reconnected = if way(&before) == way(&config) { Ok(()) } else { shared.server.reconnect(&config) };
    if let Err(error) = reconnected {
        return shared.log(&format!("{}: {error}; going on as before", shared.paths.config().display()));
    }
    *shared.config.lock().unwrap_or_else(PoisonError::into_inner) = config.clone();
    shared.log(match (before.pause, config.pause) {
        (false, true) => "agent.toml has changed: paused, nothing is carried out",
        (true, false) => "agent.toml has changed: going on",
        _ => "agent.toml has changed",
    });
    workers.again();
    shared.outbox.nudge();
}
