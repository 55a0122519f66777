//! A server that has moved still says offline who is withdrawn, for tokens of every address it had.

use keyward_domain::{Ends, Renewal};
use keyward_engine::{AskedList, TokenFormat};
use keyward_storage::Store;
use keyward_testkit::Vendor;
use keyward_testkit::database_test;
use keyward_testkit::engine::{engine_at, new_license};
use keyward_token::{Keyring, NoClaims, StatusError, StatusList, UnixSeconds, Verifier};

const FIRST: &str = "http://127.0.0.1:8080";
const SECOND: &str = "http://licenses.example";
const THIRD: &str = "https://licenses.example/keyward";

fn uri(issuer: &str) -> String {
    format!("{issuer}/o/acme/status-list")
}

/// The same database behind a server at another address.
fn moved(vendor: &Vendor, store: &Store, url: &str, seed: u64) -> (Vendor, keyward_testkit::TestClock) {
    let (engine, clock) = engine_at(url, store.clone(), seed);
    (vendor.at(&engine), clock)
}

async fn list(vendor: &Vendor, asked: AskedList<'_>) -> Option<StatusList> {
    let slug = &vendor.founded.organization.slug;
    let jwks = vendor.engine.jwks(slug).await.unwrap().unwrap();
    let text = vendor.engine.status_list(slug, asked).await.unwrap()?;
    let now = UnixSeconds::new(vendor.engine.now().unix());
    Some(StatusList::verify(&text, &Keyring::from_jwks(&jwks).unwrap(), now).unwrap())
}

async fn check(vendor: &Vendor, token: &str) -> Result<(), StatusError> {
    let slug = &vendor.founded.organization.slug;
    let jwks = vendor.engine.jwks(slug).await.unwrap().unwrap();
    let now = UnixSeconds::new(vendor.engine.now().unix());
    let verifier = Verifier::for_any_product().keys(Keyring::from_jwks(&jwks).unwrap()).build();
    let license = verifier.verify::<NoClaims>(token, now).unwrap();
    let named = license.status().unwrap().uri.to_string();
    list(vendor, AskedList::Uri(&named)).await.expect("it is published").check(&license, now)
}

#[database_test]
async fn every_address_that_living_tokens_name_has_its_list(store: Store) {
    let (engine, _) = engine_at(FIRST, store.clone(), 1);
    let first = Vendor::found(&engine, "Acme").await;
    let other = Vendor::found(&engine, "Other").await;
    other.license("Theirs", "{}").await;
    let (second, _) = moved(&first, &store, SECOND, 2);
    let (third, clock) = moved(&first, &store, THIRD, 3);
    let mut tokens = Vec::new();
    for (server, name) in [(&first, "one"), (&second, "two"), (&third, "three")] {
        for state in ["kept", "revoked"] {
            let license = server.license(&format!("{name} {state}"), "{}").await;
            let token =
                server.engine.license_token(&server.access(), license.id, TokenFormat::Jwt).await.unwrap();
            assert_eq!(
                check(&third, &token).await,
                Ok(()),
                "before it is revoked: the list is at hand from now on"
            );
            tokens.push((license.id, token));
        }
    }
    for (id, token) in &tokens {
        let now = third.engine.license_token(&third.access(), *id, TokenFormat::Jwt).await.unwrap();
        assert_eq!(now, *token, "a token stays as it was");
    }
    for (id, _) in tokens.iter().skip(1).step_by(2) {
        third.engine.revoke_license(&third.access(), *id, None).await.unwrap();
    }
    for (index, (_, token)) in tokens.iter().enumerate() {
        let expected = if index % 2 == 0 { Ok(()) } else { Err(StatusError::Revoked) };
        assert_eq!(check(&third, token).await, expected, "{index}, at once");
        assert_eq!(check(&first, token).await, expected, "{index}, at a server that has not moved yet");
    }

    let slug = &third.founded.organization.slug;
    let uris = third.engine.status_list_uris(slug).await.unwrap().unwrap();
    assert_eq!(uris, [uri(THIRD), uri(FIRST), uri(SECOND)]);
    let reached = third.engine.status_lists(slug).await.unwrap().unwrap();
    assert_eq!(reached[0], uri(THIRD));
    assert_eq!(
        reached[1],
        format!("{}?uri=http%3A%2F%2F127.0.0.1%3A8080%2Fo%2Facme%2Fstatus-list", uri(THIRD))
    );
    let subject = async |asked: AskedList<'_>| list(&third, asked).await.map(|list| list.uri().to_owned());
    assert_eq!(subject(AskedList::Present).await, Some(uri(THIRD)));
    assert_eq!(subject(AskedList::At("127.0.0.1:8080")).await, Some(uri(FIRST)));
    assert_eq!(subject(AskedList::At("LICENSES.example")).await, Some(uri(THIRD)), "the present one of two");
    assert_eq!(subject(AskedList::At("internal:8080")).await, Some(uri(THIRD)));
    for unknown in
        ["https://evil.example/o/acme/status-list", "http://127.0.0.1:8080/o/other/status-list", "", SECOND]
    {
        assert_eq!(subject(AskedList::Uri(unknown)).await, None, "{unknown}");
    }
    let theirs = third.engine.status_list_uris(&other.founded.organization.slug).await.unwrap().unwrap();
    assert_eq!(theirs, [format!("{THIRD}/o/other/status-list"), format!("{FIRST}/o/other/status-list")]);

    // Once all tokens of an address have expired, it is no longer published.
    clock.advance(400 * 24 * 60 * 60);
    assert_eq!(third.engine.status_list_uris(slug).await.unwrap().unwrap(), [uri(THIRD)]);
    assert_eq!(subject(AskedList::Uri(&uri(FIRST))).await, None);
}

#[database_test]
async fn a_license_without_end_keeps_its_address_and_renewal_names_the_new_one(store: Store) {
    let (engine, clock) = engine_at(FIRST, store.clone(), 1);
    let first = Vendor::found(&engine, "Acme").await;
    let endless = keyward_engine::NewLicense { ends: Ends::at(None), ..new_license("Endless", "{}") };
    let license = engine.create_license(&first.access(), endless, None).await.unwrap().value;
    let old = engine.license_token(&first.access(), license.id, TokenFormat::Jwt).await.unwrap();
    let (second, later) = moved(&first, &store, SECOND, 2);
    [clock, later].iter().for_each(|clock| clock.advance(4_000 * 24 * 60 * 60));
    let renewal = Renewal { revoke_previous: true, ..Renewal::default() };
    second.engine.renew_license(&second.access(), license.id, renewal, None).await.unwrap();
    let new = second.engine.license_token(&second.access(), license.id, TokenFormat::Jwt).await.unwrap();
    assert_eq!(check(&second, &old).await, Err(StatusError::Revoked));
    assert_eq!(check(&second, &new).await, Ok(()));
}

#[database_test]
async fn a_list_at_hand_is_given_again_until_something_changes(store: Store) {
    let (engine, clock) = engine_at(FIRST, store.clone(), 1);
    let vendor = Vendor::found(&engine, "Acme").await;
    let slug = vendor.founded.organization.slug.clone();
    let license = vendor.license("One", "{}").await;
    let fetch = async || engine.status_list(&slug, AskedList::Present).await.unwrap().unwrap();
    let first = fetch().await;
    clock.advance(59);
    assert_eq!(fetch().await, first);
    clock.advance(1);
    let fresh = fetch().await;
    assert_ne!(fresh, first, "signed anew each minute");
    engine.suspend_license(&vendor.access(), license.id, None).await.unwrap();
    assert_ne!(fetch().await, fresh);
}
