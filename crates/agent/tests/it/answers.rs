//! What is not the vendor's answer to this request changes nothing.

use keyward_agent::server::{AskError, Unsigned};
use keyward_protocol::desired::{Cause, Deployment, Entry, FileRef, Order};
use keyward_protocol::enrolment::Mode;
use keyward_protocol::report::Reports;
use keyward_token::SecretKey;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::host::Host;
use crate::server::{Server, Wrong};

pub fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn deployment(id: u128, revision: u32) -> Deployment {
    Deployment {
        id: Uuid::from_u128(id),
        name: "Shop".into(),
        project: "kw-shop-1a2b3c".into(),
        application: "shop".into(),
        version: "1.0".into(),
        revision,
        cause: Cause::Install,
        attempt: 1,
        order: Order::Run,
        files: Vec::new(),
        values: Default::default(),
        licenses: Default::default(),
        images: Default::default(),
        health_seconds: None,
        no_way_back: false,
    }
}

#[test]
fn a_wrong_answer_changes_nothing() {
    for wrong in Wrong::ALL {
        let server = Server::start();
        let host = Host::joined(&server, Mode::Manage);
        let client = host.client();
        // An answer that could be replayed, with other keys in it than those that follow.
        client.desired(None, None).unwrap();
        let before = host.content();
        server.change(|state| {
            state.wrong = Some(wrong);
            state.keys.push(SecretKey::from_seed([2; 32]));
            state.entries = vec![Entry::Deployment(Box::new(deployment(1, 1)))];
        });
        for _ in 0..2 {
            let error = client.desired(None, None).unwrap_err();
            assert!(matches!(error, AskError::Unsigned { .. } | AskError::Away(_)), "{wrong:?}: {error}");
            assert!(error.may_pass());
            client.report(&Reports::default()).unwrap_err();
            client.pull_credentials(Uuid::nil()).unwrap_err();
            client.file(&hash("x")).unwrap_err();
            client.rotate_if_due().unwrap();
        }
        assert_eq!(host.content(), before, "{wrong:?}");
        assert!(!server.state().asked.iter().any(|asked| asked.path == "/elsewhere"));
    }
}

#[test]
fn each_fault_is_told_apart() {
    let server = Server::start();
    let host = Host::joined(&server, Mode::Manage);
    let client = host.client();
    server.change(|state| state.wrong = Some(Wrong::Unsigned));
    let missing = client.desired(None, None).unwrap_err();
    assert_eq!(missing, AskError::Unsigned { status: 200, why: Unsigned::Missing });
    server.change(|state| state.wrong = Some(Wrong::Html));
    let missing = client.desired(None, None).unwrap_err();
    assert_eq!(missing, AskError::Unsigned { status: 502, why: Unsigned::Missing });
}

#[test]
fn a_request_that_is_sent_again_is_refused() {
    // The server of these tests is as strict as the real one; the agent never sends the same twice.
    let server = Server::start();
    let host = Host::joined(&server, Mode::Manage);
    let client = host.client();
    for _ in 0..3 {
        client.desired(None, None).unwrap();
    }
    assert!(server.state().asked.iter().all(|asked| asked.believed));
}

#[test]
fn the_vendors_keys_are_followed() {
    let server = Server::start();
    let host = Host::joined(&server, Mode::Manage);
    let client = host.client();
    server.change(|state| state.keys.push(SecretKey::from_seed([2; 32])));
    client.desired(None, None).unwrap();
    // The old one is retired: all is signed by the new one, also for an agent that is started again.
    server.change(|state| drop(state.keys.remove(0)));
    client.desired(None, None).unwrap();
    host.client().desired(None, None).unwrap();
    // A set without keys would lock the agent out.
    server.change(|state| {
        let mut desired = state.desired();
        desired.jwks = r#"{"keys":[]}"#.into();
        state.desired = Some(desired);
    });
    assert!(matches!(client.desired(None, None), Err(AskError::Unreadable(_))));
    server.change(|state| state.desired = None);
    client.desired(None, None).unwrap();
}

#[test]
fn a_document_for_another_is_refused() {
    let server = Server::start();
    let host = Host::joined(&server, Mode::Witness);
    let client = host.client();
    let before = host.content();
    let good = server.state().desired();
    let mut others = Vec::new();
    for change in 0..4 {
        let mut desired = good.clone();
        match change {
            0 => desired.agent = Uuid::nil(),
            1 => desired.target = Uuid::nil(),
            2 => desired.protocol = 2,
            // Whoever joined to look does not change anything because a server says so.
            _ => desired.mode = Mode::Manage,
        }
        others.push(desired);
    }
    for other in others {
        server.change(|state| state.desired = Some(other));
        assert!(matches!(client.desired(None, None), Err(AskError::Unreadable(_))));
    }
    assert_eq!(host.content(), before);
}

#[test]
fn a_file_is_what_its_hash_says() {
    let server = Server::start();
    let host = Host::joined(&server, Mode::Manage);
    let client = host.client();
    let text = "services: {}\n";
    server.change(|state| {
        state.files.insert(hash(text), text.into());
        state.files.insert(hash("other"), text.into());
    });
    assert!(client.file(&hash("other")).is_err());
    assert!(client.file(&hash("unknown")).is_err());
    for bad in ["", "../../identity.json", &hash(text).to_uppercase(), &format!("{}/..", hash(text))] {
        assert!(client.file(bad).is_err(), "{bad}");
    }
    assert_eq!(client.file(&hash(text)).unwrap(), text);
    // From the disk, without the server; a copy that was damaged is not used.
    server.change(|state| state.away = true);
    assert_eq!(host.client().file(&hash(text)).unwrap(), text);
    std::fs::write(host.paths.downloads().join(hash(text)), "services: {evil: {}}\n").unwrap();
    assert!(client.file(&hash(text)).is_err());
    server.change(|state| state.away = false);
    assert_eq!(client.file(&hash(text)).unwrap(), text);
    // What nothing names any more goes, unless something could not be told.
    let mut desired = server.state().desired();
    desired.deployments = vec![Entry::Fault { id: Uuid::nil(), fault: "x".into() }];
    client.forget_files_but_of(&desired);
    assert!(host.paths.downloads().join(hash(text)).exists());
    let mut named = deployment(1, 1);
    named.files.push(FileRef { name: "compose.yaml".into(), sha256: hash(text) });
    desired.deployments = vec![Entry::Deployment(Box::new(named))];
    client.forget_files_but_of(&desired);
    assert!(host.paths.downloads().join(hash(text)).exists());
    desired.deployments.clear();
    client.forget_files_but_of(&desired);
    assert!(!host.paths.downloads().join(hash(text)).exists());
}
