//! `docs/agent-protocol.md` says what the types say.
#![allow(clippy::unwrap_used, reason = "tests")]

use keyward_protocol::desired::{AskPullCredential, Desired, PullCredentials};
use keyward_protocol::enrolment::{Enrol, Enrolled, NewKeys};
use keyward_protocol::report::{Phase, Reports, Step, Taken};
use keyward_protocol::signed::{Answer, Request, body_hash};
use keyward_token::{Keyring, SecretKey};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

const PAGE: &str = include_str!("../../../../docs/agent-protocol.md");

const SERVER: &str = "https://keys.example.com";

/// The blocks of the page, each with what stands behind the three ticks.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let mut parts = PAGE.split("```").skip(1).step_by(2);
    std::iter::from_fn(|| parts.next()).map(|part| part.split_once('\n').unwrap()).collect()
}

fn block(name: &str) -> &'static str {
    blocks().into_iter().find(|(known, _)| *known == name).unwrap().1.trim_end()
}

/// Reads a document; nothing in it may be left over.
fn read<T: DeserializeOwned + Serialize>(text: &str) -> T {
    let written: Value = serde_json::from_str(text).unwrap();
    let read: T = serde_json::from_value(written.clone()).unwrap();
    let again = serde_json::to_value(&read).unwrap();
    holds(&again, &written, "$");
    read
}

/// Whether all that is written was read. What is absent is as good as `null` or its default.
fn holds(read: &Value, written: &Value, at: &str) {
    match (read, written) {
        (Value::Object(read), Value::Object(written)) => {
            for (name, value) in written.iter().filter(|(_, value)| !value.is_null()) {
                let found = read.get(name).unwrap_or_else(|| panic!("{at}.{name} is not known"));
                holds(found, value, &format!("{at}.{name}"));
            }
        }
        (Value::Array(read), Value::Array(written)) => {
            assert_eq!(read.len(), written.len(), "{at}");
            read.iter().zip(written).for_each(|(read, written)| holds(read, written, at));
        }
        _ => assert_eq!(read, written, "{at}"),
    }
}

#[test]
fn every_document_of_the_page_is_read() {
    let mut count = 0;
    for (name, text) in blocks() {
        count += 1;
        match name {
            "json Enrol" => drop(read::<Enrol>(text)),
            "json Enrolled" => drop(read::<Enrolled>(text)),
            "json Desired" => drop(read::<Desired>(text)),
            "json AskPullCredential" => drop(read::<AskPullCredential>(text)),
            "json PullCredentials" => drop(read::<PullCredentials>(text)),
            "json Reports" => drop(read::<Reports>(text)),
            "json Taken" => drop(read::<Taken>(text)),
            "json NewKeys" => drop(read::<NewKeys>(text)),
            "json header" | "json jwks" => drop(serde_json::from_str::<Value>(text).unwrap()),
            "http"
            | "text request claims"
            | "text Authorization"
            | "text answer claims"
            | "text Keyward-Signature" => {}
            other => panic!("what is `{other}`?"),
        }
    }
    assert_eq!(count, 17);
}

#[test]
fn every_phase_and_step_is_on_the_page() {
    let failure = serde_json::json!({"step": "up", "message": "x", "tries": 1});
    let all = [
        "received",
        "resolving",
        "checking",
        "pulling",
        "applying",
        "settling",
        "running",
        "blocked",
        "failed",
        "rolling_back",
        "rolled_back",
        "stopped",
        "removed",
    ];
    for name in all {
        let phase = serde_json::json!({
            "phase": name, "by": "needs", "items": [], "failure": failure, "to": 1, "volumes_deleted": false
        });
        let phase: Phase = serde_json::from_value(phase).unwrap();
        assert_eq!(phase.as_str(), name);
        assert!(PAGE.contains(&format!("`{name}`")), "{name}");
    }
    let steps = Step::ALL.map(Step::as_str).join(" ");
    assert!(PAGE.contains(&format!("`{steps}`")), "{steps}");
}

#[test]
fn the_worked_example_is_made_anew() {
    let (agent, vendor) = (SecretKey::from_seed([7; 32]), SecretKey::from_seed([9; 32]));
    let kid = vendor.public_key().kid();
    let request = Request {
        iss: "0192f0c1-7a00-7000-8000-000000000001".into(),
        aud: SERVER.into(),
        htm: "GET".into(),
        htu: format!("{SERVER}{}", keyward_protocol::path::DESIRED),
        bh: body_hash(b""),
        iat: 1_767_225_600,
        jti: "iF2q8mZ1Qe6Ck0s3xYw7Vg".into(),
        keys: vec![kid.to_string()],
    };
    let answer = Answer {
        iss: SERVER.into(),
        aud: request.iss.clone(),
        jti: request.jti.clone(),
        status: 304,
        bh: body_hash(b""),
        iat: 1_767_225_650,
    };
    let mut keys = Keyring::new();
    keys.insert(vendor.public_key().clone()).unwrap();
    let authorization = format!("Keyward-Agent {}", request.sign(&agent));
    let signature = answer.sign(kid.as_str(), |text| vendor.sign(text));
    for (name, made) in [
        ("text request claims", serde_json::to_string(&request).unwrap()),
        ("text Authorization", authorization),
        ("text answer claims", serde_json::to_string(&answer).unwrap()),
        ("text Keyward-Signature", signature),
        ("json jwks", keys.to_jwks()),
    ] {
        assert_eq!(block(name), made, "{name}");
    }
    // And by the page alone it verifies.
    let pinned = Keyring::from_jwks(block("json jwks")).unwrap();
    Answer::verify(block("text Keyward-Signature"), &pinned, &request, 304, b"").unwrap();
}
