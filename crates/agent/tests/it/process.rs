//! An agent that is killed: this test's own program is it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use keyward_agent::deployer::{Deployer, Source, Standing, Tell};
use keyward_agent::paths::Paths;
use keyward_agent::run::{self, Stop};
use keyward_protocol::desired::{Deployment, Entry};
use keyward_protocol::enrolment::Mode;
use keyward_protocol::report::{Drift, Phase};
use uuid::Uuid;

use crate::answers::deployment;
use crate::host::{Host, standing};
use crate::server::Server;

const FOLDER: &str = "KEYWARD_TEST_FOLDER";
const ONE: Uuid = Uuid::from_u128(1);

/// Tells transitions without end, each with a number of its own that is on the disk before it is told.
struct Busy(PathBuf);

impl Deployer for Busy {
    fn carry_out(&self, order: &Deployment, source: &dyn Source, tell: &dyn Tell) {
        let file = self.0.join("count");
        let mut count: u32 =
            std::fs::read_to_string(&file).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        while !source.is_ending() {
            count += 1;
            keyward_agent::disk::write(&file, count.to_string().as_bytes()).unwrap();
            tell.transition(order.id, standing(count, Phase::Received));
            // The outbox holds 1,000: the server may be late for half a minute.
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    fn resume(&self, _: Uuid, _: &dyn Source, _: &dyn Tell) {}

    fn known(&self) -> Vec<Uuid> {
        Vec::new()
    }

    fn look(&self, _: Uuid) -> Option<(Standing, Vec<Drift>)> {
        None
    }
}

/// What the process of the test below does.
#[test]
#[ignore = "it is run by the test below, and never ends"]
fn tell_without_end() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let paths = Paths::new(folder.join("etc/agent.toml"), folder.join("state"));
    run::run(&paths, Some(Arc::new(Busy(folder))), &Arc::new(Stop::default()), Arc::new(|_: &str| {}))
        .unwrap();
}

fn agent(host: &Host) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "process::tell_without_end"])
        .env(FOLDER, host.folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_kill_loses_no_transition_and_tells_none_twice() {
    let server = Server::start();
    server.change(|state| state.entries = vec![Entry::Deployment(Box::new(deployment(1, 1)))]);
    let host = Host::joined(&server, Mode::Manage);
    let mut pauses = [40_u64, 170, 90, 333, 260, 15, 490, 120].into_iter();
    let mut had = 0;
    for (round, pause) in pauses.by_ref().enumerate() {
        // Now and then the server takes it and its answer is lost, so that it is told again by the next process.
        server.change(|state| state.lose_report_answer = round % 2 == 1);
        let mut agent = agent(&host);
        let more = had + 3;
        had = server.until("transitions are told", |state| {
            state.transitions.get(&ONE).map(Vec::len).filter(|count| *count >= more)
        });
        std::thread::sleep(Duration::from_millis(pause));
        agent.kill().unwrap();
        agent.wait().unwrap();
    }
    server.change(|state| state.lose_report_answer = false);
    // Once more, until all that was said before is told.
    let said: u32 = std::fs::read_to_string(host.folder.path().join("count")).unwrap().parse().unwrap();
    let mut last = agent(&host);
    server.until("all is told", |state| (state.transitions[&ONE].last()?.revision > said).then_some(()));
    last.kill().unwrap();
    last.wait().unwrap();
    let state = server.state();
    let told: Vec<_> = state.transitions[&ONE].iter().map(|transition| transition.revision).collect();
    // A number whose transition was not on the disk yet when the process was killed is missing; none comes twice.
    assert!(told.is_sorted_by(|a, b| a < b), "{told:?}");
    let missing = told.last().unwrap() - u32::try_from(told.len()).unwrap();
    assert!(missing <= 9, "{missing} of {said} are missing");
}
