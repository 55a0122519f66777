//! Wrong passwords: who is refused, who waits, and what is written of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use keyward_domain::{Email, Role, Secret, SecretKind};
use keyward_engine::{
    AnySession, ClientInfo, Confirmation, Engine, Error, NewMember, NewOrganization, Password, SignIn,
    SignedIn,
};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{START, engine};

const RIGHT: &str = "a long password";

fn from(address: &str) -> ClientInfo {
    ClientInfo { address: address.to_owned(), user_agent: String::new(), device: None }
}

/// The owner of a new organization, signed in.
async fn ada(engine: &Engine) -> SignedIn {
    let link = engine.setup_link().await.unwrap().unwrap();
    let link = Secret::parse(SecretKind::Setup, link.rsplit('/').next().unwrap()).unwrap();
    let new = NewOrganization {
        name: "Acme".parse().unwrap(),
        slug: None,
        owner_email: "ada@acme.example".parse().unwrap(),
        owner_name: Some("Ada".parse().unwrap()),
    };
    engine.set_up(&link, new, Password::parse(RIGHT).unwrap(), from("192.0.2.250")).await.unwrap()
}

async fn try_as(engine: &Engine, email: &str, password: &str, client: ClientInfo) -> Result<SignIn, Error> {
    let email: Email = email.parse().unwrap();
    engine.sign_in(&email, Password::attempt(password), None, client).await
}

async fn try_ada(engine: &Engine, password: &str, client: ClientInfo) -> Result<SignIn, Error> {
    try_as(engine, "ada@acme.example", password, client).await
}

/// What became of each: refused as wrong, or not judged.
fn counted(outcomes: &[Result<SignIn, Error>]) -> (usize, usize) {
    let wrong = outcomes.iter().filter(|outcome| matches!(outcome, Ok(SignIn::Refused))).count();
    let refused =
        outcomes.iter().filter(|outcome| matches!(outcome, Err(Error::TooManyTries { .. }))).count();
    (wrong, refused)
}

#[database_test]
async fn four_servers_give_ten_tries_and_not_forty(store: Store) {
    let servers: Vec<Arc<Engine>> = (0..4).map(|_| engine(store.clone()).0).collect();
    ada(&servers[0]).await;
    let tries = (0..40).map(|number| try_ada(&servers[number % 4], "wrong wrong wrong", from("192.0.2.1")));
    assert_eq!(counted(&join_all(tries).await), (10, 30));
    let again = try_ada(&servers[3], RIGHT, from("192.0.2.1")).await;
    assert!(matches!(again, Err(Error::TooManyTries { retry_after: 900 })), "{again:?}");
}

#[database_test]
async fn strangers_delay_and_do_not_lock_out(store: Store) {
    let (engine, _) = engine(store);
    let first = ada(&engine).await;
    for number in 1..=11 {
        let outcome = try_ada(&engine, "wrong wrong wrong", from(&format!("192.0.2.{number}"))).await;
        assert!(matches!(outcome, Ok(SignIn::Refused)), "{number}: {outcome:?}");
    }
    let known = ClientInfo { device: first.device.clone(), ..from("198.51.100.1") };
    let begun = Instant::now();
    assert!(matches!(try_ada(&engine, RIGHT, known).await, Ok(SignIn::Done(_))));
    assert!(begun.elapsed() < Duration::from_secs(2), "a device that has signed in before does not wait");
    let begun = Instant::now();
    assert!(matches!(try_ada(&engine, RIGHT, from("192.0.2.12")).await, Ok(SignIn::Done(_))));
    assert!((2..20).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

/// Anyone can make a member of their own organization with somebody's address, and know that member's password.
#[database_test]
async fn whoever_shares_an_address_guesses_no_more_than_others(store: Store) {
    let (engine, _) = engine(store);
    ada(&engine).await;
    let other = Vendor::found(&engine, "Other").await;
    let new = NewMember {
        name: "A".parse().unwrap(),
        email: "ada@acme.example".parse().unwrap(),
        role: Role::Viewer,
    };
    engine.invite_member(&other.access(), new).await.unwrap();
    let mail = engine.claim_mail().await.unwrap().unwrap();
    let link = mail.body.split_whitespace().find(|word| word.contains("kw_link_")).unwrap().to_owned();
    let link = Secret::parse(SecretKind::Link, link.rsplit('/').next().unwrap()).unwrap();
    let opened =
        engine.open_member_link(&link, Password::parse("another password").unwrap(), from("192.0.2.7")).await;
    let device = opened.unwrap().unwrap().device;
    let known = || ClientInfo { device: device.clone(), ..from("192.0.2.7") };
    let mut judged = 0;
    for _ in 0..3 {
        for _ in 0..6 {
            judged += usize::from(matches!(
                try_ada(&engine, "wrong wrong wrong", known()).await,
                Ok(SignIn::Refused)
            ));
        }
        let _own = try_ada(&engine, "another password", known()).await;
    }
    assert_eq!(judged, 10, "neither a device nor a success of one's own makes guesses uncounted");
}

#[database_test]
async fn a_device_is_known_for_its_own_account_alone_and_has_ten_tries(store: Store) {
    let (engine, clock) = engine(store);
    let cookie = ada(&engine).await.device.unwrap();
    let known = |cookie: &str| ClientInfo { device: Some(cookie.to_owned()), ..from("192.0.2.1") };
    let source = |email: &str, cookie: &str| {
        engine.source(&email.parse().unwrap(), &known(cookie)).to_string().starts_with("device:")
    };
    assert!(source("ada@acme.example", &cookie) && source("Ada@ACME.example", &cookie));
    assert!(!source("eve@acme.example", &cookie));
    for at in 0..cookie.len() {
        let mut changed = cookie.clone();
        let other = if &changed[at..=at] == "A" { "B" } else { "A" };
        changed.replace_range(at..=at, other);
        // The last character has bits that mean nothing, which the encoding refuses.
        assert!(!source("ada@acme.example", &changed), "{at}");
    }
    for bad in ["", "A", &"A".repeat(100_000)] {
        assert!(!source("ada@acme.example", bad));
    }
    for _ in 0..10 {
        assert!(matches!(try_ada(&engine, "wrong wrong wrong", known(&cookie)).await, Ok(SignIn::Refused)));
    }
    assert!(matches!(try_ada(&engine, RIGHT, known(&cookie)).await, Err(Error::TooManyTries { .. })));
    assert!(
        matches!(try_ada(&engine, RIGHT, from("192.0.2.1")).await, Ok(SignIn::Done(_))),
        "nor does it wait for it"
    );
    clock.advance(900);
    assert!(matches!(try_ada(&engine, RIGHT, known(&cookie)).await, Ok(SignIn::Done(_))));
    clock.advance(keyward_engine::DEVICE_SECONDS);
    assert!(!source("ada@acme.example", &cookie), "a year");
}

#[database_test]
async fn a_success_forgets_its_own_pair_alone(store: Store) {
    let (engine, _) = engine(store);
    ada(&engine).await;
    for _ in 0..9 {
        try_ada(&engine, "wrong wrong wrong", from("192.0.2.1")).await.unwrap();
        try_ada(&engine, "wrong wrong wrong", from("2001:db8::1")).await.unwrap();
    }
    assert!(matches!(try_ada(&engine, RIGHT, from("192.0.2.1")).await, Ok(SignIn::Done(_))));
    let own = join_all((0..11).map(|_| try_ada(&engine, "wrong wrong wrong", from("192.0.2.1")))).await;
    assert_eq!(counted(&own), (10, 1));
    // The other end of the same household has one try left.
    let other = join_all(
        (2..4).map(|number| try_ada(&engine, "wrong wrong wrong", from(&format!("2001:db8::{number}")))),
    )
    .await;
    assert_eq!(counted(&other), (1, 1));
}

#[database_test]
async fn nobody_is_told_whether_there_is_an_account(store: Store) {
    let (engine, _) = engine(store.clone());
    ada(&engine).await;
    let mut seen = Vec::new();
    for email in ["ada@acme.example", "nobody@acme.example"] {
        let mut answers = Vec::new();
        for number in 0..12 {
            let begun = Instant::now();
            let outcome = try_as(&engine, email, "wrong wrong wrong", from("192.0.2.1")).await;
            assert!(begun.elapsed() >= Duration::from_millis(250), "{number}: {:?}", begun.elapsed());
            answers.push(format!("{outcome:?}"));
        }
        seen.push(answers);
    }
    assert_eq!(seen[0], seen[1]);
    let tx = store.write().await.unwrap();
    let far = keyward_domain::Timestamp::MAX;
    assert_eq!(
        tx.remove_aged(keyward_storage::Aged::SignInAttempts, far, 10).await.unwrap(),
        1,
        "one row, of the account that there is"
    );
}

#[database_test]
async fn who_is_signed_in_has_ten_tries_too(store: Store) {
    let servers: Vec<Arc<Engine>> = (0..2).map(|_| engine(store.clone()).0).collect();
    let signed_in = ada(&servers[0]).await;
    let Some(AnySession::Member(person)) = servers[0].session(&signed_in.secret).await.unwrap() else {
        panic!()
    };
    let confirm = |engine: Arc<Engine>, typed: &'static str| {
        let person = person.clone();
        async move { engine.confirm(&person, Password::attempt(typed), None).await }
    };
    let tries =
        join_all((0..20).map(|number| confirm(Arc::clone(&servers[number % 2]), "wrong wrong wrong"))).await;
    assert_eq!(tries.iter().filter(|done| matches!(done, Ok(Confirmation::Refused))).count(), 10);
    assert!(matches!(confirm(Arc::clone(&servers[1]), RIGHT).await, Err(Error::TooManyTries { .. })));
    // Another session of the same person is not held up.
    let Ok(SignIn::Done(other)) = try_ada(&servers[0], RIGHT, from("192.0.2.9")).await else { panic!() };
    let Some(AnySession::Member(other)) = servers[0].session(&other.secret).await.unwrap() else { panic!() };
    let done = servers[0].confirm(&other, Password::attempt(RIGHT), None).await.unwrap();
    assert!(matches!(done, Confirmation::Done(_)));
}

#[database_test]
async fn codes_are_guessed_ten_times_in_a_session(store: Store) {
    let (engine, _) = engine(store);
    let signed_in = ada(&engine).await;
    let person = crate::sessions::confirmed(&engine, &signed_in, None).await;
    let app = engine.new_authenticator(&person);
    let code = |steps: i64| crate::sessions::code_of(&app.secret, START / 30 + steps);
    let proof = engine.reauthenticated(&person).unwrap();
    let made = engine.confirm_authenticator(&proof, &app.secret, &code(0)).await.unwrap().unwrap();
    let Some(AnySession::Member(person)) = engine.session(&made.session.secret).await.unwrap() else {
        panic!()
    };
    let confirm = |code: Option<String>| {
        let (engine, person) = (&engine, &person);
        async move { engine.confirm(person, Password::attempt(RIGHT), code.as_deref()).await }
    };
    // To be asked for the code is no failure; a wrong one is.
    for _ in 0..12 {
        assert!(matches!(confirm(None).await, Ok(Confirmation::CodeNeeded)));
    }
    for _ in 0..10 {
        assert!(matches!(confirm(Some("000000".to_owned())).await, Ok(Confirmation::CodeNeeded)));
    }
    assert!(matches!(confirm(Some(code(1))).await, Err(Error::TooManyTries { .. })));
}

#[database_test]
async fn an_unknown_link_is_refused_before_anything_is_hashed(store: Store) {
    let (engine, _) = engine(store);
    ada(&engine).await;
    let begun = Instant::now();
    let tries = join_all((0..200).map(|number| {
        let engine = &engine;
        async move {
            let password = || Password::parse(RIGHT).unwrap();
            let unknown = Secret::new(SecretKind::Link, [number; 24]);
            assert!(engine.open_member_link(&unknown, password(), from("192.0.2.1")).await.is_err());
            let new = NewOrganization {
                name: "B".parse().unwrap(),
                owner_email: "b@b.example".parse().unwrap(),
                owner_name: None,
                slug: None,
            };
            let setup = Secret::new(SecretKind::Setup, [number; 24]);
            engine.set_up(&setup, new, password(), from("192.0.2.1")).await.is_err()
        }
    }))
    .await;
    assert!(tries.iter().all(|refused| *refused));
    // Far from the time that 400 hashes take, or from being sent away by the gate.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
