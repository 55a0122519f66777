//! Rules, dashboard and metrics, by Prometheus' own tool where it is installed.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keyward_token::Status;
use serde_json::Value;

use crate::Workdir;
use crate::check::{licensed, list};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations/license-health")
}

/// Runs promtool, if there is one; whether it did.
fn promtool(args: &[&str], stdin: &str) -> bool {
    let mut command = Command::new("promtool");
    command
        .args(args)
        .current_dir(folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            keyward_testkit::not_run::report("with promtool", &format!("promtool: {error}"));
            return false;
        }
    };
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "promtool {args:?}: {said}");
    // It remarks what is bad style and ends well all the same.
    assert!(args != ["check", "metrics"] || said.is_empty(), "{said}");
    true
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
