//! New keys, and what a crash between leaves.

use keyward_agent::identity::{Identity, Keys};
use keyward_protocol::enrolment::Mode;

use crate::host::Host;
use crate::server::Server;

fn age(host: &Host, days: i64) {
    let identity = Identity::load(&host.paths).unwrap();
    let made_at = identity.keys.made_at() - days * 86_400;
    Identity { keys: identity.keys.clone().dated(made_at), ..identity }.save(&host.paths).unwrap();
}

#[test]
fn keys_are_replaced_after_ninety_days() {
    let server = Server::start();
    let host = Host::joined(&server, Mode::Manage);
    let first = Identity::load(&host.paths).unwrap().keys.public();
    age(&host, 89);
    assert!(!host.client().rotate_if_due().unwrap());
    age(&host, 2);
    let client = host.client();
    assert!(client.rotate_if_due().unwrap());
    let kept = Identity::load(&host.paths).unwrap();
    assert!(kept.next.is_none());
    assert_ne!(kept.keys.public(), first);
    assert_ne!(kept.keys.public().sealing, first.sealing);
    assert_eq!(server.state().agent, Some(kept.keys.public()));
    assert!(!client.rotate_if_due().unwrap());
    client.desired(None, None).unwrap();
}

/// Keys from a clock that was a year ahead would otherwise never be old.
#[test]
fn keys_of_the_future_are_replaced() {
    let server = Server::start();
    let host = Host::joined(&server, Mode::Manage);
    age(&host, -400);
    assert!(host.client().rotate_if_due().unwrap());
}

#[test]
fn a_lost_answer_loses_no_key() {
    let server = Server::start();
    let host = Host::joined(&server, Mode::Manage);
    age(&host, 91);
    server.change(|state| state.lose_key_answer = true);
    assert!(host.client().rotate_if_due().is_err());
    // The server has the new ones, and the agent, killed by now, has both.
    server.change(|state| state.lose_key_answer = false);
    let new = server.state().agent.clone().unwrap();
    let kept = Identity::load(&host.paths).unwrap();
    assert_ne!(kept.keys.public(), new);
    assert_eq!(kept.next.as_ref().map(Keys::public), Some(new.clone()));
    // Whatever it asks next finds out.
    let client = host.client();
    client.desired(None, None).unwrap();
    let kept = Identity::load(&host.paths).unwrap();
    assert_eq!((kept.keys.public(), kept.next.is_none()), (new, true));
    assert!(!client.rotate_if_due().unwrap());
}

#[test]
fn a_rotation_that_was_begun_goes_on() {
    let server = Server::start();
    let host = Host::joined(&server, Mode::Manage);
    age(&host, 91);
    server.change(|state| state.away = true);
    assert!(host.client().rotate_if_due().is_err());
    let begun = Identity::load(&host.paths).unwrap().next.unwrap().public();
    server.change(|state| state.away = false);
    // The server knows only the old ones yet.
    let client = host.client();
    client.desired(None, None).unwrap();
    assert!(Identity::load(&host.paths).unwrap().next.is_some());
    assert!(client.rotate_if_due().unwrap());
    assert_eq!(Identity::load(&host.paths).unwrap().keys.public(), begun);
}

/// The server took them, the answer was lost, and then the rotation itself is what is tried again.
#[test]
fn a_rotation_is_repeated_without_harm() {
    let server = Server::start();
    let host = Host::joined(&server, Mode::Manage);
    age(&host, 91);
    server.change(|state| state.lose_key_answer = true);
    assert!(host.client().rotate_if_due().is_err());
    server.change(|state| state.lose_key_answer = false);
    let new = server.state().agent.clone().unwrap();
    assert!(host.client().rotate_if_due().unwrap());
    assert_eq!(Identity::load(&host.paths).unwrap().keys.public(), new);
    host.client().desired(None, None).unwrap();
}

#[test]
fn a_released_agent_keeps_what_it_has() {
    let server = Server::start();
    let host = Host::joined(&server, Mode::Manage);
    age(&host, 91);
    server.change(|state| state.agent = None);
    let client = host.client();
    assert_eq!(client.desired(None, None).unwrap_err().status(), Some(401));
    assert!(client.rotate_if_due().is_err());
    assert_eq!(client.desired(None, None).unwrap_err().status(), Some(401));
    assert!(Identity::load(&host.paths).unwrap().next.is_some());
}
