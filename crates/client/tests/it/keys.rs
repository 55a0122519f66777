//! Keys that change while the application runs.

use std::time::Duration;

use keyward_client::test_kit::{Failure, Vendor};
use keyward_client::{Decision, Fault, KeySource, KeysError, NoClaims, SetupError, Untrusted};

use crate::{KEY, asking, mock};

fn fetches(server: &keyward_client::test_kit::MockServer) -> usize {
    server.requests().iter().filter(|request| request.ends_with("jwks.json")).count()
}

#[test]
fn an_answer_survives_a_rotation() {
    let server = mock();
    let without = asking(&server.url()).build().unwrap();
    let client = asking(&server.url()).refresh_keys_from(KeySource::Url(server.jwks_url())).build().unwrap();
    assert!(client.check(KEY, None).may_run() && fetches(&server) == 0);
    server.rotate_key();
    let unknown = without.check(KEY, None);
    assert!(
        matches!(
            &unknown,
            Decision::Offline { fault: Fault::Untrusted(Untrusted::UnknownKey), .. }
                | Decision::Unknown { fault: Fault::Untrusted(Untrusted::UnknownKey), .. }
        ),
        "{unknown}"
    );
    assert!(matches!(client.check(KEY, None), Decision::Licensed { .. }));
    assert!(matches!(client.check(KEY, None), Decision::Licensed { .. }));
    assert_eq!((fetches(&server), client.keys().len()), (1, 2));
    // Once, and not again soon: anybody can answer with a key that does not exist.
    server.rotate_key();
    for _ in 0..5 {
        let decision = client.check(KEY, None);
        assert!(
            matches!(&decision, Decision::Offline { fault: Fault::Keys(why), .. } if matches!(**why, KeysError::TooSoon)),
            "{decision}"
        );
    }
    assert_eq!(fetches(&server), 1);
    client.refresh_keys().unwrap();
    assert!(matches!(client.check(KEY, None), Decision::Licensed { .. }));
}

#[test]
fn what_is_no_set_of_keys_changes_nothing() {
    for body in ["", "<html>", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","k":"AA"}]}"#] {
        let server = mock();
        let client =
            asking(&server.url()).refresh_keys_from(KeySource::Url(server.jwks_url())).build().unwrap();
        server.fail(Some(Failure::Http { status: 200, body: body.into() }));
        assert!(matches!(client.refresh_keys(), Err(KeysError::Invalid(_) | KeysError::Empty)), "{body}");
        server.fail(Some(Failure::Http { status: 503, body: body.into() }));
        assert!(matches!(client.refresh_keys(), Err(KeysError::Fetch(Fault::Unavailable(_)))));
        server.fail(None);
        assert!(client.check(KEY, None).may_run());
    }
}

#[test]
fn keys_come_from_a_file_of_the_application() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    let server = mock();
    let client = asking(&server.url()).refresh_keys_from(KeySource::File(file.clone())).build().unwrap();
    server.rotate_key();
    std::fs::write(&file, server.vendor().jwks()).unwrap();
    assert!(client.check(KEY, None).may_run());
    let token = server.vendor().license().token().unwrap();
    assert!(client.verify::<NoClaims>(&format!("{token}\n")).is_ok());
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(client.refresh_keys(), Err(KeysError::File(_))));
}

#[test]
fn a_token_survives_a_rotation() {
    let server = mock();
    let client = asking(&server.url()).refresh_keys_from(KeySource::Url(server.jwks_url())).build().unwrap();
    let old = server.vendor().license().token().unwrap();
    server.rotate_key();
    let new = server.vendor().license().token().unwrap();
    assert!(client.verify::<NoClaims>(&new).is_ok() && client.verify::<NoClaims>(&old).is_ok());
    assert_eq!(fetches(&server), 1);
    let other = Vendor::new("other").license().token().unwrap();
    assert_eq!(client.verify::<NoClaims>(&other).unwrap_err().code(), "wrong_product");
}

#[test]
fn keys_of_others_are_asked_for_by_tls_alone() {
    for url in [
        "http://licenses.example/jwks.json",
        "licenses.example",
        "file:///jwks.json",
        "http://127.0.0.1.example/",
    ] {
        let client = asking("http://127.0.0.1:9").refresh_keys_from(KeySource::Url(url.into())).build();
        assert!(matches!(client, Err(SetupError::KeysUrl)), "{url}");
    }
}

#[test]
fn what_a_revoked_key_has_signed_counts_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let (keys, file) = (folder.path().join("jwks.json"), folder.path().join("license.json"));
    let server = mock();
    let client = asking(&server.url()).keep_in(&file);
    let client = client.refresh_keys_from(KeySource::File(keys.clone())).build().unwrap();
    assert!(client.check(KEY, None).may_run());
    server.fail(Some(Failure::HangUp));
    assert!(client.check(KEY, None).may_run());
    let mut newer = keyward_client::Keyring::new();
    server.rotate_key();
    newer.insert(server.vendor().keys().into_iter().next_back().unwrap()).unwrap();
    std::fs::write(&keys, newer.to_jwks()).unwrap();
    client.refresh_keys().unwrap();
    assert!(!client.check(KEY, None).may_run());
}

#[test]
fn many_threads_fetch_once() {
    let server = mock();
    server.rotate_key();
    let client = asking(&server.url()).timeout(Duration::from_secs(5));
    let client = client.refresh_keys_from(KeySource::Url(server.jwks_url())).build().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert!(matches!(client.check(KEY, None), Decision::Licensed { .. })));
        }
    });
    assert_eq!(fetches(&server), 1);
}
