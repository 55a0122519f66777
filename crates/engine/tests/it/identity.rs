//! What proves who someone is: asked for again before it changes, and ended when it does.

use futures_util::future::join_all;
use keyward_domain::{Actor, PageRequest, Role, SecretKind};
use keyward_engine::{
    AnySession, Confirmation, CustomerChange, Engine, Error, MemberSession, SignIn, SignedIn,
};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{START, engine};

use crate::sessions::{client_info, code_of, confirmed, only_mail, organization, password, secret};

async fn founded(engine: &Engine) -> SignedIn {
    let link = secret(SecretKind::Setup, &engine.setup_link().await.unwrap().unwrap());
    engine.set_up(&link, organization(), password("a long password"), client_info()).await.unwrap()
}

async fn sign_in(engine: &Engine, code: Option<&str>) -> SignedIn {
    let email = "ada@acme.example".parse().unwrap();
    match engine.sign_in(&email, password("a long password"), code, client_info()).await.unwrap() {
        SignIn::Done(signed_in) => signed_in,
        other => panic!("{other:?}"),
    }
}

async fn member(engine: &Engine, session: &SignedIn) -> Option<MemberSession> {
    match engine.session(&session.secret).await.unwrap() {
        Some(AnySession::Member(person)) => Some(person),
        Some(_) | None => None,
    }
}

async fn reset_link(engine: &Engine) -> keyward_domain::Secret {
    engine.request_password_reset(&"ada@acme.example".parse().unwrap()).await.unwrap();
    secret(SecretKind::Link, &only_mail(engine).await.body)
}

#[database_test]
async fn the_cookie_alone_is_no_proof(store: Store) {
    let (engine, clock) = engine(store);
    let (first, other) = (founded(&engine).await, sign_in(&engine, None).await);
    let ada = member(&engine, &first).await.unwrap();
    assert!(matches!(engine.reauthenticated(&ada), Err(Error::Unconfirmed)), "signing in is not enough");
    let wrong = engine.confirm(&ada, password("wrong wrong wrong"), None).await.unwrap();
    assert!(matches!(wrong, Confirmation::Refused));
    let Confirmation::Done(renewed) = engine.confirm(&ada, password("a long password"), None).await.unwrap()
    else {
        panic!()
    };
    assert!(member(&engine, &first).await.is_none(), "whoever else has the cookie is left with nothing");
    assert_eq!((renewed.session.id, renewed.session.form_key), (first.session.id, first.session.form_key));
    let again = engine.confirm(&ada, password("a long password"), None).await;
    assert!(matches!(again, Err(Error::Unconfirmed)), "by the cookie before");

    let other = member(&engine, &other).await.unwrap();
    assert!(engine.reauthenticated(&other).is_err(), "it holds in one session alone");
    clock.advance(299);
    let ada = member(&engine, &renewed).await.unwrap();
    let proof = engine.reauthenticated(&ada).unwrap();
    clock.advance(1);
    assert!(engine.reauthenticated(&ada).is_err(), "for five minutes");
    let late = engine.change_password(&proof, password("the next password")).await;
    assert!(matches!(late, Err(Error::Unconfirmed)), "it ran out on the way");
}

#[database_test]
async fn a_change_ends_all_that_was_proved_before(store: Store) {
    let (engine, clock) = engine(store);
    let mut session = founded(&engine).await;
    let app = engine.new_authenticator(&member(&engine, &session).await.unwrap());
    let (mut codes, mut word): (Vec<String>, _) = (Vec::new(), None);
    for change in ["add", "codes", "replace", "remove", "password"] {
        let code = word.take().or_else(|| codes.pop());
        let other = sign_in(&engine, codes.pop().as_deref()).await;
        let link = reset_link(&engine).await;
        let ada = confirmed(&engine, &session, code.as_deref()).await;
        let proof = engine.reauthenticated(&ada).unwrap();
        let step = engine.now().unix() / 30;
        let renewed = match change {
            "add" | "replace" => {
                let code = code_of(&app.secret, step);
                let made = engine.confirm_authenticator(&proof, &app.secret, &code).await.unwrap().unwrap();
                codes = made.codes;
                made.session
            }
            "codes" => {
                let made = engine.renew_recovery_codes(&proof).await.unwrap();
                assert!(made.codes.len() == 10 && made.codes.iter().all(|code| !codes.contains(code)));
                codes = made.codes;
                made.session
            }
            "remove" => {
                codes.clear();
                engine.remove_authenticator(&proof).await.unwrap()
            }
            _ => engine.change_password(&proof, password("the next password")).await.unwrap(),
        };
        assert!(engine.session(&other.secret).await.unwrap().is_none(), "{change}: other sessions");
        assert!(engine.link(&link).await.unwrap().is_none(), "{change}: links that were mailed");
        let opened = engine.open_member_link(&link, password("a thief's password"), client_info()).await;
        assert!(matches!(opened, Err(Error::LinkGone)), "{change}");
        let stale = engine.change_password(&proof, password("a thief's password")).await;
        assert!(matches!(stale, Err(Error::Unconfirmed)), "{change}: the cookie before");
        assert!(member(&engine, &renewed).await.is_some(), "{change}: one's own session goes on");
        session = renewed;
        clock.advance(60);
    }
}

#[database_test]
async fn the_second_factor_is_asked_for_again_too(store: Store) {
    let (engine, clock) = engine(store);
    let first = founded(&engine).await;
    let ada = confirmed(&engine, &first, None).await;
    let app = engine.new_authenticator(&ada);
    let proof = engine.reauthenticated(&ada).unwrap();
    let none = engine.renew_recovery_codes(&proof).await;
    assert!(matches!(none, Err(Error::Transition(_))), "there is no second factor");
    let code = code_of(&app.secret, START / 30);
    let made = engine.confirm_authenticator(&proof, &app.secret, &code).await.unwrap().unwrap();
    let ada = member(&engine, &made.session).await.unwrap();
    assert!(engine.ways_to_confirm(&ada).await.unwrap().code);
    for wrong in [None, Some("000000"), Some(code.as_str())] {
        let tried = engine.confirm(&ada, password("a long password"), wrong).await.unwrap();
        assert!(matches!(tried, Confirmation::CodeNeeded), "{wrong:?}");
    }
    clock.advance(30);
    let code = code_of(&app.secret, START / 30 + 1);
    let tries =
        join_all((0..4).map(|_| engine.confirm(&ada, password("a long password"), Some(&code)))).await;
    let done = tries.iter().filter(|tried| matches!(tried, Ok(Confirmation::Done(_)))).count();
    assert_eq!(done, 1, "each code once");
}

#[database_test]
async fn of_two_changes_by_one_cookie_one_is_made(store: Store) {
    let (engine, _) = engine(store);
    let ada = confirmed(&engine, &founded(&engine).await, None).await;
    let proof = engine.reauthenticated(&ada).unwrap();
    let tries = (0..6).map(|n| engine.change_password(&proof, password(&format!("the next password {n}"))));
    let made = join_all(tries).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(made, 1);
    assert_eq!(engine.sessions_of(&ada.session).await.unwrap().len(), 1);
}

#[database_test]
async fn another_address_of_a_customer_ends_what_the_old_one_proved(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let customer = vendor.customer("Buyer").await;
    let license = vendor.license_of(&customer, "L").await;
    let sign_in = || async {
        engine.request_customer_sign_in(&customer.email).await.unwrap();
        secret(SecretKind::Link, &only_mail(&engine).await.body)
    };
    let session =
        engine.open_customer_link(&sign_in().await, None, client_info()).await.unwrap().signed_in().unwrap();
    let link = sign_in().await;
    let mailed = || async {
        engine.mail_onboarding_link(&vendor.access(), license.id).await.unwrap();
        secret(SecretKind::Onboarding, &only_mail(&engine).await.body)
    };
    let opened = engine.open_onboarding_link(&mailed().await, client_info()).await.unwrap();
    let waiting = mailed().await;
    let shared = engine.create_onboarding_link(&vendor.access(), license.id).await.unwrap();
    let shared = secret(SecretKind::Onboarding, &shared.url);

    let save = |email: &str| {
        let change = CustomerChange { email: Some(email.parse().unwrap()), ..CustomerChange::default() };
        let (engine, access) = (engine.clone(), vendor.access());
        async move { engine.update_customer(&access, customer.id, change, None).await.unwrap() }
    };
    save(customer.email.as_str()).await;
    assert!(engine.session(&session.secret).await.unwrap().is_some(), "it was saved unchanged");
    assert!(engine.link(&link).await.unwrap().is_some());
    save("other@customer.example").await;
    assert!(engine.session(&session.secret).await.unwrap().is_none());
    assert!(engine.session(&opened.secret).await.unwrap().is_none(), "opened from a mail to the old address");
    assert!(matches!(engine.open_customer_link(&link, None, client_info()).await, Err(Error::LinkGone)));
    assert!(matches!(engine.open_onboarding_link(&waiting, client_info()).await, Err(Error::LinkGone)));
    assert!(engine.open_onboarding_link(&shared, client_info()).await.is_ok(), "it went to nobody's address");
}

#[database_test]
async fn the_operator_lets_a_locked_out_owner_back_in(store: Store) {
    let (engine, _) = engine(store);
    let first = founded(&engine).await;
    let (slug, email) = ("acme".parse().unwrap(), "Ada@Acme.example".parse().unwrap());
    let none = engine.reset_second_factor(&slug, &email).await.unwrap();
    assert_eq!(none.sessions_ended, None);
    assert!(member(&engine, &first).await.is_some(), "nothing was done");
    let ada = confirmed(&engine, &first, None).await;
    let app = engine.new_authenticator(&ada);
    let code = code_of(&app.secret, START / 30);
    let proof = engine.reauthenticated(&ada).unwrap();
    let made = engine.confirm_authenticator(&proof, &app.secret, &code).await.unwrap().unwrap();
    let link = reset_link(&engine).await;
    let reset = engine.reset_second_factor(&slug, &email).await.unwrap();
    assert_eq!((reset.sessions_ended, reset.member.role), (Some(1), Role::Owner));
    assert!(member(&engine, &made.session).await.is_none());
    assert!(engine.link(&link).await.unwrap().is_none());
    let back = sign_in(&engine, None).await;
    let ada = member(&engine, &back).await.unwrap();
    let access = ada.identity.access().unwrap();
    let log =
        engine.audit_events(&access, &Default::default(), PageRequest::default()).await.unwrap().newest();
    let event = log.iter().find(|event| event.action.as_str() == "member.authenticator_removed").unwrap();
    assert_eq!(event.actor, Actor::Operator);
    for (slug, email) in [("acme", "eve@acme.example"), ("other", "ada@acme.example")] {
        let unknown = engine.reset_second_factor(&slug.parse().unwrap(), &email.parse().unwrap()).await;
        assert!(matches!(unknown, Err(Error::NotFound(_))));
    }
}

#[database_test]
async fn what_a_session_may_do_ends_with_it(store: Store) {
    let (engine, _) = engine(store);
    let person = member(&engine, &founded(&engine).await).await.unwrap();
    let access = person.identity.access::<keyward_domain::permission::WriteCustomers>().unwrap();
    let new = |email: &str| keyward_engine::NewCustomer {
        name: "Buyer".parse().unwrap(),
        email: email.parse().unwrap(),
        notes: None,
    };
    engine.create_customer(&access, new("a@buyer.example"), None).await.unwrap();
    // While a request that was let in still waits for its body.
    engine.sign_out(&person.session).await.unwrap();
    let late = engine.create_customer(&access, new("b@buyer.example"), None).await;
    assert!(matches!(late, Err(Error::Unauthenticated)));
}

#[database_test]
async fn what_is_shown_once_is_shown_once(store: Store) {
    let (engine, clock) = engine(store);
    let (first, other) = (founded(&engine).await.session, sign_in(&engine, None).await.session);
    engine.keep_to_show(&first, "/tokens/1/secret", "kw_old").await.unwrap();
    engine.keep_to_show(&first, "/tokens/1/secret", "kw_new").await.unwrap();
    assert_eq!(engine.show_once(&other, "/tokens/1/secret").await.unwrap(), None, "another session");
    assert_eq!(engine.show_once(&first, "/tokens/2/secret").await.unwrap(), None, "another page");
    let shown = join_all((0..8).map(|_| engine.show_once(&first, "/tokens/1/secret"))).await;
    let shown: Vec<_> = shown.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(shown.iter().map(|text| text.as_str()).collect::<Vec<_>>(), ["kw_new"]);
    engine.keep_to_show(&first, "/late", "kw_late").await.unwrap();
    clock.advance(300);
    assert_eq!(engine.show_once(&first, "/late").await.unwrap(), None, "after five minutes");
}
