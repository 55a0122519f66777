//! Revocation for licenses that are verified offline.

use keyward_client::test_kit::{Failure, ListedStatus, MockServer};
use keyward_client::{Client, HealthState, KeySource, License, NoClaims, StatusError};

use crate::{asking, mock};

fn license(server: &MockServer, client: &Client, index: u64) -> License<NoClaims> {
    client.verify(&server.vendor().license().listed(index, server.list_url()).token().unwrap()).unwrap()
}

fn fetches(server: &MockServer) -> usize {
    server.requests().iter().filter(|request| request.ends_with("status-list")).count()
}

#[test]
fn a_list_is_fetched_once_while_it_is_fresh() {
    let server = mock();
    let client = asking(&server.url()).build().unwrap();
    server.list(7, ListedStatus::Invalid);
    let good = license(&server, &client, 3);
    assert!(client.check_list(&good).unwrap().fault.is_none());
    let revoked = license(&server, &client, 7);
    assert_eq!(client.check_list(&revoked).unwrap_err().error, StatusError::Revoked);
    assert_eq!(client.health(&revoked, 30).state(), HealthState::Revoked);
    assert_eq!((client.health(&good, 30).state(), fetches(&server)), (HealthState::Fine, 1));
    // What it says counts where the server is out of reach.
    server.fail(Some(Failure::HangUp));
    assert!(client.check_list(&good).is_ok() && client.check_list(&revoked).is_err());
    let unlisted: License<NoClaims> = client.verify(&server.vendor().license().token().unwrap()).unwrap();
    assert_eq!(client.check_list(&unlisted).unwrap_err().error, StatusError::NoReference);
}

#[test]
fn a_list_that_is_stale_is_fetched_again_and_counts_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list.jwt");
    let server = mock();
    server.list_ttl_seconds(1);
    let client = || asking(&server.url()).keep_list_in(&file).build().unwrap();
    let first = client();
    let good = license(&server, &first, 3);
    assert!(first.check_list(&good).unwrap().not_kept.is_none());
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    server.fail(Some(Failure::HangUp));
    // Another process, with the server out of reach.
    let later = client();
    let listed = later.check_list(&good).unwrap();
    assert!(listed.fault.is_some());
    let asked = fetches(&server);
    assert!(later.check_list(&good).is_ok());
    assert_eq!(fetches(&server), asked, "not tried again at once");
    std::fs::remove_file(&file).unwrap();
    let none = client().check_list(&good).unwrap_err();
    assert!(none.error == StatusError::NoList && none.fault.is_some(), "{none}");
    server.fail(None);
    server.list(3, ListedStatus::Suspended);
    assert_eq!(client().check_list(&good).unwrap_err().error, StatusError::Suspended);
}

#[test]
fn a_list_survives_a_rotation() {
    let server = mock();
    let client = asking(&server.url()).build().unwrap();
    let good = license(&server, &client, 3);
    server.rotate_key();
    let unknown = client.check_list(&good).unwrap_err();
    assert!(unknown.to_string().contains("unknown key"), "{unknown}");
    let client = asking(&server.url()).refresh_keys_from(KeySource::Url(server.jwks_url())).build().unwrap();
    assert!(client.check_list(&good).is_ok());
}

#[test]
fn a_list_of_something_else_is_none() {
    for body in ["", "x.y.z", "<html>"] {
        let server = mock();
        let client = asking(&server.url()).build().unwrap();
        let good = license(&server, &client, 3);
        server.fail(Some(Failure::Http { status: 200, body: body.into() }));
        assert!(matches!(client.check_list(&good).unwrap_err().error, StatusError::List(_)), "{body}");
    }
}
