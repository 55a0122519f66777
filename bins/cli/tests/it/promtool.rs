//! Rules, dashboard and metrics, by Prometheus' own tool where it is installed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use keyward_token::Status;
use serde_json::Value;

use crate::Workdir;
use crate::check::{licensed, list};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations/license-health")
}

fn promtool(args: &[&str], stdin: &str) -> bool {
    keyward_testkit::promtool::run(&folder(), args, stdin)
}

#[test]
fn the_alerts_fire_when_they_should() {
    if promtool(&["check", "rules", "alerts.yml"], "") {
        promtool(&["test", "rules", "alerts_test.yml"], "");
    }
}

fn metrics(workdir: &Workdir) -> String {
    let args = ["exporter", "--key", "key.pem.pub", "--product", "p", "--file", "license.jwt"];
    let output = workdir.keyward(&[&args[..], &["--status-list", "list.jwt"]].concat());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_metrics_are_as_they_should_be() {
    let workdir = licensed();
    workdir.write("list.jwt", &list(&workdir, Status::Valid, 1_790_000_000, None));
    promtool(&["check", "metrics"], &metrics(&workdir));
}

/// Rules and dashboard ask for what there is, and the page describes all of it.
#[test]
fn what_is_asked_for_is_told() {
    let workdir = licensed();
    workdir.write("list.jwt", &list(&workdir, Status::Valid, 1_790_000_000, None));
    let text = metrics(&workdir);
    let told: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert_eq!(told.len(), 4, "{text}");
    let read = |name: &str| std::fs::read_to_string(folder().join(name)).unwrap();
    let page = read("../license-health.md");
    for name in &told {
        assert!(page.contains(&format!("`{name}`")), "{name} is not on the page");
    }
    let dashboard: Value = serde_json::from_str(&read("dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let mut asked: Vec<String> = targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
    asked.extend([read("alerts.yml"), page]);
    for text in asked {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names: BTreeSet<_> = words.filter(|word| word.starts_with("keyward_license_")).collect();
        assert!(!names.is_empty() && names.is_subset(&told), "{names:?}");
    }
}
