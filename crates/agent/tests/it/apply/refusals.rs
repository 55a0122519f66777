//! What never gets so far that anything is touched.

use keyward_agent::deployer::Deployer as _;
use keyward_protocol::desired::LicenseEntry;
use keyward_protocol::report::{Block, Phase, Step};

use super::host::{Host, Server, ask, is_running_healthy, new_id, port};
use super::on_two_pairs;

/// Whether an engine was told to change something, pulls left out.
pub(crate) fn writes(host: &Host) -> Vec<String> {
    let requests = host.recorder.take();
    let is_read = |request: &String| {
        request.starts_with("GET ")
            || request.starts_with("HEAD ")
            || request.starts_with("POST /images/create")
    };
    requests.into_iter().filter(|request| !is_read(request)).collect()
}

#[test]
fn what_stands_in_the_way_is_told_and_nothing_is_touched() {
    on_two_pairs(|host| {
        let (id, server, port) = (new_id(), Server::default(), port());
        let good = host.compose("1", port, "");
        let conf = ("app.conf", "x");
        host.carry_out(&host.order(id, &server, 1, &[("compose.yaml", &good), conf]), &server);
        let before = host.started(id);
        assert_eq!(before.len(), 1);
        host.recorder.take();

        let order =
            |revision, compose: &str| host.order(id, &server, revision, &[("compose.yaml", compose), conf]);
        let changed = good.replace("1-$", "2-$");
        // An image that is not there, by digest and by tag, and a registry that says no.
        let mut missing = order(2, &changed.replace("probe:1", "probe:9"));
        missing.images.insert(host.engines.image("9"), format!("sha256:{}", "9".repeat(64)));
        let unknown = order(3, &changed.replace("probe:1", "probe:nowhere"));
        let other = order(4, &changed.replace("acme/probe:1", "acme/nothing:1"));
        for order in [missing, unknown, other] {
            let standing = host.carry_out(&order, &server);
            assert!(
                matches!(&standing.phase, Phase::Failed { failure } if failure.step == Step::Pull),
                "{standing:?}"
            );
        }
        // A value and a license that are missing.
        let mut values = order(5, &changed.replace("${NAME:-none}", "${LICENSE:?set it}"));
        values.licenses.insert("app".into(), LicenseEntry::Missing("it was revoked".into()));
        values.files[1] = host
            .order(id, &server, 5, &[("app.conf", "{{ .LicenseKeys.app }}{{ .LicenseKeys.b }}")])
            .files[0]
            .clone();
        let standing = host.carry_out(&values, &server);
        let Phase::Blocked { by: Block::Values, items } = &standing.phase else { panic!("{standing:?}") };
        let items: Vec<_> = items.iter().map(|item| item.message.as_str()).collect();
        assert!(
            items.iter().any(|item| item.contains("it was revoked"))
                && items.iter().any(|item| item.contains("set it")),
            "{items:?}"
        );
        // A need without a consent.
        let needs = order(6, &changed.replace("    ports:", "    cap_add: [NET_ADMIN]\n    ports:"));
        let standing = host.carry_out(&needs, &server);
        let Phase::Blocked { by: Block::Needs, items } = &standing.phase else { panic!("{standing:?}") };
        let command = format!("keyward-agent allow {id} cap:NET_ADMIN");
        assert_eq!(items[0].command.as_deref(), Some(command.as_str()));
        // What Compose can't read, and what the agent does not.
        for (revision, compose) in
            [(7, "services: {app: {image: [x]}}"), (8, "services: {app: {build: .}}"), (9, "a: b: c")]
        {
            let standing = host.carry_out(&order(revision, compose), &server);
            assert!(
                matches!(standing.phase, Phase::Blocked { by: Block::Files, .. } | Phase::Failed { .. }),
                "{standing:?}"
            );
        }
        assert_eq!(writes(host), Vec::<String>::new());
        assert_eq!(host.started(id), before);
        assert_eq!(ask(port).as_deref(), Some("1-acme"));

        // Allowed, it goes on by itself.
        let needs = order(10, &changed.replace("    ports:", "    cap_add: [NET_ADMIN]\n    ports:"));
        host.carry_out(&needs, &server);
        host.allow(id, &["cap:NET_ADMIN"]);
        let standing = host.carry_out(&needs, &server);
        assert!(is_running_healthy(&standing, 10), "{standing:?}");
    });
}

#[test]
fn what_may_get_better_is_tried_five_times_and_not_too_soon() {
    on_two_pairs(|host| {
        let (id, server, port) = (new_id(), Server::default(), port());
        let order =
            host.order(id, &server, 1, &[("compose.yaml", &host.compose("1", port, "")), ("app.conf", "x")]);
        *server.away.lock().unwrap() = true;
        for hours in 0..9 {
            *server.later.lock().unwrap() = hours * 3600;
            host.applier().carry_out(&order, &server, &server);
            // At once again, nothing is tried.
            host.applier().carry_out(&order, &server, &server);
            if matches!(server.last().phase, Phase::Failed { .. }) {
                break;
            }
        }
        let tries = server.phases().iter().filter(|phase| **phase == "resolving").count();
        assert_eq!(tries, 5);
        let Phase::Failed { failure } = server.last().phase else { panic!("{:?}", server.last()) };
        assert_eq!((failure.step, failure.tries), (Step::Resolve, 5));
    });
}
