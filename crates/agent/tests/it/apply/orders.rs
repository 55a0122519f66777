//! What orders lead to.

use keyward_agent::deployer::Deployer as _;
use keyward_protocol::desired::{Cause, Deployment, Order, Volumes};
use keyward_protocol::report::{Drift, Phase, Step};

use super::host::{Host, Server, ask, is_running_healthy, new_id, port, until};
use super::{is_long, on_every_pair, on_two_pairs};

const CONF: &str = "license={{ .LicenseKeys.app }}\n";

#[test]
fn a_version_is_installed_updated_configured_and_rolled_back_three_back() {
    on_every_pair(|host| {
        let (id, server, port) = (new_id(), Server::default(), port());
        let files = |tag: &str, conf: &str| {
            [
                ("compose.yaml".to_owned(), host.compose(tag, port, "")),
                ("app.conf".to_owned(), conf.to_owned()),
            ]
        };
        let order = |revision, tag: &str, conf: &str| {
            let files = files(tag, conf);
            let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            host.order(id, &server, revision, &files)
        };
        let first = order(1, "1", CONF);
        assert!(is_running_healthy(&host.carry_out(&first, &server), 1), "{:?}", server.last());
        assert_eq!(
            server.phases(),
            ["received", "resolving", "checking", "pulling", "applying", "settling", "running"]
        );
        assert_eq!(ask(port).as_deref(), Some("1-acme"));
        let volumes = host.volumes(&first);
        assert_eq!(volumes.len(), 1);

        // Once more changes nothing, and tells nothing.
        let before = host.started(id);
        server.forget();
        host.applier().carry_out(&first, &server, &server);
        host.applier().resume(id, &server, &server);
        assert!(server.phases().is_empty());
        assert_eq!(host.started(id), before);

        // The same files under another number are not brought up again.
        host.carry_out(&order(2, "1", CONF), &server);
        assert!(is_running_healthy(&server.last(), 2));
        assert_eq!(host.started(id), before);

        host.carry_out(&order(3, "2", CONF), &server);
        assert!(is_running_healthy(&server.last(), 3), "{:?}", server.last());
        assert_eq!(ask(port).as_deref(), Some("2-acme"));
        assert_eq!(host.rows(id).len(), 1);

        // Another value, and another file.
        let mut configured = order(4, "2", "other\n");
        configured.values.insert("NAME".into(), "it's \"$quoted\" # here".into());
        configured.cause = Cause::Configure;
        host.carry_out(&configured, &server);
        assert!(is_running_healthy(&server.last(), 4), "{:?}", server.last());
        assert_eq!(ask(port).as_deref(), Some("2-it's \"$quoted\" # here"));

        // Back to the first: values, digests and files of then.
        let mut back = order(5, "1", CONF);
        back.cause = Cause::Rollback { of: 1 };
        host.carry_out(&back, &server);
        assert!(is_running_healthy(&server.last(), 5), "{:?}", server.last());
        assert_eq!(ask(port).as_deref(), Some("1-acme"));
        assert_eq!(host.volumes(&first), volumes);

        // A smaller number is none of an honest server's.
        server.forget();
        host.applier().carry_out(&order(3, "2", CONF), &server, &server);
        assert!(server.phases().is_empty());
        assert_eq!(ask(port).as_deref(), Some("1-acme"));
    });
}

/// What each bad version does, and the step at which it shows.
fn bad_versions(host: &Host, port: u16, taken: u16) -> Vec<(&'static str, String, Step)> {
    let image = host.engines.image("2");
    let job = format!("  job: {{image: {image}, command: [exit, \"4\"]}}\n");
    let mut late = host.compose("2", port, "");
    late.insert_str(
        late.find("volumes: {data").unwrap(),
        &format!("    depends_on: {{job: {{condition: service_completed_successfully}}}}\n{job}"),
    );
    // Compose itself waits, and for longer than the version allows.
    let slow = host.compose("2", port, ", DELAY: \"90\"").replace("start_period: 1s", "start_period: 90s");
    let waits = format!(
        "  other: {{image: {image}, depends_on: {{app: {{condition: service_healthy}}}}}}\nvolumes: {{data"
    );
    let slow = slow.replace("volumes: {data", &waits);
    vec![
        ("unhealthy", host.compose("2", port, ", BAD: \"1\""), Step::Settle),
        ("hangs", host.compose("2", port, ", HANG: \"1\""), Step::Settle),
        (
            "exits",
            host.compose("2", port, ", CRASH: \"100\", SECRET: \"${NAME}\"")
                .replace("unless-stopped", "\"no\""),
            Step::Settle,
        ),
        ("exits again and again", host.compose("2", port, ", CRASH: \"1\""), Step::Settle),
        ("its migration fails", late, Step::Up),
        ("another waits for its health", slow, Step::Up),
        (
            "its second port is taken",
            host.compose("2", port, "").replace("[\"127", &format!("[\"127.0.0.1:{taken}:9090\", \"127")),
            Step::Checks,
        ),
    ]
}

#[test]
fn a_bad_version_leads_back_to_the_one_before() {
    on_two_pairs(|host| {
        let (id, server, port) = (new_id(), Server::default(), port());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = listener.local_addr().unwrap().port();
        let order = |revision, compose: &str| {
            let mut order =
                host.order(id, &server, revision, &[("compose.yaml", compose), ("app.conf", CONF)]);
            order.health_seconds = Some(5);
            order.values.insert("NAME".into(), "hunter2-value".into());
            order
        };
        let good = order(1, &host.compose("1", port, ""));
        assert!(is_running_healthy(&host.carry_out(&good, &server), 1), "{:?}", server.last());
        let volumes = host.volumes(&good);
        let mut revision = 1;
        // The old Compose takes its time.
        let some = |what: &str| {
            let slow = ["hangs", "exits again and again", "another waits for its health"];
            is_long() || !host.is_old || slow.contains(&what)
        };
        for (what, compose, step) in
            bad_versions(host, port, taken).into_iter().filter(|(what, ..)| some(what))
        {
            revision += 1;
            server.forget();
            // Without a server, once its files are here, the way back is found.
            let started = std::time::Instant::now();
            let standing = host.carry_out(&order(revision, &compose), &server);
            eprintln!("{:?}, {what}: over after {:?}", host.kind, started.elapsed());
            // It takes a quarter of that where the machine has nothing else to do.
            assert!(started.elapsed() < std::time::Duration::from_secs(60), "{what}");
            match &standing.phase {
                Phase::RolledBack { failure, to: 1 } => {
                    assert_eq!(failure.step, step, "{what}: {failure:?}");
                    let told = serde_json::to_string(failure).unwrap();
                    assert!(!told.contains("hunter2"), "{told}");
                    assert!(
                        what != "exits" || told.contains("something went wrong, secret is [redacted]"),
                        "{told}"
                    );
                    assert!(told.len() < 32 * 1024);
                }
                Phase::Blocked { items, .. } if step == Step::Checks => {
                    assert!(items[0].message.contains(&taken.to_string()), "{items:?}");
                }
                other => panic!("{what}: {other:?}"),
            }
            assert!(
                is_running_healthy(
                    &keyward_agent::deployer::Standing { phase: Phase::Running, ..standing.clone() },
                    1
                ),
                "{what}: {standing:?}"
            );
            assert_eq!(ask(port).as_deref(), Some("1-hunter2-value"), "{what}");
            assert_eq!(host.volumes(&good), volumes, "{what}");
        }
        // After all of it, a good one is taken.
        revision += 1;
        let standing = host.carry_out(&order(revision, &host.compose("3", port, "")), &server);
        assert!(is_running_healthy(&standing, revision), "{standing:?}");
        assert_eq!(host.rows(id).len(), 1, "{:?}", host.rows(id));
    });
}

#[test]
fn a_first_version_that_fails_is_stopped_and_tried_again_when_told() {
    on_two_pairs(|host| {
        let (id, server, port) = (new_id(), Server::default(), port());
        let bad = host.compose("2", port, ", BAD: \"${BAD:-1}\"");
        let mut order = host.order(id, &server, 1, &[("compose.yaml", &bad), ("app.conf", CONF)]);
        let standing = host.carry_out(&order, &server);
        assert!(matches!(standing.phase, Phase::Failed { .. }) && standing.running.is_none(), "{standing:?}");
        let containers = host.containers(id);
        assert!(!containers.is_empty());
        assert!(containers.iter().all(|container| container.state.status != "running"));
        // Not by itself.
        server.forget();
        host.applier().carry_out(&order, &server, &server);
        assert!(server.phases().is_empty());
        order.attempt = 2;
        order.values.insert("BAD".into(), "0".into());
        let standing = host.carry_out(&order, &server);
        assert!(is_running_healthy(&standing, 1), "{standing:?}");
    });
}

#[test]
fn where_there_is_no_way_back_the_new_version_stays() {
    on_two_pairs(|host| {
        let (id, server, port) = (new_id(), Server::default(), port());
        let order = |revision, compose: &str| {
            host.order(id, &server, revision, &[("compose.yaml", compose), ("app.conf", CONF)])
        };
        host.carry_out(&order(1, &host.compose("1", port, "")), &server);
        let mut bad = order(2, &host.compose("2", port, ", BAD: \"1\""));
        bad.no_way_back = true;
        let standing = host.carry_out(&bad, &server);
        assert!(matches!(standing.phase, Phase::Failed { .. }), "{standing:?}");
        assert_eq!(ask(port).as_deref(), Some("bad"));
    });
}

#[test]
fn stopping_keeps_everything_and_removing_keeps_data_unless_it_is_ordered_and_confirmed() {
    on_two_pairs(|host| {
        let (id, server, port) = (new_id(), Server::default(), port());
        let run =
            host.order(id, &server, 1, &[("compose.yaml", &host.compose("1", port, "")), ("app.conf", CONF)]);
        let ordered = |order| Deployment { order, ..run.clone() };
        host.carry_out(&run, &server);
        let standing = host.carry_out(&ordered(Order::Stop), &server);
        assert_eq!(standing.phase, Phase::Stopped);
        assert!(host.rows(id).iter().all(|row| row.state != "running") && host.rows(id).len() == 1);
        assert!(host.applier().look(id).is_none());
        let standing = host.carry_out(&run, &server);
        assert!(is_running_healthy(&standing, 1), "{standing:?}");

        let standing = host.carry_out(&ordered(Order::Remove { volumes: Volumes::Keep }), &server);
        assert_eq!(standing.phase, Phase::Removed { volumes_deleted: false });
        assert!(host.rows(id).is_empty() && host.volumes(&run).len() == 1);
        assert!(host.applier().known().is_empty());
        let networks = host.engine.networks(&format!("com.docker.compose.project={}", run.project)).unwrap();
        assert!(networks.is_empty());

        // The data goes only with the word of the host's owner, if they want to be asked.
        {
            let mut config = host.config.lock().unwrap();
            *config = format!("confirm_volumes = true\n{config}");
            std::fs::write(host.paths.config(), &*config).unwrap();
        }
        let delete = ordered(Order::Remove { volumes: Volumes::Delete });
        let standing = host.carry_out(&delete, &server);
        assert!(matches!(standing.phase, Phase::Blocked { .. }), "{standing:?}");
        assert_eq!(host.volumes(&run).len(), 1);
        host.allow(id, &["volumes:delete"]);
        let standing = host.carry_out(&delete, &server);
        assert_eq!(standing.phase, Phase::Removed { volumes_deleted: true });
        assert!(host.volumes(&run).is_empty());
    });
}

/// By default a service has the restart policy of jobs, and ends with 0 when it is stopped: it looks like a job that is done.
#[test]
fn what_was_stopped_is_started_again_whatever_its_restart_policy() {
    on_two_pairs(|host| {
        let (id, server) = (new_id(), Server::default());
        let image = host.engines.image("1");
        let compose = format!(
            "services:\n  plain:\n    image: {image}\n    command: [serve]\n  checked:\n    image: {image}\n    command: [serve]\n    \
             healthcheck: {{test: [CMD, /probe, health], interval: 1s, timeout: 2s, retries: 3}}\n"
        );
        let run = host.order(id, &server, 1, &[("compose.yaml", &compose)]);
        let running = || host.rows(id).iter().filter(|row| row.state == "running").count();
        let standing = host.carry_out(&run, &server);
        assert!(is_running_healthy(&standing, 1) && running() == 2, "{standing:?}");
        host.carry_out(&Deployment { order: Order::Stop, ..run.clone() }, &server);
        assert_eq!(running(), 0);
        let standing = host.carry_out(&Deployment { attempt: 2, ..run.clone() }, &server);
        assert!(is_running_healthy(&standing, 1), "{standing:?}");
        assert_eq!(running(), 2);
    });
}

#[test]
fn two_deployments_of_one_application_do_not_touch_each_other() {
    on_two_pairs(|host| {
        let server = Server::default();
        let ((one, one_port), (other, other_port)) = ((new_id(), port()), (new_id(), port()));
        let order = |id, port, revision, tag| {
            host.order(
                id,
                &server,
                revision,
                &[("compose.yaml", &host.compose(tag, port, "")), ("app.conf", CONF)],
            )
        };
        host.carry_out(&order(one, one_port, 1, "1"), &server);
        host.carry_out(&order(other, other_port, 1, "1"), &server);
        let before = host.started(one);
        assert_eq!(before.len(), 1);
        host.carry_out(&order(other, other_port, 2, "2"), &server);
        let bad = host.compose("3", other_port, ", BAD: \"1\"");
        host.carry_out(
            &host.order(other, &server, 3, &[("compose.yaml", &bad), ("app.conf", CONF)]),
            &server,
        );
        let gone = Deployment {
            order: Order::Remove { volumes: Volumes::Delete },
            ..order(other, other_port, 3, "3")
        };
        assert!(matches!(host.carry_out(&gone, &server).phase, Phase::Removed { .. }));
        assert_eq!(host.started(one), before);
        assert_eq!(ask(one_port).as_deref(), Some("1-acme"));
        assert_eq!(host.volumes(&order(one, one_port, 1, "1")).len(), 1);
    });
}

#[test]
fn what_was_changed_by_hand_is_seen_and_repaired_once_where_that_is_wanted() {
    on_two_pairs(|host| {
        let (id, server, port) = (new_id(), Server::default(), port());
        let order =
            host.order(id, &server, 1, &[("compose.yaml", &host.compose("1", port, "")), ("app.conf", CONF)]);
        host.carry_out(&order, &server);
        let applier = host.applier();
        assert_eq!(applier.look(id).unwrap().1, []);
        let stop = |host: &Host| assert!(host.engine.stop(&host.rows(id)[0].id, 1).unwrap());
        stop(host);
        let service = || "app".to_owned();
        assert_eq!(applier.look(id).unwrap().1, [Drift::Stopped { service: service() }]);
        // Told, and left alone.
        applier.carry_out(&order, &server, &server);
        assert_eq!(host.started(id).len(), 0);
        let config = host.config.lock().unwrap().clone();
        std::fs::write(host.paths.config(), format!("{config}[deployments.{id}]\nrepair = true\n")).unwrap();
        applier.carry_out(&order, &server, &server);
        until("repair", || ask(port).is_some());
        assert_eq!(applier.look(id).unwrap().1, []);
        host.engine.remove_container(&host.rows(id)[0].id, false).unwrap();
        assert_eq!(applier.look(id).unwrap().1, [Drift::Missing { service: service() }]);
    });
}
