//! The loop: what is desired is carried out and told, whatever is on the way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyward_agent::run::{RunError, Status};
use keyward_protocol::desired::{Entry, FileRef};
use keyward_protocol::enrolment::Mode;
use keyward_protocol::path;
use keyward_protocol::report::{Block, Phase};
use uuid::Uuid;

use crate::answers::{deployment, hash};
use crate::host::{Call, Host, Recorder};
use crate::server::Server;

const ONE: Uuid = Uuid::from_u128(1);

fn order(id: u128, revision: u32) -> Entry {
    Entry::Deployment(Box::new(deployment(id, revision)))
}

fn is_running(server: &Server, id: Uuid, revision: u32) {
    server.until("the revision runs", |state| {
        let last = state.transitions.get(&id)?.last()?;
        (last.revision == revision && last.phase == Phase::Running).then_some(())
    });
}

#[test]
fn an_order_is_carried_out_and_told() {
    let server = Server::start();
    let host = Host::joined(&server, Mode::Manage);
    let deployer = Arc::new(Recorder::default());
    let running = host.run(Arc::clone(&deployer));
    server.until("it waits for news", |state| {
        state.asked.iter().any(|asked| asked.wait.is_some()).then_some(())
    });
    let mut wanted = deployment(1, 1);
    wanted.files = vec![FileRef { name: "compose.yaml".into(), sha256: hash("services: {}") }];
    server.change(|state| {
        state.files.insert(hash("services: {}"), "services: {}".into());
        state.entries = vec![Entry::Deployment(Box::new(wanted))];
    });
    is_running(&server, ONE, 1);
    let seqs: Vec<_> = server.state().transitions[&ONE].iter().map(|transition| transition.seq).collect();
    assert_eq!(seqs, [1, 2]);
    // The same once more is not carried out again; another revision is.
    server.change(|state| state.entries.push(order(2, 1)));
    is_running(&server, Uuid::from_u128(2), 1);
    server.change(|state| state.entries = vec![order(1, 2), order(2, 1)]);
    is_running(&server, ONE, 2);
    let calls = deployer.calls();
    assert_eq!(calls.iter().filter(|call| **call == Call::CarryOut(Uuid::from_u128(2), 1)).count(), 1);
    // What is no more mentioned is left alone.
    server.change(|state| state.entries.clear());
    server.until("it knows", |state| {
        let last = state.asked.iter().rfind(|asked| asked.path == path::DESIRED)?;
        (last.at.elapsed() > Duration::from_millis(500)).then_some(())
    });
    assert_eq!(deployer.calls().len(), calls.len());
    assert!(matches!(host.run(Arc::clone(&deployer)).end(), Err(RunError::Running(_))));
    running.end().unwrap();
    let facts = server.state().reports.iter().filter(|reports| reports.facts.is_some()).count();
    assert_eq!(facts, 1);
}

#[test]
fn a_stop_takes_no_long_poll() {
    let server = Server::start();
    let host = Host::joined(&server, Mode::Manage);
    let running = host.run(Arc::default());
    server.until("it waits", |state| {
        (state.asked.iter().filter(|asked| asked.wait.is_some()).count() > 1).then_some(())
    });
    let begun = Instant::now();
    running.end().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn what_was_under_way_is_ended_first() {
    let server = Server::start();
    server.change(|state| state.entries = vec![order(1, 3)]);
    let host = Host::joined(&server, Mode::Manage);
    let deployer = Arc::new(Recorder::default());
    deployer.known.lock().unwrap().push(ONE);
    let _running = host.run(Arc::clone(&deployer));
    is_running(&server, ONE, 3);
    assert_eq!(deployer.calls(), [Call::Resume(ONE), Call::CarryOut(ONE, 3)]);
}

#[test]
fn a_fault_in_one_hurts_no_other() {
    let server = Server::start();
    let (broken, faulty) = (Uuid::from_u128(8), Uuid::from_u128(9));
    let fault = Entry::Fault { id: faulty, fault: "The version is gone.".into() };
    server.change(|state| state.entries = vec![order(8, 1), fault, order(1, 1)]);
    let host = Host::joined(&server, Mode::Manage);
    let deployer = Arc::new(Recorder::default());
    *deployer.broken.lock().unwrap() = Some(broken);
    let running = host.run(Arc::clone(&deployer));
    is_running(&server, ONE, 1);
    server.until("the fault is told", |state| {
        let told = state.transitions.get(&faulty)?;
        let Phase::Blocked { by: Block::Order, items } = &told.last()?.phase else { return None };
        assert_eq!((told.len(), items[0].message.as_str()), (1, "The version is gone."));
        Some(())
    });
    // The one whose code has failed gets the next order.
    *deployer.broken.lock().unwrap() = None;
    server.change(|state| state.entries[0] = order(8, 2));
    is_running(&server, broken, 2);
    assert!(running.log.lock().unwrap().iter().any(|line| line.contains("has a fault")));
}

#[test]
fn a_host_takes_on_as_many_as_its_owner_says() {
    let server = Server::start();
    let host = Host::joined(&server, Mode::Manage);
    host.configure("limits = { deployments = 1 }");
    server.change(|state| state.entries = vec![order(1, 1), order(2, 1)]);
    let deployer = Arc::new(Recorder::default());
    let _running = host.run(Arc::clone(&deployer));
    is_running(&server, ONE, 1);
    server.until("the second is refused", |state| {
        let last = state.transitions.get(&Uuid::from_u128(2))?.last()?;
        matches!(last.phase, Phase::Blocked { by: Block::Checks, .. }).then_some(())
    });
    assert_eq!(deployer.calls(), [Call::CarryOut(ONE, 1)]);
}

#[test]
fn a_pause_on_the_host_counts() {
    let server = Server::start();
    let host = Host::joined(&server, Mode::Manage);
    keyward_agent::config::edit::pause(host.paths.config(), true).unwrap();
    server.change(|state| state.entries = vec![order(1, 1)]);
    let deployer = Arc::new(Recorder::default());
    let _running = host.run(Arc::clone(&deployer));
    server.until("it is told", |state| state.reports.last()?.paused.then_some(()));
    assert!(deployer.calls().is_empty());
    keyward_agent::config::edit::pause(host.paths.config(), false).unwrap();
    is_running(&server, ONE, 1);
    server.until("it is told", |state| (!state.reports.last()?.paused).then_some(()));
    // A file that can't be followed changes nothing.
    std::fs::write(host.paths.config(), "pause = maybe\n").unwrap();
    server.change(|state| state.entries = vec![order(1, 2)]);
    is_running(&server, ONE, 2);
}

#[test]
fn a_consent_has_the_agent_try_again() {
    let server = Server::start();
    server.change(|state| state.entries = vec![order(1, 1)]);
    let host = Host::joined(&server, Mode::Manage);
    let deployer = Arc::new(Recorder::default());
    let _running = host.run(Arc::clone(&deployer));
    is_running(&server, ONE, 1);
    keyward_agent::config::edit::allow(host.paths.config(), ONE, "Shop", "cap:NET_ADMIN").unwrap();
    server.until("it is carried out again", |_| {
        (deployer.count.load(std::sync::atomic::Ordering::Relaxed) >= 2).then_some(())
    });
}

#[test]
fn a_server_that_is_away_stops_nothing_and_is_told_all_when_it_is_back() {
    let server = Server::start();
    server.change(|state| state.entries = vec![order(1, 1)]);
    let host = Host::joined(&server, Mode::Manage);
    let deployer = Arc::new(Recorder::default());
    let running = host.run(Arc::clone(&deployer));
    is_running(&server, ONE, 1);
    server.change(|state| state.away = true);
    let begun = Instant::now();
    while Status::load(&host.paths).trouble.is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(50));
    }
    server.change(|state| {
        state.away = false;
        state.entries = vec![order(1, 2)];
    });
    is_running(&server, ONE, 2);
    assert_eq!(deployer.calls(), [Call::CarryOut(ONE, 1), Call::CarryOut(ONE, 2)]);
    let log = running.log.lock().unwrap().clone();
    // Told once, and that it is over.
    assert_eq!(log.iter().filter(|line| line.contains("what runs here goes on")).count(), 1, "{log:?}");
    assert_eq!(log.iter().filter(|line| line.contains("answers again")).count(), 1, "{log:?}");
}

#[test]
fn a_proxy_that_cuts_delays_nothing_for_long() {
    let server = Server::start();
    server.change(|state| state.cut = Some(Duration::from_secs(3)));
    let host = Host::joined(&server, Mode::Manage);
    let deployer = Arc::new(Recorder::default());
    let running = host.run(Arc::clone(&deployer));
    // Two requests are cut, and then none waits.
    server.until("it has given up to wait", |state| {
        let polls: Vec<_> = state.asked.iter().filter(|asked| asked.path == path::DESIRED).collect();
        let waits = polls.iter().filter(|asked| asked.wait.is_some()).count();
        (waits >= 3 && polls.last()?.wait.is_none() && polls.last()?.at.elapsed() > Duration::from_secs(4))
            .then_some(())
    });
    server.change(|state| state.entries = vec![order(1, 1)]);
    is_running(&server, ONE, 1);
    assert!(!Status::load(&host.paths).at_once);
    assert!(!running.log.lock().unwrap().iter().any(|line| line.contains("can't be reached")));
}

#[test]
fn two_agents_on_one_host_know_nothing_of_each_other() {
    let (first, second) = (Server::start(), Server::start());
    first.change(|state| state.entries = vec![order(1, 1)]);
    second.change(|state| state.entries = vec![order(2, 1)]);
    let hosts = [Host::joined(&first, Mode::Manage), Host::joined(&second, Mode::Manage)];
    let deployers = [Arc::new(Recorder::default()), Arc::new(Recorder::default())];
    let running: Vec<_> =
        hosts.iter().zip(&deployers).map(|(host, deployer)| host.run(Arc::clone(deployer))).collect();
    is_running(&first, ONE, 1);
    is_running(&second, Uuid::from_u128(2), 1);
    drop(running);
    assert_eq!(deployers[0].calls(), [Call::CarryOut(ONE, 1)]);
    assert_eq!(deployers[1].calls(), [Call::CarryOut(Uuid::from_u128(2), 1)]);
}
