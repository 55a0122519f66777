//! What both shops do, over HTTP. `crate::PROGRAM` is the one that is asked.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::PROGRAM;

/// Starts the service on a free port, and gives its address and, the first time, the token.
fn started(folder: &Path) -> (Child, String, Option<String>) {
    let mut service =
        Command::new(PROGRAM).arg(folder).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(service.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    (service, told["url"].as_str().unwrap().to_owned(), told["token"].as_str().map(str::to_owned))
}

/// The status, the headers that say more, and the body.
fn asked(url: &str, token: &str, order: Option<Value>) -> (u16, [Option<String>; 2], Value) {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let (url, bearer) = (format!("{url}/orders"), format!("Bearer {token}"));
    let mut answer = match order {
        Some(order) => agent.post(&url).header("Authorization", &bearer).send_json(order).unwrap(),
        None => agent.get(&url).header("Authorization", &bearer).call().unwrap(),
    };
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let headers = [header("content-type"), header("www-authenticate")];
    (answer.status().as_u16(), headers, answer.body_mut().read_json().unwrap())
}

fn stopped(mut service: Child) {
    assert!(Command::new("kill").arg(service.id().to_string()).status().unwrap().success());
    assert!(service.wait().unwrap().success(), "it stops in order");
}

#[test]
fn an_order_and_its_license_are_there_or_neither() {
    let folder = tempfile::tempdir().unwrap();
    let key = |text: &str| std::fs::write(folder.path().join("master.key"), text).unwrap();
    key("+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=\n");
    let (service, url, token) = started(folder.path());
    let token = token.unwrap();
    let (status, headers, problem) = asked(&url, "kw_mgmt_no", None);
    assert_eq!((status, &problem["code"]), (401, &json!("unauthorized")));
    assert_eq!(headers, [Some("application/problem+json".into()), Some("Bearer realm=\"keyward\"".into())]);

    let (status, _, made) = asked(&url, &token, Some(json!({ "number": 7, "license": "Pro" })));
    assert_eq!(status, 201, "{made}");
    // The order is there already, so there is no license either.
    let (status, _, problem) = asked(&url, &token, Some(json!({ "number": 7, "license": "Other" })));
    assert_eq!((status, &problem["code"]), (409, &json!("already_exists")));
    // There is such a license already, so there is no order either.
    let (status, _, problem) = asked(&url, &token, Some(json!({ "number": 8, "license": "Pro" })));
    assert_eq!((status, &problem["code"]), (409, &json!("already_exists")));
    let all = json!({ "orders": [[7, made["license"]]], "licenses": ["Pro"] });
    assert_eq!(asked(&url, &token, None).2, all);
    stopped(service);

    let (service, url, none) = started(folder.path());
    assert_eq!((asked(&url, &token, None).2, none), (all, None), "it goes on where it was");
    stopped(service);
    key("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    let refused = Command::new(PROGRAM).arg(folder.path()).arg("127.0.0.1:0").output().unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("WrongMasterKey"), "{refused:?}");
}
