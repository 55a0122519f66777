//! Orders carried out by real engines and real Compose, of both kinds each.

use keyward_testkit_engines::{ComposeVersion, EngineKind};

mod host;
mod hostile;
mod images;
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

/// Whether all is tested on every pair, which `cargo xtask chaos deployments` asks for.
fn is_long() -> bool {
    std::env::var_os("KEYWARD_TEST_LONG").is_some()
}

/// Runs a test on every pair, each in a thread; nothing where no engine can be had, unless they are demanded.
fn on_every_pair(test: fn(&Host)) {
    on(&PAIRS, test);
}

/// Runs a test on each engine and each Compose once; in the long form on every pair.
fn on_two_pairs(test: fn(&Host)) {
    if is_long() { on(&PAIRS, test) } else { on(&[PAIRS[0], PAIRS[3]], test) }
}

fn on(pairs: &[(EngineKind, ComposeVersion)], test: fn(&Host)) {
    if engines().is_none() {
        return;
    }
    std::thread::scope(|scope| {
        let start = |&(engine, compose)| scope.spawn(move || test(&Host::new(engine, compose)));
        let tests: Vec<_> = pairs.iter().map(start).collect();
        for (test, pair) in tests.into_iter().zip(pairs) {
            assert!(test.join().is_ok(), "on {pair:?}");
        }
    });
}
