//! Showing again who one is, at the provider; and what a change of the provider ends.

use keyward_engine::{MemberSession, SignedIn};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;

use super::*;

/// Someone who is signed in by the provider.
async fn vera(engine: &Engine, strange: &Strange) -> (SignedIn, MemberSession) {
    let Arrival::Done(signed_in) = walk(engine, strange, |_| ()).await else { panic!() };
    let person = visit_of(engine, &signed_in).await.unwrap();
    (signed_in, person)
}

async fn visit_of(engine: &Engine, signed_in: &SignedIn) -> Option<MemberSession> {
    match engine.session(&signed_in.secret).await.unwrap() {
        Some(AnySession::Member(person)) => Some(person),
        Some(_) | None => None,
    }
}

/// Goes to sign in again, and comes back with what the provider should say.
async fn again(
    engine: &Engine,
    strange: &Strange,
    person: &MemberSession,
    change: impl FnOnce(&mut Says),
) -> Arrival {
    let outbound = engine.depart_to_confirm(person, "/settings/password").await.unwrap().unwrap().unwrap();
    assert!(outbound.url.contains("&prompt=login&max_age=0"), "{}", outbound.url);
    let back = sent_off(strange, outbound);
    change(&mut strange.says.lock().unwrap());
    engine.arrive(back, super::client_info()).await.unwrap()
}

#[database_test]
async fn who_signs_in_by_the_provider_confirms_there(store: Store) {
    let ((engine, clock), strange) = (engine(store), Strange::start());
    vendor(&engine, &strange).await;
    let (signed_in, person) = vera(&engine, &strange).await;
    let ways = engine.ways_to_confirm(&person).await.unwrap();
    assert!(ways.provider && !ways.password);
    assert!(matches!(engine.reauthenticated(&person), Err(Error::Unconfirmed)));

    for old in [json!(null), json!(START - 61), json!(START + 3_600), json!("now")] {
        let arrival = again(&engine, &strange, &person, claim("auth_time", old.clone())).await;
        let refused = distrust(arrival);
        assert!(matches!(refused, Some(Distrust::NotAgain | Distrust::Form)), "{old}: {refused:?}");
    }
    let owner = again(&engine, &strange, &person, |says| {
        says.claims["auth_time"] = json!(START);
        says.claims["email"] = json!("owner@vendor.example");
    });
    assert!(matches!(owner.await, Arrival::Refused(Refusal::SomeoneElse { .. })));
    assert!(visit_of(&engine, &signed_in).await.is_some(), "nothing was changed");

    let arrival = again(&engine, &strange, &person, claim("auth_time", json!(START))).await;
    let Arrival::Confirmed { session, then } = arrival else { panic!("{arrival:?}") };
    assert_eq!((then.as_str(), session.session.id), ("/settings/password", person.session.id));
    assert!(visit_of(&engine, &signed_in).await.is_none(), "the cookie is renewed");
    let confirmed = visit_of(&engine, &session).await.unwrap();
    assert!(engine.reauthenticated(&confirmed).is_ok());
    clock.advance(300);
    assert!(engine.reauthenticated(&confirmed).is_err());

    // The session ends while its person is away.
    let outbound = engine.depart_to_confirm(&confirmed, "/settings").await.unwrap().unwrap().unwrap();
    let back = sent_off(&strange, outbound);
    strange.says.lock().unwrap().claims["auth_time"] = json!(START + 300);
    engine.sign_out(&confirmed.session).await.unwrap();
    assert!(matches!(
        engine.arrive(back, super::client_info()).await.unwrap(),
        Arrival::Refused(Refusal::Stale)
    ));
}

#[database_test]
async fn another_provider_has_everyone_sign_in_anew(store: Store) {
    let (engine, strange) = (engine(store).0, Strange::start());
    let vendor = vendor(&engine, &strange).await;
    let set =
        |provider| engine.set_sign_in_provider(vendor_access(&vendor), program(&vendor), provider, None);
    let unchanged = || NewProvider { client_secret: None, ..new(&strange.issuer) };
    let (signed_in, _) = vera(&engine, &strange).await;
    set(unchanged()).await.unwrap();
    assert!(visit_of(&engine, &signed_in).await.is_some(), "nothing was changed");
    for change in [
        new(&strange.issuer),
        NewProvider { client_id: "keyward-2".parse().unwrap(), ..unchanged() },
        NewProvider {
            domain: Some("acme.example".parse().unwrap()),
            client_secret: None,
            ..new(&strange.issuer)
        },
        NewProvider { exclusive: true, client_secret: None, ..new(&strange.issuer) },
    ] {
        set(unchanged()).await.unwrap();
        let (signed_in, _) = vera(&engine, &strange).await;
        let under_way = away(&engine, &strange).await;
        set(change).await.unwrap();
        assert!(visit_of(&engine, &signed_in).await.is_none());
        let arrival = engine.arrive(under_way, super::client_info()).await.unwrap();
        assert!(matches!(arrival, Arrival::Refused(Refusal::Stale)));
    }
    set(unchanged()).await.unwrap();
    let (signed_in, person) = vera(&engine, &strange).await;
    assert!(
        ConfirmedCaller::program(&person.identity.access::<permission::ReadOrganization>().unwrap()).is_err()
    );
    engine.remove_sign_in_provider(&vendor.access(), program(&vendor), None).await.unwrap();
    assert!(visit_of(&engine, &signed_in).await.is_none());
}
