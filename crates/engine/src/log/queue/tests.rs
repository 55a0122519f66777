use keyward_domain::registry::{Holder, RepositoryName};
use keyward_domain::{Address, RegistryEventId};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(1_000_000 + seconds).unwrap()
}

pub(in crate::log) fn scope(n: u8) -> OrganizationScope {
    // Whoever bears a token of an organization reaches that organization's rows.
    keyward_domain::ManagementToken {
        id: TokenId::new(1, [n; 10]),
        organization: OrganizationId::new(1, [n; 10]),
        name: "x".parse().unwrap(),
        maker: keyward_domain::Maker::Operator,
        hint: String::new(),
        hash: keyward_domain::Secret::new(keyward_domain::SecretKind::Management, [n; 24]).hash(),
        scopes: keyward_domain::Scopes::default(),
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
        created_at: at(0),
    }
    .scope()
}

fn event(decision: Decision, reference: &str, seconds: i64) -> RegistryEvent {
    RegistryEvent {
        id: RegistryEventId::new(1, [1; 10]),
        organization: OrganizationId::new(1, [1; 10]),
        registry: RegistryId::new(1, [1; 10]),
        holder: Holder::Key(RegistryKeyId::new(1, [1; 10])),
        operation: Operation::Pull,
        decision,
        repository: "acme/app".parse::<RepositoryName>().unwrap(),
        reference: reference.to_owned(),
        digest: None,
        bytes: 0,
        address: Address::new([192, 0, 2, 7].into()),
        client: "docker".repeat(20),
        at: at(seconds),
    }
}

fn happened(n: u8, event: RegistryEvent) -> Entry {
    Entry { scope: scope(n), what: What::Happened(event) }
}

fn used(n: u8, seconds: i64) -> Entry {
    Entry { scope: scope(n), what: What::Used(Use::Token(TokenId::new(1, [n; 10]), at(seconds))) }
}

#[test]
fn what_is_repeated_at_once_waits_once() {
    let queue = Queue::default();
    for seconds in [0, 1, 59, 60, 61] {
        queue.add(happened(1, event(Decision::Denied, "1.0", seconds)));
        queue.add(happened(1, event(Decision::Allowed, "1.0", seconds)));
        queue.add(used(1, seconds));
    }
    queue.add(happened(1, event(Decision::Denied, "1.1", 61)));
    let found = queue.take(100, false);
    let count = |is: fn(&What) -> bool| found.iter().filter(|due| is(&due.entry.what)).count();
    assert_eq!(count(|what| matches!(what, What::Used(_))), 2);
    assert_eq!(count(|what| matches!(what, What::Happened(event) if event.decision == Decision::Allowed)), 5);
    assert_eq!(count(|what| matches!(what, What::Happened(event) if event.decision == Decision::Denied)), 3);
    assert!(queue.take(100, false).is_empty());
    assert_eq!(queue.take_dropped(), 0, "the same is not lost");
}

#[test]
fn one_organization_fills_its_share_and_what_is_more_is_dropped_and_counted() {
    let queue = Queue::default();
    let flood = 100_000;
    for number in 0..flood {
        queue.add(happened(1, event(Decision::Denied, &number.to_string(), 0)));
    }
    queue.add(used(2, 0));
    let kept = {
        let state = queue.state();
        assert!(state.bytes <= MOST_OF_ONE + 1_000 && state.seen.len() <= MOST_SEEN);
        state.waiting.len()
    };
    assert_eq!(queue.take_dropped(), flood + 1 - kept as u64);
    assert_eq!(queue.take_dropped(), 0, "each is counted once");
    let taken = queue.take(usize::MAX, false);
    assert!(matches!(taken.last().unwrap().entry.what, What::Used(_)), "another's came through");
    let state = queue.state();
    assert!(state.bytes == 0 && state.shares.is_empty());
}

#[test]
fn what_was_dropped_is_not_taken_for_written() {
    let queue = Queue::default();
    let mut number = 0;
    while queue.state().dropped == 0 {
        queue.add(happened(1, event(Decision::Denied, &number.to_string(), 0)));
        number += 1;
    }
    queue.take(usize::MAX, false);
    queue.add(happened(1, event(Decision::Denied, &(number - 1).to_string(), 1)));
    assert_eq!(queue.take(10, false).len(), 1);
}

#[test]
fn early_parts_come_last_after_some_rounds_or_when_all_is_written() {
    let queue = Queue::default();
    queue.hold_back(vec![happened(1, event(Decision::Allowed, "part", 0))]);
    for _ in 1..EARLY_ROUNDS {
        assert!(queue.take(10, false).is_empty());
    }
    let due = queue.take(10, false);
    assert!(due.len() == 1 && due[0].last);
    queue.hold_back(vec![happened(1, event(Decision::Allowed, "part", 0))]);
    queue.add(happened(1, event(Decision::Allowed, "whole", 0)));
    let all: Vec<_> = queue.take(10, true).iter().map(|due| due.last).collect();
    assert_eq!(all, [false, true]);
    assert_eq!(queue.state().bytes, 0);
}
