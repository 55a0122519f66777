//! Compose files that want more than they may have, through real Compose: nothing is touched, and nothing outside is read.

use std::path::Path;

use keyward_agent::deployer::Deployer as _;
use keyward_protocol::report::{Block, Phase, Step};

use super::host::{Host, Server, new_id};
use super::refusals::writes;
use super::{is_long, on_two_pairs};

struct Case {
    name: String,
    text: String,
    is_refused: bool,
}

/// The corpus of `keyward-compose`, each service with an image that the engine has.
fn corpus(image: &str) -> Vec<Case> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compose/tests/corpus/hostile.txt");
    let text = std::fs::read_to_string(file).unwrap();
    let cases = text.split("\n=== ").skip(1).map(|case| {
        let (head, body) = case.split_once('\n').unwrap();
        let (name, expected) = head.split_once(':').unwrap();
        let mut text = String::new();
        for line in body.split_inclusive('\n') {
            match line.strip_prefix(". ") {
                Some(of_service) if text.is_empty() => {
                    text.push_str(&format!("services:\n  app:\n    image: a\n    {of_service}"));
                }
                Some(of_service) => text.push_str(&format!("    {of_service}")),
                None => text.push_str(line),
            }
        }
        let text = text
            .replace("image: a\n", &format!("image: {image}\n"))
            .replace("image: a,", &format!("image: {image},"));
        let text = text.replace("image: a}", &format!("image: {image}}}"));
        Case { name: name.to_owned(), text, is_refused: expected.trim() == "refused" }
    });
    cases.collect()
}

#[test]
fn hostile_files_are_refused_before_anything_is_written() {
    on_two_pairs(|host| {
        let (id, server) = (new_id(), Server::default());
        let image = host.engines.image("1");
        let cases = corpus(&image);
        assert!(cases.len() >= 100);
        // The old Compose takes its time.
        let some =
            |(index, case): &(usize, &Case)| case.is_refused || is_long() || !host.is_old || index % 8 == 0;
        for (index, case) in cases.iter().enumerate().filter(some) {
            let revision = u32::try_from(index).unwrap() + 1;
            let order =
                host.order(id, &server, revision, &[("compose.yaml", &case.text), ("app.env", "A=1\n")]);
            host.applier().carry_out(&order, &server, &server);
            let phase = server.last().phase;
            let refused = match &phase {
                Phase::Blocked { by: Block::Files, .. } => true,
                // Compose itself, or what it makes of it.
                Phase::Blocked { by: Block::Needs, .. } => !case.is_refused,
                Phase::Failed { failure } => !case.is_refused && failure.step < Step::Pull,
                _ => false,
            };
            assert!(refused, "{}: {phase:?}\n{}", case.name, case.text);
        }
        assert_eq!(writes(host), Vec::<String>::new());
        assert!(host.rows(id).is_empty());
    });
}

#[test]
fn an_environment_file_does_not_speak_to_compose() {
    on_two_pairs(|host| {
        let (id, server) = (new_id(), Server::default());
        let compose = format!("services: {{app: {{image: \"{}\"}}}}\n", host.engines.image("1"));
        let names = [
            "COMPOSE_FILE=/etc/passwd",
            "export DOCKER_HOST=tcp://x",
            " COMPOSE_PROFILES = a",
            "LD_PRELOAD=x",
        ];
        for (index, line) in names.into_iter().enumerate() {
            let revision = u32::try_from(index).unwrap() + 1;
            let order = host.order(id, &server, revision, &[("compose.yaml", &compose), (".env", line)]);
            let phase = host.carry_out(&order, &server).phase;
            assert!(matches!(phase, Phase::Blocked { by: Block::Files, .. }), "{line}: {phase:?}");
        }
        // Names of values, too, and of files.
        let mut order = host.order(id, &server, 9, &[("compose.yaml", &compose)]);
        order.values.insert("LD_PRELOAD".into(), "/x.so".into());
        order.files.push(order.files[0].clone());
        order.files[1].name = "../../agent.toml".into();
        let Phase::Blocked { by: Block::Order, items } = host.carry_out(&order, &server).phase else {
            panic!("taken")
        };
        assert_eq!(items.len(), 2, "{items:?}");
        assert_eq!(writes(host), Vec::<String>::new());
    });
}

/// What the environment of the agent has is none of a vendor's.
#[test]
fn variables_are_those_of_the_deployment_alone() {
    on_two_pairs(|host: &Host| {
        let (id, server) = (new_id(), Server::default());
        let compose = format!(
            "services: {{app: {{image: \"{}\", command: [env], environment: {{A: \"${{CARGO_MANIFEST_DIR:-none}}\", B: \"${{PWD:-none}}\"}}}}}}\n",
            host.engines.image("1")
        );
        let order = host.order(id, &server, 1, &[("compose.yaml", &compose)]);
        host.carry_out(&order, &server);
        let container = host.containers(id).remove(0);
        let log = host.engine.logs(&container, 100).unwrap();
        assert!(log.contains("A=none"), "{log}");
        assert!(
            !log.contains(
                &std::env::var_os("CARGO_MANIFEST_DIR")
                    .unwrap_or_else(|| "?".into())
                    .to_string_lossy()
                    .into_owned()
            ),
            "{log}"
        );
    });
}
