//! How a host joins, and leaves.

use std::os::unix::fs::PermissionsExt as _;

use keyward_agent::identity::{Identity, IdentityError};
use keyward_agent::server::{AskError, JoinError, forget};
use keyward_protocol::enrolment::Mode;

use crate::host::Host;
use crate::server::{AGENT, Server, Wrong};

const YEAR: i64 = 365 * 86_400;

#[test]
fn a_code_is_good_for_one_host() {
    let server = Server::start();
    let host = Host::new();
    assert!(matches!(Identity::load(&host.paths), Err(IdentityError::NotJoined)));
    let joined = host.join(&server, Mode::Manage).unwrap();
    let kept = Identity::load(&host.paths).unwrap();
    assert_eq!((kept.agent, kept.target_name.as_str()), (AGENT, "Berlin 1"));
    assert_eq!(kept.keys.public(), joined.keys.public());
    assert_eq!(kept.keys.fingerprint().len(), 23);
    assert!(!host.paths.joining().exists());
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&host.paths.identity()), mode(host.paths.state())), (0o600, 0o700));
    // Neither here again, nor elsewhere.
    assert!(matches!(host.join(&server, Mode::Manage), Err(JoinError::Joined { .. })));
    let second = Host::new().join(&server, Mode::Manage);
    assert!(
        matches!(second, Err(JoinError::Ask(AskError::Refused(problem))) if problem.code == "join_code_unknown")
    );
}

#[test]
fn a_second_try_has_the_same_keys() {
    let server = Server::start();
    let host = Host::new();
    server.change(|state| state.wrong = Some(Wrong::Html));
    assert!(host.join(&server, Mode::Manage).is_err());
    let first = server.state().agent.clone().unwrap();
    server.change(|state| {
        state.wrong = None;
        state.code_open = true;
    });
    let joined = host.join(&server, Mode::Manage).unwrap();
    assert_eq!(joined.keys.public(), first);
}

#[test]
fn a_clock_that_is_far_off_is_no_hindrance() {
    for ahead in [86_400, -86_400, YEAR, -YEAR] {
        let server = Server::start();
        server.change(|state| state.ahead = ahead);
        let host = Host::new();
        let joined = host.join(&server, Mode::Manage).unwrap();
        assert!((joined.ahead - ahead).abs() <= 2, "{} is not {ahead}", joined.ahead);
        assert!((joined.keys.made_at() - server.state().now()).abs() <= 5);
        let client = host.client();
        assert!(client.desired(None, None).unwrap().is_some());
        assert!((client.now() - server.state().now()).abs() <= 2);
        // And when it is put right meanwhile.
        server.change(|state| state.ahead = 0);
        assert!(client.desired(None, None).unwrap().is_some());
        assert!(Identity::load(&host.paths).unwrap().ahead.abs() <= 2);
        assert!(host.client().desired(None, None).unwrap().is_some());
    }
}

#[test]
fn what_is_not_signed_by_the_keys_in_it_is_no_enrolment() {
    for wrong in Wrong::ALL {
        let server = Server::start();
        server.change(|state| state.wrong = Some(wrong));
        let host = Host::new();
        // Of the first answer there is nothing yet that could be replayed.
        if wrong == Wrong::Replayed {
            continue;
        }
        assert!(host.join(&server, Mode::Manage).is_err(), "{wrong:?}");
        assert!(!host.paths.identity().exists(), "{wrong:?}");
    }
}

#[test]
fn what_is_no_code_is_not_sent() {
    let server = Server::start();
    let host = Host::new();
    for code in ["", "kw_mgmt_abc", "kw_join_ä", "kw_join_a b", &format!("kw_join_{}", "x".repeat(300))] {
        let address = keyward_agent::server::Address::parse(&server.url(), false).unwrap();
        let join = keyward_agent::server::Join {
            address: &address,
            code,
            mode: Mode::Manage,
            replace: false,
            plain_http: false,
            facts: keyward_protocol::enrolment::Facts::default(),
        };
        assert!(matches!(
            join.run(&host.paths, &keyward_agent::config::Config::default()),
            Err(JoinError::Code)
        ));
    }
    assert!(server.state().asked.is_empty());
}

#[test]
fn whoever_leaves_leaves_nothing_of_the_server() {
    let server = Server::start();
    let host = Host::joined(&server, Mode::Manage);
    host.client().leave().unwrap();
    assert!(server.state().agent.is_none());
    assert_eq!(host.client().leave().unwrap_err().status(), Some(401));
    std::fs::create_dir_all(host.paths.deployments()).unwrap();
    forget(&host.paths).unwrap();
    assert!(matches!(Identity::load(&host.paths), Err(IdentityError::NotJoined)));
    assert!(host.paths.deployments().exists());
}
