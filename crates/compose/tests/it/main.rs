//! Compose files as the world has them: hostile ones, and ordinary ones.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Instant;

use keyward_compose::{Document, Need, Place, ReadError, check_raw, check_resolved, needs, summary};

mod corpus;

use corpus::{Case, benign, hostile};

/// What becomes of a file before Compose sees it, as far as its text alone tells.
fn refusals(text: &str) -> Vec<String> {
    match Document::read(text) {
        Ok(document) => check_raw(&document).iter().map(ToString::to_string).collect(),
        Err(error) => vec![error.to_string()],
    }
}

#[test]
fn every_hostile_file_is_refused_or_has_the_need_that_it_hides() {
    let cases = hostile();
    assert!(cases.len() >= 100, "{}", cases.len());
    for Case { name, expected, text } in cases {
        let refused = refusals(&text);
        if expected == "refused" {
            assert!(!refused.is_empty(), "{name} was not refused:\n{text}");
            continue;
        }
        assert_eq!(refused, Vec::<String>::new(), "{name}");
        let found = needs(&Document::read(&text).unwrap(), None);
        let found: Vec<_> = found.iter().map(Need::to_string).collect();
        assert!(found.contains(&expected), "{name}: {expected} is not among {found:?}");
    }
}

#[test]
fn ordinary_files_pass() {
    for Case { name, expected, text } in benign() {
        assert_eq!(refusals(&text), Vec::<String>::new(), "{name}");
        let document = Document::read(&text).unwrap();
        let found: Vec<_> = needs(&document, None).iter().map(Need::to_string).collect();
        assert_eq!(found.join(" "), expected, "{name}");
        assert!(summary(&document).iter().all(|service| !service.image.is_empty()), "{name}");
    }
}

#[test]
fn what_hands_over_the_host_is_granted_by_a_line_alone() {
    for need in [
        "bind:/:ro",
        "bind:/etc:ro",
        "bind:/etc/ssl:ro",
        "bind:/var:ro",
        "bind:/var/run/docker.sock:ro",
        "bind:/srv/engine.sock:rw",
        "bind:/home/me/.ssh:ro",
        "bind:/proc/1:ro",
        "bind:../x:ro",
        "bind:~/x:ro",
        "bind:/srv/../etc:ro",
        "volume-device:none:/etc",
        "volume-device:overlay:overlay,lowerdir=/srv/a",
    ] {
        assert!(need.parse::<Need>().unwrap().is_line_only(), "{need}");
    }
    for need in [
        "bind:/srv/acme:rw",
        "bind:/mnt/data:ro",
        "bind:/etcetera:rw",
        "cap:NET_ADMIN",
        "privileged",
        "port:80",
    ] {
        assert!(!need.parse::<Need>().unwrap().is_line_only(), "{need}");
    }
}

#[test]
fn a_consent_covers_less_of_the_same() {
    let covers = |consent: &str, need: &str| consent.parse::<Need>().unwrap().covers(&need.parse().unwrap());
    assert!(covers("bind:/srv:rw", "bind:/srv:ro"));
    assert!(covers("bind:/srv/:rw", "bind:/srv:rw"));
    assert!(covers("cap:CAP_NET_ADMIN", "cap:net_admin"));
    for (consent, need) in [
        ("bind:/srv:ro", "bind:/srv:rw"),
        ("bind:/srv:rw", "bind:/srv/a:rw"),
        ("port:80", "port:81"),
        ("privileged", "gpus"),
    ] {
        assert!(!covers(consent, need), "{consent} {need}");
    }
}

#[test]
fn aliases_that_stand_for_too_much_cost_no_more_than_the_bound() {
    let mut text = "x-0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for n in 1..60 {
        let before = format!("*a{}", n - 1);
        text.push_str(&format!("x-{n}: &a{n} [{}]\n", [before.as_str(); 9].join(", ")));
    }
    text.push_str("services: {app: {image: a}}\n");
    let started = Instant::now();
    assert!(matches!(Document::read(&text), Err(ReadError::TooLarge { .. })));
    let one = format!("x-a: &a \"{}\"\nx-b: [{}]\n", "x".repeat(100_000), ["*a"; 100_000].join(","));
    assert!(matches!(Document::read(&one), Err(ReadError::TooLarge { .. })));
    let keys: String = (0..50_000).map(|n| format!("x{n}: 1\n")).collect();
    assert!(Document::read(&keys).is_ok());
    assert!(matches!(Document::read(&format!("a: {}", "[".repeat(100))), Err(ReadError::TooDeep { .. })));
    let nested = format!(
        "x-a: &a {}x{}\nx-b: {}*a{}\n",
        "[".repeat(40),
        "]".repeat(40),
        "[".repeat(40),
        "]".repeat(40)
    );
    assert!(matches!(Document::read(&nested), Err(ReadError::TooDeep { .. })));
    assert!(matches!(Document::read(&"# \n".repeat(200_000)), Err(ReadError::TooLong)));
    assert!(started.elapsed().as_secs() < 60);
}

const PLACE: Place<'_> =
    Place { project: "kw-shop-1", folder: "/var/lib/keyward-agent/deployments/x/files/h" };

#[test]
fn what_compose_makes_of_a_file_is_looked_at_with_its_place() {
    let json = r#"{"name": "kw-shop-1", "services": {"app": {"image": "a", "command": null, "networks": {"default": null},
        "ports": [{"mode": "ingress", "host_ip": "127.0.0.1", "target": 80, "published": "8080", "protocol": "tcp"}],
        "volumes": [{"type": "volume", "source": "data", "target": "/data", "volume": {}},
            {"type": "bind", "source": "/var/lib/keyward-agent/deployments/x/files/h/app.conf", "target": "/c", "bind": {"create_host_path": true}}]}},
        "networks": {"default": {"name": "kw-shop-1_default", "ipam": {}}}, "volumes": {"data": {"name": "kw-shop-1_data"}}}"#;
    let document = Document::from_json(json).unwrap();
    assert_eq!(needs(&document, Some(&PLACE)), []);
    assert_eq!(check_resolved(&document, &PLACE, |name| name == "app.conf"), []);
    // A folder that the version does not have would be lost with the next one.
    let refused = check_resolved(&document, &PLACE, |_| false);
    assert!(refused[0].to_string().contains("named volume"), "{refused:?}");
    // Another deployment's.
    let other = Place { project: "kw-other-2", folder: "/var/lib/keyward-agent/deployments/y/files/h" };
    let found: Vec<_> = needs(&document, Some(&other)).iter().map(Need::to_string).collect();
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn nobody_writes_to_what_compose_reads_again() {
    let refused = |mount: &str| {
        let json = format!(r#"{{"services": {{"app": {{"image": "a", "volumes": [{mount}]}}}}}}"#);
        let document = Document::from_json(&json).unwrap();
        !check_resolved(&document, &PLACE, |name| [".env", "app.conf"].contains(&name)).is_empty()
    };
    let bind = |file: &str, more: &str| {
        format!(r#"{{"type": "bind", "source": "{}{file}", "target": "/x"{more}}}"#, PLACE.folder)
    };
    let shared = r#", "read_only": true, "bind": {"propagation": "shared"}"#;
    for mount in [bind("", ""), bind("/.", ""), bind("/.env", ""), bind("", shared)] {
        assert!(refused(&mount), "{mount}");
    }
    for mount in
        [bind("", r#", "read_only": true"#), bind("/.env", r#", "read_only": true"#), bind("/app.conf", "")]
    {
        assert!(!refused(&mount), "{mount}");
    }
    // Nor by a volume that is the folder.
    let json = format!(
        r#"{{"services": {{"app": {{"image": "a"}}}}, "volumes": {{"v": {{"name": "kw-shop-1_v", "driver_opts":
            {{"type": "none", "o": "bind", "device": "{}"}}}}}}}}"#,
        PLACE.folder
    );
    let found = needs(&Document::from_json(&json).unwrap(), Some(&PLACE));
    assert_eq!(found.len(), 1);
    assert!(found[0].is_line_only());
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn need() -> impl Strategy<Value = String> {
        let word = "(device|container|volume-driver|volume-device|external-volume|external-network|network-driver|network-option|security-opt|sysctl|cgroup-parent|runtime|ulimit|logging)";
        prop_oneof![
            (word, "[A-Za-z0-9/:=.*_ -]{1,20}").prop_map(|(word, rest)| format!("{word}:{rest}")),
            "[A-Z][A-Z_]{1,9}".prop_map(|name| format!("cap:{name}")),
            ("(/[a-z.]{0,9}){1,5}", "(ro|rw|shared)")
                .prop_map(|(path, access)| format!("bind:{path}:{access}")),
            any::<u16>().prop_map(|port| format!("port:{port}")),
            "(privileged|gpus|public-ports|oom|host-gateway|user:root|host-(network|pid|ipc|uts|userns|cgroup))",
        ]
    }

    proptest! {
        #[test]
        fn a_need_is_read_as_it_is_written(text in need()) {
            let need: Need = text.parse().unwrap();
            prop_assert_eq!(need.to_string().parse::<Need>().unwrap(), need.clone());
            prop_assert!(need.covers(&need));
            prop_assert!(need.description().ends_with('.'));
        }

        #[test]
        fn no_text_is_two_needs(text in "\\PC{0,40}") {
            if let Ok(need) = text.parse::<Need>() {
                prop_assert_eq!(need.to_string().parse::<Need>().unwrap(), need);
            }
        }

        #[test]
        fn no_file_panics(text in "[a-z0-9:{}\\[\\]&*!|>'\"%@#,?$/<. \t\r\n-]{0,120}") {
            if let Ok(document) = Document::read(&text) {
                let _ = (check_raw(&document), needs(&document, None), needs(&document, Some(&PLACE)));
                let _ = (check_resolved(&document, &PLACE, |_| false), summary(&document));
            }
        }

        /// Whatever stands in a service that is not known leads to a refusal.
        #[test]
        fn nothing_unknown_passes(key in "[a-wyz_]{2,16}", value in "[a-z]{1,9}") {
            let text = format!("services: {{app: {{image: a, {key}: {value}}}}}");
            let known = std::panic::catch_unwind(|| refusals(&text).is_empty()).unwrap();
            let document = Document::read(&text);
            prop_assert!(!known || document.is_ok());
            if key.contains("__") {
                prop_assert!(!known, "{}", text);
            }
        }

        /// A path leads out of the folder or not, however it is written.
        #[test]
        fn a_path_is_inside_or_a_need(parts in proptest::collection::vec("(\\.\\.|\\.|a|b)", 1..7)) {
            let path = parts.join("/");
            let text = format!("services: {{app: {{image: a, volumes: [{{type: bind, source: \"./{path}\", target: /x}}]}}}}");
            let mut depth = 0_i32;
            let mut out = false;
            for part in &parts {
                depth += match part.as_str() { ".." => -1, "." => 0, _ => 1 };
                out |= depth < 0;
            }
            let found = needs(&Document::read(&text).unwrap(), None);
            // What leaves the folder and comes back under a name of it may be another folder.
            prop_assert!(!out || !found.is_empty(), "{}: {:?}", path, found);
            prop_assert!(out || found.is_empty(), "{}: {:?}", path, found);
        }
    }
}
