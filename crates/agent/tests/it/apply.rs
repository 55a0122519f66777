//! Orders carried out by real engines and real Compose, of both kinds each.

use keyward_testkit_engines::{ComposeVersion, EngineKind};

mod host;
mod kills;
mod orders;
mod refusals;

use host::{Host, engines};

/// Every pair of engine and Compose.
const PAIRS: [(EngineKind, ComposeVersion); 4] = [
    (EngineKind::Docker, ComposeVersion::Five),
    (EngineKind::Podman, ComposeVersion::Five),
    (EngineKind::Docker, ComposeVersion::One),
    (EngineKind::Podman, ComposeVersion::One),
];

/// Runs a test on every pair, each in a thread; nothing where no engine can be had, unless they are demanded.
fn on_every_pair(test: fn(&Host)) {
    if engines().is_none() {
        return;
    }
    std::thread::scope(|scope| {
        let tests = PAIRS.map(|(engine, compose)| scope.spawn(move || test(&Host::new(engine, compose))));
        for (test, pair) in tests.into_iter().zip(PAIRS) {
            assert!(test.join().is_ok(), "on {pair:?}");
        }
    });
}
