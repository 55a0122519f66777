//! The people of a customer: invited, joined, signed in, changed and removed.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use keyward_domain::{
    Action, Actor, AuditFilter, Customer, CustomerRole, CustomerUser, CustomerUserId, CustomerUserRef,
    CustomerUserStatus, Email, Ends, PageRequest, Secret, SecretKind, Timestamp,
};
use keyward_engine::jobs::ItemRun;
use keyward_engine::{
    AnySession, Confirmation, ConfirmedCaller, CustomerChange, CustomerSession, CustomerUserChange, Engine,
    Error, LinkOpened, NewCustomerUser, NewLicense, NoticesChange, Retention, SignIn, SignedIn, Tidied,
};
use keyward_storage::Technical;
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{START, TestClock, engine, new_license};

use crate::sessions::{client_info, code_of, only_mail, password, secret};

const DAY: i64 = 24 * 60 * 60;
const LONG: &str = "a long password";

fn email(text: &str) -> Email {
    text.parse().unwrap()
}

fn new_user(address: &str, role: CustomerRole) -> NewCustomerUser {
    NewCustomerUser { email: email(address), name: "Ada".parse().unwrap(), role }
}

fn role_of(role: CustomerRole) -> CustomerUserChange {
    CustomerUserChange { role: Some(role), ..CustomerUserChange::default() }
}

async fn signed_in(engine: &Engine, secret: &Secret) -> Option<CustomerSession> {
    match engine.session(secret).await.unwrap() {
        Some(AnySession::Customer(person)) => Some(person),
        Some(_) | None => None,
    }
}

async fn mailed_link(engine: &Engine) -> Secret {
    secret(SecretKind::Link, &only_mail(engine).await.body)
}

/// A customer, and the session of its contact.
async fn contact(vendor: &Vendor) -> (Customer, SignedIn) {
    let customer = vendor.customer("Example").await;
    let engine = &vendor.engine;
    engine.request_customer_sign_in(&customer.email).await.unwrap();
    let link = mailed_link(engine).await;
    let opened = engine.open_customer_link(&link, None, client_info()).await.unwrap();
    (customer, opened.signed_in().unwrap())
}

/// A user whom the vendor invites and who accepts with a password.
async fn joined(vendor: &Vendor, customer: &Customer, address: &str, role: CustomerRole) -> SignedIn {
    let engine = &vendor.engine;
    let access = vendor.access();
    engine.invite_customer_user(&access, customer.id, new_user(address, role), None).await.unwrap();
    let link = mailed_link(engine).await;
    engine.join_customer(&link, Some(password(LONG)), client_info()).await.unwrap()
}

/// The same session once its person has given the password again.
async fn confirmed(engine: &Engine, session: &SignedIn) -> CustomerSession {
    let person = signed_in(engine, &session.secret).await.unwrap();
    match engine.confirm(&person, password(LONG), None).await.unwrap() {
        Confirmation::Done(renewed) => signed_in(engine, &renewed.secret).await.unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn users(vendor: &Vendor, customer: &Customer) -> Vec<CustomerUser> {
    let page = PageRequest { limit: PageRequest::MOST, after: None };
    vendor.engine.customer_users(&vendor.access(), customer.id, page).await.unwrap().into_parts().0
}

async fn acted(vendor: &Vendor) -> Vec<Action> {
    let page = PageRequest { limit: PageRequest::MOST, after: None };
    let events = vendor.engine.audit_events(&vendor.access(), &AuditFilter::default(), page).await.unwrap();
    let about_users = |action: &Action| action.noun() == "customer_user";
    let mut acted: Vec<_> =
        events.into_parts().0.iter().map(|event| event.action).filter(about_users).collect();
    acted.reverse();
    acted
}

#[database_test]
async fn a_viewer_changes_their_own_name_and_nothing_else(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let (customer, _) = contact(&vendor).await;
    let session = joined(&vendor, &customer, "viv@example.com", CustomerRole::Viewer).await;
    let viv = signed_in(&engine, &session.secret).await.unwrap();
    let before = acted(&vendor).await.len();
    for _ in 0..2 {
        engine.rename_self(&viv, "Vivian".parse().unwrap()).await.unwrap();
    }
    let after = signed_in(&engine, &session.secret).await.unwrap();
    assert_eq!(after.user.name.as_str(), "Vivian");
    assert_eq!((after.user.role, &after.user.email), (CustomerRole::Viewer, &viv.user.email));
    assert_eq!(
        acted(&vendor).await[before..],
        [Action::CustomerUserUpdated],
        "once, since the second changed nothing"
    );
    let page = PageRequest { limit: 1, after: None };
    let newest = engine.audit_events(&vendor.access(), &AuditFilter::default(), page).await.unwrap().newest();
    assert_eq!(newest[0].actor, Actor::CustomerUser(viv.user.id));

    engine.end_session(&viv.session, viv.session.id).await.unwrap();
    let late = engine.rename_self(&viv, "Late".parse().unwrap()).await;
    assert!(matches!(late, Err(Error::Unauthenticated)), "{late:?}");
}

#[database_test]
async fn the_contact_of_a_customer_is_its_first_admin(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let (customer, session) = contact(&vendor).await;
    let person = signed_in(&engine, &session.secret).await.unwrap();
    assert_eq!((person.user.role, person.user.status()), (CustomerRole::Admin, CustomerUserStatus::Active));
    assert_eq!(person.user.email, customer.email);
    let [user] = <[_; 1]>::try_from(users(&vendor, &customer).await).unwrap();
    assert_eq!(user.signed_in_at, Timestamp::from_unix(START));
}

#[database_test]
async fn who_is_invited_joins_once(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let customer = vendor.customer("Example").await;
    let invite = new_user("ada@example.com", CustomerRole::Viewer);
    let made = engine.invite_customer_user(&vendor.access(), customer.id, invite, None).await.unwrap().value;
    let mail = only_mail(&engine).await;
    assert_eq!(mail.recipient, email("ada@example.com"));
    let first = secret(SecretKind::Link, &mail.body);

    // Before that there is no other way in.
    engine.request_customer_sign_in(&email("ada@example.com")).await.unwrap();
    engine.request_customer_password(&email("ada@example.com")).await.unwrap();
    assert!(engine.claim_mail().await.unwrap().is_none());

    // Invited again, the link before is dead.
    let of = made.reference();
    engine.invite_customer_user_again(&vendor.access(), of).await.unwrap();
    let link = mailed_link(&engine).await;
    assert!(matches!(engine.join_customer(&first, None, client_info()).await, Err(Error::LinkGone)));
    clock.advance(7 * DAY - 1);
    assert!(engine.link(&link).await.unwrap().is_some());
    let tries = join_all((0..8).map(|_| engine.join_customer(&link, None, client_info()))).await;
    let won: Vec<_> = tries.into_iter().filter_map(Result::ok).collect();
    assert_eq!(won.len(), 1, "of those who accept at once one joins");
    let person = signed_in(&engine, &won[0].secret).await.unwrap();
    assert_eq!((person.user.id, person.user.role), (made.id, CustomerRole::Viewer));
    let again = engine.invite_customer_user_again(&vendor.access(), of).await;
    assert!(matches!(again, Err(Error::Transition(_))), "{again:?}");
    use Action::{CustomerUserInvited, CustomerUserJoined};
    assert_eq!(acted(&vendor).await, [CustomerUserInvited, CustomerUserInvited, CustomerUserJoined]);

    // By the session's link or by a password, as they like.
    engine.request_customer_sign_in(&email("ADA@example.com")).await.unwrap();
    assert!(engine.open_customer_link(&mailed_link(&engine).await, None, client_info()).await.is_ok());
}

#[database_test]
async fn an_invitation_ends_this_second(store: Store) {
    let (engine, clock) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let customer = vendor.customer("Example").await;
    let invite = new_user("ada@example.com", CustomerRole::Admin);
    engine.invite_customer_user(&vendor.access(), customer.id, invite, None).await.unwrap();
    let link = mailed_link(&engine).await;
    clock.advance(7 * DAY);
    assert!(engine.link(&link).await.unwrap().is_none());
    assert!(matches!(engine.join_customer(&link, None, client_info()).await, Err(Error::LinkGone)));
    // After a month they are taken from the list, and who has joined stays.
    assert_eq!(users(&vendor, &customer).await.len(), 2);
    tidied(&engine, &clock, 24 * DAY).await;
    let left = users(&vendor, &customer).await;
    assert_eq!(left.iter().map(|user| &user.email).collect::<Vec<_>>(), [&customer.email]);
}

/// Goes on by so many seconds, and until the clock can be trusted to tell what is old.
async fn tidied(engine: &Engine, clock: &TestClock, seconds: i64) {
    clock.advance(seconds);
    for _ in 0..13 {
        clock.advance(30 * 60);
        while let Tidied::Some(_) = engine.tidy(&Retention::default()).await.unwrap() {}
    }
}

#[database_test]
async fn one_address_is_one_user_of_a_customer(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let customer = vendor.customer("Example").await;
    let again = new_user("BUYER@customer.example", CustomerRole::Viewer);
    let taken = engine.invite_customer_user(&vendor.access(), customer.id, again, None).await;
    assert!(matches!(taken, Err(Error::Taken { field: "email", .. })), "{taken:?}");
    let invite = || {
        let (engine, access) = (Arc::clone(&engine), vendor.access());
        let new = new_user("ada@example.com", CustomerRole::Viewer);
        async move { engine.invite_customer_user(&access, customer.id, new, None).await }
    };
    let tries = join_all((0..6).map(|_| invite())).await;
    assert_eq!(tries.iter().filter(|tried| tried.is_ok()).count(), 1);
    assert!(tries.iter().all(|tried| matches!(tried, Ok(_) | Err(Error::Taken { field: "email", .. }))));

    // Of another customer, and of another vendor's, the same person is another user.
    let other = vendor.customer("Other").await;
    assert!(
        engine
            .invite_customer_user(
                &vendor.access(),
                other.id,
                new_user("ada@example.com", CustomerRole::Admin),
                None
            )
            .await
            .is_ok()
    );
}

#[database_test]
async fn nobody_reaches_users_of_others(store: Store) {
    let (engine, _) = engine(store);
    let (vendor, stranger) = (Vendor::found(&engine, "Acme").await, Vendor::found(&engine, "Other").await);
    let (customer, session) = contact(&vendor).await;
    let admin = signed_in(&engine, &session.secret).await.unwrap();
    let other = vendor.customer("Another").await;
    let theirs = users(&vendor, &other).await.remove(0);
    let own = admin.user.reference();
    let crossed = CustomerUserRef { customer: customer.id, user: theirs.id };
    let nowhere = CustomerUserRef { customer: customer.id, user: CustomerUserId::new(1, [9; 10]) };
    for (from, of) in [(&vendor, crossed), (&vendor, nowhere), (&stranger, own), (&stranger, crossed)] {
        let missing = |done: Result<(), Error>| assert!(matches!(done, Err(Error::NotFound(_))), "{done:?}");
        missing(engine.customer_user(&from.access(), of).await.map(drop));
        missing(
            engine
                .update_customer_user(&from.access(), of, role_of(CustomerRole::Viewer), None)
                .await
                .map(drop),
        );
        missing(engine.delete_customer_user(&from.access(), of, None).await);
        missing(engine.invite_customer_user_again(&from.access(), of).await);
        missing(engine.reset_customer_second_factor(&from.access(), of).await);
    }
    let list = engine.customer_users(&stranger.access(), customer.id, PageRequest::default()).await;
    assert!(matches!(list, Err(Error::NotFound(_))));
    for id in [theirs.id, nowhere.user] {
        assert!(engine.own_user(&admin, id).await.unwrap().is_none());
        assert!(matches!(engine.delete_own_user(&admin, id).await, Err(Error::NotFound(_))));
        assert!(matches!(
            engine.update_own_user(&admin, id, role_of(CustomerRole::Viewer)).await,
            Err(Error::NotFound(_))
        ));
        assert!(matches!(engine.invite_own_user_again(&admin, id).await, Err(Error::NotFound(_))));
    }
}

#[database_test]
async fn admins_manage_the_people_of_their_customer_alone(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let (customer, session) = contact(&vendor).await;
    let admin = signed_in(&engine, &session.secret).await.unwrap();
    let viewer =
        engine.invite_own_user(&admin, new_user("viv@example.com", CustomerRole::Viewer)).await.unwrap();
    let viv = engine.join_customer(&mailed_link(&engine).await, None, client_info()).await.unwrap();
    let viv = signed_in(&engine, &viv.secret).await.unwrap();
    assert_eq!(engine.own_users(&viv, PageRequest::default()).await.unwrap().into_parts().0.len(), 2);
    for refused in [
        engine.invite_own_user(&viv, new_user("x@example.com", CustomerRole::Viewer)).await.map(drop),
        engine.update_own_user(&viv, viv.user.id, role_of(CustomerRole::Admin)).await.map(drop),
        engine.delete_own_user(&viv, admin.user.id).await,
        engine.invite_own_user_again(&viv, viewer.id).await,
    ] {
        assert!(matches!(refused, Err(Error::AdminsOnly)), "{refused:?}");
    }
    // Another admin would outlive a stolen cookie.
    let promote = engine.update_own_user(&admin, viewer.id, role_of(CustomerRole::Admin)).await;
    assert!(matches!(promote, Err(Error::Unconfirmed)), "{promote:?}");
    let invite = engine.invite_own_user(&admin, new_user("adm@example.com", CustomerRole::Admin)).await;
    assert!(matches!(invite, Err(Error::Unconfirmed)), "{invite:?}");

    // The vendor makes an admin, who confirms by password.
    let bob = joined(&vendor, &customer, "bob@example.com", CustomerRole::Admin).await;
    let bob = confirmed(&engine, &bob).await;
    engine.update_own_user(&bob, viewer.id, role_of(CustomerRole::Admin)).await.unwrap();
    engine.delete_own_user(&bob, admin.user.id).await.unwrap();
    assert!(signed_in(&engine, &session.secret).await.is_none(), "the very next click");
    let late = engine.invite_own_user(&admin, new_user("y@example.com", CustomerRole::Viewer)).await;
    assert!(matches!(late, Err(Error::Unauthenticated)), "a form that was open: {late:?}");
    let detail = acted(&vendor).await;
    assert_eq!(detail.last(), Some(&Action::CustomerUserDeleted));
}

#[database_test]
async fn a_role_that_is_lowered_meanwhile_counts(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let (customer, _) = contact(&vendor).await;
    let bob = joined(&vendor, &customer, "bob@example.com", CustomerRole::Admin).await;
    let bob = signed_in(&engine, &bob.secret).await.unwrap();
    let of = bob.user.reference();
    engine.update_customer_user(&vendor.access(), of, role_of(CustomerRole::Viewer), None).await.unwrap();
    let refused = engine.invite_own_user(&bob, new_user("z@example.com", CustomerRole::Viewer)).await;
    assert!(matches!(refused, Err(Error::AdminsOnly)), "{refused:?}");
}

#[database_test]
async fn two_admins_who_demote_each_other_leave_one(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let (customer, session) = contact(&vendor).await;
    let first = signed_in(&engine, &session.secret).await.unwrap();
    let ann = joined(&vendor, &customer, "ann@example.com", CustomerRole::Admin).await;
    let bob = joined(&vendor, &customer, "bob@example.com", CustomerRole::Admin).await;
    engine.delete_customer_user(&vendor.access(), first.user.reference(), None).await.unwrap();
    let (ann, bob) = (confirmed(&engine, &ann).await, confirmed(&engine, &bob).await);
    let demote = |by: &CustomerSession, whom: &CustomerSession| {
        let (engine, by, whom) = (Arc::clone(&engine), by.clone(), whom.user.id);
        async move { engine.update_own_user(&by, whom, role_of(CustomerRole::Viewer)).await }
    };
    let tries = join_all([demote(&ann, &bob), demote(&bob, &ann)]).await;
    assert_eq!(tries.iter().filter(|tried| tried.is_ok()).count(), 1, "{tries:?}");
    let admins: Vec<_> = users(&vendor, &customer).await.into_iter().filter(CustomerUser::is_admin).collect();
    let [left] = <[_; 1]>::try_from(admins).unwrap();
    let (own, last) = if left.id == ann.user.id { (&ann, ann.user.id) } else { (&bob, bob.user.id) };
    let stays = engine.update_own_user(own, last, role_of(CustomerRole::Viewer)).await;
    assert!(matches!(stays, Err(Error::LastAdmin)), "{stays:?}");
    assert!(matches!(engine.delete_own_user(own, last).await, Err(Error::LastAdmin)));
    // The vendor can, and can repair it.
    let of = left.reference();
    engine.update_customer_user(&vendor.access(), of, role_of(CustomerRole::Viewer), None).await.unwrap();
    engine.update_customer_user(&vendor.access(), of, role_of(CustomerRole::Admin), None).await.unwrap();
    engine.delete_customer_user(&vendor.access(), of, None).await.unwrap();
    // Nobody comes back by the contact address who was removed.
    engine.request_customer_sign_in(&customer.email).await.unwrap();
    assert!(engine.claim_mail().await.unwrap().is_none());
}

#[database_test]
async fn passwords_and_codes_are_asked_for_as_members_are(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let (customer, contact) = contact(&vendor).await;
    // Who has no password gets one by mail; what was begun before ends.
    engine.request_customer_password(&customer.email).await.unwrap();
    let link = mailed_link(&engine).await;
    let set =
        engine.open_customer_password_link(&link, password(LONG), client_info()).await.unwrap().unwrap();
    assert!(signed_in(&engine, &contact.secret).await.is_none());
    let sign_in = async |word: &str, code: Option<&str>| {
        engine.customer_sign_in(&customer.email, password(word), code, client_info()).await.unwrap()
    };
    assert!(matches!(sign_in("another password", None).await, SignIn::Refused));
    assert!(matches!(sign_in(LONG, None).await, SignIn::Done(_)));
    let nobody = engine.customer_sign_in(&email("no@example.com"), password(LONG), None, client_info()).await;
    assert!(matches!(nobody, Ok(SignIn::Refused)));

    let person = confirmed(&engine, &set).await;
    let app = engine.new_authenticator(&person);
    let proof = engine.reauthenticated(&person).unwrap();
    let code = code_of(&app.secret, START / 30);
    let made = engine.confirm_authenticator(&proof, &app.secret, &code).await.unwrap().unwrap();
    let person = signed_in(&engine, &made.session.secret).await.unwrap();
    assert_eq!(engine.authenticator(&person).await.unwrap(), Some(10));
    assert!(matches!(sign_in(LONG, None).await, SignIn::CodeNeeded));
    assert!(matches!(sign_in(LONG, Some(&made.codes[0])).await, SignIn::Done(_)));

    // A mailed link is no way past it, and is not used up by a wrong code.
    engine.request_customer_sign_in(&customer.email).await.unwrap();
    let link = mailed_link(&engine).await;
    for wrong in [None, Some("000000"), Some(made.codes[0].as_str())] {
        let opened = engine.open_customer_link(&link, wrong, client_info()).await.unwrap();
        assert!(matches!(opened, LinkOpened::CodeNeeded), "{wrong:?}");
    }
    clock.advance(30);
    let code = code_of(&app.secret, START / 30 + 1);
    let tries = join_all((0..4).map(|_| engine.open_customer_link(&link, Some(&code), client_info()))).await;
    let done = tries.iter().filter(|tried| matches!(tried, Ok(LinkOpened::Done(_)))).count();
    assert_eq!(done, 1);

    // Codes that are guessed are counted, whichever way they are given.
    engine.request_customer_sign_in(&customer.email).await.unwrap();
    let link = mailed_link(&engine).await;
    let mut refused = false;
    for _ in 0..12 {
        match engine.open_customer_link(&link, Some("000000"), client_info()).await {
            Ok(LinkOpened::CodeNeeded) => {}
            Err(Error::TooManyTries { .. }) => refused = true,
            other => panic!("{other:?}"),
        }
    }
    assert!(refused);
    // The vendor takes the factor from who has lost it.
    let of = person.user.reference();
    engine.reset_customer_second_factor(&vendor.access(), of).await.unwrap();
    assert!(signed_in(&engine, &made.session.secret).await.is_none());
    assert!(matches!(sign_in(LONG, None).await, SignIn::Done(_)));
}

#[database_test]
async fn another_contact_address_moves_its_user(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let (customer, session) = contact(&vendor).await;
    let viv = joined(&vendor, &customer, "viv@example.com", CustomerRole::Viewer).await;
    let change = |to: &str| CustomerChange { email: Some(email(to)), ..CustomerChange::default() };
    let moved = change("new@customer.example");
    let customer = engine.update_customer(&vendor.access(), customer.id, moved, None).await.unwrap();
    assert!(signed_in(&engine, &session.secret).await.is_none(), "what the old address proved ends");
    assert!(signed_in(&engine, &viv.secret).await.is_some(), "and nothing of others");
    let addresses: BTreeSet<_> =
        users(&vendor, &customer).await.iter().map(|user| user.email.to_string()).collect();
    assert_eq!(addresses, ["new@customer.example", "viv@example.com"].map(str::to_owned).into());
    engine.request_customer_sign_in(&email("buyer@customer.example")).await.unwrap();
    assert!(engine.claim_mail().await.unwrap().is_none());
    // To an address that has a user already.
    engine.update_customer(&vendor.access(), customer.id, change("viv@example.com"), None).await.unwrap();
    let [left] = <[_; 1]>::try_from(users(&vendor, &customer).await).unwrap();
    assert_eq!((left.email.as_str(), left.role), ("viv@example.com", CustomerRole::Admin));
    // Deleted, the customer has nobody.
    engine.delete_customer(&vendor.access(), customer.id, None).await.unwrap();
    assert!(signed_in(&engine, &viv.secret).await.is_none());
    engine.request_customer_sign_in(&email("viv@example.com")).await.unwrap();
    assert!(engine.claim_mail().await.unwrap().is_none());
}

#[database_test]
async fn what_a_server_does_that_knows_of_no_users_is_made_up_for(store: Store) {
    let (engine, _) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let known = vendor.customer("Example").await;
    let scope = vendor.founded.organization.scope();
    // As such a server writes it.
    let customer = Customer {
        id: keyward_domain::CustomerId::new(7, [7; 10]),
        email: email("old@customer.example"),
        ..known.clone()
    };
    let tx = store.write().await.unwrap();
    tx.customers(scope).insert(&customer).await.unwrap();
    tx.commit_unrecorded(Technical::Seed).await.unwrap();
    engine.request_customer_sign_in(&customer.email).await.unwrap();
    let opened = engine.open_customer_link(&mailed_link(&engine).await, None, client_info()).await.unwrap();
    let person = signed_in(&engine, &opened.signed_in().unwrap().secret).await.unwrap();
    assert_eq!((person.customer.id, person.user.role), (customer.id, CustomerRole::Admin));
    // Its address changed there, the user follows here.
    let tx = store.write().await.unwrap();
    let changed = Customer { email: email("moved@customer.example"), version: 2, ..customer.clone() };
    tx.customers(scope).save(&changed).await.unwrap();
    tx.commit_unrecorded(Technical::Seed).await.unwrap();
    let [user] = <[_; 1]>::try_from(users(&vendor, &changed).await).unwrap();
    assert_eq!(user.email, changed.email);
}

#[database_test]
async fn ten_thousand_users_are_listed_page_by_page(store: Store) {
    let (engine, _) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let customer = vendor.customer("Example").await;
    let scope = vendor.founded.organization.scope();
    let now = Timestamp::from_unix(START).unwrap();
    let user = |n: u32| CustomerUser {
        id: CustomerUserId::new(u64::from(n) + 1, [0; 10]),
        organization: scope.id(),
        customer: customer.id,
        email: email(&format!("user-{n}@example.com")),
        name: "Someone".parse().unwrap(),
        role: CustomerRole::Viewer,
        joined_at: Some(now),
        signed_in_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    let tx = store.write().await.unwrap();
    tx.customer_users(scope).insert_all(&(1..10_000).map(user).collect::<Vec<_>>()).await.unwrap();
    tx.commit_unrecorded(Technical::Seed).await.unwrap();
    let (mut seen, mut after) = (BTreeSet::new(), None);
    loop {
        let page = PageRequest { limit: PageRequest::MOST, after };
        let (users, next) =
            engine.customer_users(&vendor.access(), customer.id, page).await.unwrap().into_parts();
        seen.extend(users.into_iter().map(|user| user.id.uuid()));
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 10_000);
}

#[database_test]
async fn admins_are_told_of_licenses_that_end(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let (customer, _) = contact(&vendor).await;
    joined(&vendor, &customer, "ann@example.com", CustomerRole::Admin).await;
    joined(&vendor, &customer, "viv@example.com", CustomerRole::Viewer).await;
    let new = NewLicense {
        customer: Some(customer.id),
        ends: Ends { expires_at: Some(Some(engine.now().plus_seconds(20 * DAY))), ..Ends::default() },
        ..new_license("Server", "{}")
    };
    engine.create_license(&vendor.access(), new, None).await.unwrap();
    let on = NoticesChange { members: Some(false), customers: Some(true), ..NoticesChange::default() };
    engine.set_notices(&vendor.access(), on, None).await.unwrap();
    while let ItemRun::Done(_) = engine.tell_endings().await.unwrap() {}
    let mut told = BTreeSet::new();
    while let Some(mail) = engine.claim_mail().await.unwrap() {
        engine.mail_sent(&mail).await.unwrap();
        told.insert(mail.recipient.to_string());
    }
    assert_eq!(told, ["ann@example.com", "buyer@customer.example"].map(str::to_owned).into());
}

#[database_test]
async fn erased_users_are_in_no_event(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let (customer, _) = contact(&vendor).await;
    for address in ["ann@example.com", "bob@example.com"] {
        joined(&vendor, &customer, address, CustomerRole::Viewer).await;
    }
    let log = async || {
        let page = PageRequest { limit: PageRequest::MOST, after: None };
        let events = engine.audit_events(&vendor.access(), &AuditFilter::default(), page).await.unwrap();
        format!("{:?}", events.into_parts().0)
    };
    assert!(log().await.contains("ann@example.com"));
    let access = vendor.access();
    let caller = ConfirmedCaller::program(&access).unwrap();
    let ann =
        users(&vendor, &customer).await.into_iter().find(|user| user.email.as_str() == "ann@example.com");
    engine.erase_customer_user(&access, &caller, ann.unwrap().reference()).await.unwrap();
    let left = log().await;
    assert!(!left.contains("ann@example.com") && left.contains("bob@example.com"), "{left}");
    engine.erase_customer(&access, &caller, customer.id).await.unwrap();
    let left = log().await;
    for gone in ["bob@example.com", "buyer@customer.example"] {
        assert!(!left.contains(gone), "{gone}: {left}");
    }
    assert!(users(&vendor, &customer).await.is_empty());
    let (slug, email) = (vendor.founded.organization.slug.clone(), email("ann@example.com"));
    let known = engine.operator_erases_customers(&slug, &email).await;
    assert!(matches!(known, Err(Error::NotFound(_))), "{known:?}");
}
