//! From a license to a token that a vendor's application verifies.

use keyward_domain::{License, LicenseStatus, Renewal};
use keyward_engine::{AskedList, Error, TokenFormat};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{START, engine};
use keyward_token::{Keyring, NoClaims, StatusError, StatusList, UnixSeconds, Verifier, VerifyError};

const PAYLOAD: &str =
    r#"{"seats":25,"plan":"pro","modules":["analytics","reporting"],"big":12345678901234567890}"#;

async fn keyring(vendor: &Vendor) -> Keyring {
    let jwks = vendor.engine.jwks(&vendor.founded.organization.slug).await.unwrap().unwrap();
    Keyring::from_jwks(&jwks).unwrap()
}

async fn token(vendor: &Vendor, license: &License) -> String {
    vendor.engine.license_token(&vendor.access(), license.id, TokenFormat::Jwt).await.unwrap()
}

#[database_test]
async fn both_formats_verify_and_say_the_same(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let license = vendor.license("Pro", PAYLOAD).await;
    let verifier = Verifier::for_any_product()
        .keys(keyring(&vendor).await)
        .issuer("https://licenses.example")
        .organization(vendor.founded.organization.id.to_string())
        .subject(license.id.to_string())
        .build();
    for format in [TokenFormat::Jwt, TokenFormat::Paseto] {
        let token = engine.license_token(&vendor.access(), license.id, format).await.unwrap();
        let again = engine.license_token(&vendor.access(), license.id, format).await.unwrap();
        assert_eq!(token, again, "a token is the same each time");
        let verified = verifier.verify::<NoClaims>(&token, UnixSeconds::new(START)).unwrap();
        assert_eq!(verified.claim("big"), Some("12345678901234567890"));
        assert_eq!(verified.claim("modules"), Some(r#"["analytics","reporting"]"#));
        assert_eq!(verified.id().unwrap(), license.revision.id.to_string());
        assert_eq!(verified.issued_at(), Some(UnixSeconds::new(START)));
        assert_eq!(
            verified.expires_at().unwrap().as_i64(),
            license.revision.validity.expires_at().unwrap().unix()
        );
        assert_eq!(verified.audience().collect::<Vec<_>>(), ["license-key"]);
        assert_eq!(verified.customer(), None);
    }
}

#[database_test]
async fn a_token_of_one_vendor_does_not_verify_for_another(store: Store) {
    let (engine, _) = engine(store);
    let (acme, other) = (Vendor::found(&engine, "Acme").await, Vendor::found(&engine, "Other").await);
    let license = acme.license("Pro", PAYLOAD).await;
    let verifier = Verifier::for_any_product().keys(keyring(&other).await).build();
    let refused = verifier.verify::<NoClaims>(&token(&acme, &license).await, UnixSeconds::new(START));
    assert!(matches!(refused, Err(VerifyError::UnknownKey { .. })), "{refused:?}");
    let foreign = engine.license_token(&other.access(), license.id, TokenFormat::Jwt).await;
    assert!(matches!(foreign, Err(Error::NotFound(_))));
}

#[database_test]
async fn renewal_gives_another_token_and_keeps_the_old_one_known(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let license = vendor.license("Pro", PAYLOAD).await;
    let first = token(&vendor, &license).await;
    clock.advance(60);
    let renewal = Renewal { revoke_previous: true, ..Renewal::default() };
    let renewed = engine.renew_license(&vendor.access(), license.id, renewal, None).await.unwrap().value;
    assert_eq!(renewed.revision.number, 2);
    assert_ne!(token(&vendor, &license).await, first);
    let old = engine.revision_token(&vendor.access(), license.id, 1, TokenFormat::Jwt).await;
    assert!(matches!(old, Err(Error::NoToken(_))));
    assert_eq!(engine.revisions(&vendor.access(), license.id).await.unwrap().len(), 2);
}

#[database_test]
async fn the_status_list_tells_offline_who_is_withdrawn(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let slug = &vendor.founded.organization.slug;
    let names = ["valid", "suspended", "revoked", "deleted", "renewed"];
    let mut tokens = Vec::new();
    let mut licenses = Vec::new();
    for name in names {
        clock.advance(1);
        let license = vendor.license(name, PAYLOAD).await;
        tokens.push(token(&vendor, &license).await);
        licenses.push(license);
    }
    engine.suspend_license(&vendor.access(), licenses[1].id, None).await.unwrap();
    engine.revoke_license(&vendor.access(), licenses[2].id, None).await.unwrap();
    engine.delete_license(&vendor.access(), licenses[3].id, None).await.unwrap();
    let renewal = Renewal { revoke_previous: true, ..Renewal::default() };
    engine.renew_license(&vendor.access(), licenses[4].id, renewal, None).await.unwrap();

    let keys = keyring(&vendor).await;
    let now = UnixSeconds::new(engine.now().unix());
    let list = engine.status_list(slug, AskedList::Present).await.unwrap().unwrap();
    let list = StatusList::verify(&list, &keys, now).unwrap();
    assert_eq!(list.uri(), "https://licenses.example/o/acme/status-list");
    let verifier = Verifier::for_any_product().keys(keys).build();
    let told = tokens.iter().map(|token| list.check(&verifier.verify::<NoClaims>(token, now).unwrap(), now));
    let told: Vec<_> = told.collect();
    use StatusError::{Revoked, Suspended};
    assert_eq!(told, [Ok(()), Err(Suspended), Err(Revoked), Err(Revoked), Err(Revoked)]);
    // The list is a token, but no license.
    let list = engine.status_list(slug, AskedList::Present).await.unwrap().unwrap();
    assert!(verifier.verify::<NoClaims>(&list, now).is_err());
}

#[database_test]
async fn withdrawn_licenses_give_no_token(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let license = vendor.license("Pro", PAYLOAD).await;
    let first = token(&vendor, &license).await;
    engine.suspend_license(&vendor.access(), license.id, None).await.unwrap();
    let suspended = engine.license_token(&vendor.access(), license.id, TokenFormat::Jwt).await;
    assert!(matches!(suspended, Err(Error::NoToken(_))));
    engine.resume_license(&vendor.access(), license.id, None).await.unwrap();
    assert_eq!(token(&vendor, &license).await, first);
    let revoked = engine.revoke_license(&vendor.access(), license.id, None).await.unwrap().value;
    assert_eq!(revoked.status(engine.now()), LicenseStatus::Revoked);
    let gone = engine.license_token(&vendor.access(), license.id, TokenFormat::Jwt).await;
    assert!(matches!(gone, Err(Error::NoToken(_))));
}
