//! Images that behave worse than by failing at once.

use std::time::Duration;

use keyward_agent::deployer::Deployer as _;
use keyward_protocol::report::{DeploymentHealth, Phase};

use super::host::{Host, Server, ask, is_running_healthy, new_id, port, until};
use super::on_two_pairs;

/// Without its check.
fn unchecked(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("healthcheck"));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_ends_well_at_once_does_not_count_as_a_job_if_it_is_to_be_reached() {
    on_two_pairs(|host| {
        let (id, server, port) = (new_id(), Server::default(), port());
        let order = |revision, compose: &str| {
            host.order(id, &server, revision, &[("compose.yaml", compose), ("app.conf", "x")])
        };
        host.carry_out(&order(1, &host.compose("1", port, "")), &server);
        // It leaves the serving to a child and ends with 0, which takes the child along.
        let forks = host.compose("2", port, "").replace("restart: unless-stopped", "command: [fork]");
        for (revision, compose) in [(2, forks.clone()), (3, unchecked(&forks))] {
            let standing = host.carry_out(&order(revision, &compose), &server);
            let Phase::RolledBack { failure, to: 1 } = &standing.phase else { panic!("{standing:?}") };
            assert!(failure.message.contains("ended with 0"), "{failure:?}");
            until("the version before answers", || ask(port).as_deref() == Some("1-acme"));
        }
    });
}

#[test]
fn what_was_well_and_goes_wrong_again_and_again_is_told_at_every_look() {
    on_two_pairs(|host| {
        for (more, words) in [(", CRASH_AFTER: \"4\"", "started again"), (", HANG_AFTER: \"4\"", "unhealthy")]
        {
            let (id, server, port) = (new_id(), Server::default(), port());
            let compose = host.compose("2", port, more);
            let order = host.order(id, &server, 1, &[("compose.yaml", &compose), ("app.conf", "x")]);
            let standing = host.carry_out(&order, &server);
            assert!(is_running_healthy(&standing, 1), "{standing:?}");
            until("it is told", || reason(host, id).is_some_and(|reason| reason.contains(words)));
            for _ in 0..8 {
                std::thread::sleep(Duration::from_millis(700));
                assert!(reason(host, id).is_some(), "{more}");
            }
        }
    });
}

/// Why a deployment is not well, if it is not.
fn reason(host: &Host, id: uuid::Uuid) -> Option<String> {
    match host.applier().look(id)?.0.health {
        DeploymentHealth::Degraded { reason, .. } => Some(reason),
        DeploymentHealth::Down => Some(String::new()),
        DeploymentHealth::Healthy | DeploymentHealth::Running | DeploymentHealth::Starting => None,
    }
}
